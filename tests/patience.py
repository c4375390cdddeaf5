"""How long tests wait: until what must happen happens, however busy the machine is.

A test of speed counts processor time, never the clock. A test that something does not wait makes the wait
endless (`NEVER`): then every end that comes at all is in time.
"""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE = 180.0  # seconds: what has not happened by then never will; some thirty times what the slowest step takes
BUSY_MS = round(DEADLINE * 1000)  # the same, for SQLite's busy timeout
NEVER = 3600.0  # seconds: a wait that no test sits out


def processor_time() -> float:
    """Seconds of processor time that this process and the children that have ended took so far."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def wait_for(condition: Callable[[], T | None], what: str = "it") -> T:
    """What `condition` returns, once that is true.

    Raises:
        AssertionError: `what` did not happen by the deadline.
    """
    deadline = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE:.0f} s"
        time.sleep(0.005)  # between two looks, so that the other process gets the processor
    return found
