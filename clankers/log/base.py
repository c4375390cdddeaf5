"""What every engine of the log offers. The files of `reader` and `writer` are the first one.

A log consists of segments, each of which only grows at its end: a file a day here, a partition of a stream elsewhere.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NewType

    # A place in the log as an integer of at most 63 bits, so that SQL stores, compares and negates it. Positions grow
    # along the log; beyond their order they mean nothing outside `clankers.log`.
    Position = NewType("Position", int)
else:
    Position = int
