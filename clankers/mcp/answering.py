"""Answers a call: opens the database as of now, asks, makes what it found safe, and turns failures into sentences."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import apsw
import msgspec

from clankers import paths
from clankers.errors import BusyError, ClankersError, advice
from clankers.mcp.paging import LIMIT, ToolError
from clankers.mcp.recorded import Recorded
from clankers.mcp.schema import arguments
from clankers.mcp.scope import Scope
from clankers.mcp.tool import Lookup, Tool
from clankers.queries.connect import open_current

_TRIES = 5  # while another program replaces or recovers the database
_PAUSE = 0.2  # seconds between two

T = TypeVar("T")


def call(scope: Scope, meta: Mapping[str, Any], tool: Tool, given: object) -> dict[str, Any]:
    """The answer of a tool, as JSON values.

    Args:
        scope: what may be shown.
        meta: what the client says beside the arguments.
        tool: which is called.
        given: the arguments.

    Raises:
        ToolError: it cannot be answered.
    """
    asked = arguments(given, tool.takes)

    def ask(lookup: Lookup) -> dict[str, Any]:
        answer = tool.run(lookup, asked)
        answer.notes = lookup.notes
        safe: dict[str, Any] = lookup.recorded.value(msgspec.to_builtins(answer))
        if (size := len(msgspec.json.encode(safe).decode())) > LIMIT:
            raise ToolError(f"the answer has {size:,} characters, more than the {LIMIT:,} that one may have")
        return safe

    return look_up(scope, meta, ask)


def look_up(scope: Scope, meta: Mapping[str, Any], ask: Callable[[Lookup], T]) -> T:
    """What `ask` finds in the database as of now.

    Raises:
        ToolError: it finds nothing, or the database cannot be read.
    """
    with _sentences():
        for attempt in range(1, _TRIES + 1):
            notes: list[str] = []
            try:
                with contextlib.closing(open_current(notes.append)) as db:
                    return ask(Lookup(db=db, path=paths.database_path(), scope=scope, meta=dict(meta), notes=notes))
            except (BusyError, apsw.BusyError, apsw.LockedError):
                if attempt == _TRIES:
                    raise
                time.sleep(_PAUSE)
    raise AssertionError  # the loop returns or raises


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    """Turn what goes wrong into a `ToolError`: a sentence for the agent, and no control character in it."""
    try:
        yield
    except ClankersError as e:
        raise ToolError(Recorded().text(str(e))) from e
    except LookupError as e:
        raise ToolError("what was asked for is no longer there") from e
    except apsw.Error as e:
        raise ToolError(f"the database cannot be read: {e}; `clankers doctor` says what to do") from e
    except UnicodeEncodeError as e:
        raise ToolError("an argument has characters that are not Unicode text") from e
    except (ValueError, OverflowError) as e:  # such as a path with a null character
        raise ToolError(f"an argument has a value that cannot be used: {Recorded().text(str(e))}") from e
    except OSError as e:
        raise ToolError(f"{e.filename or 'a file'} cannot be read: {e.strerror or e}; {advice(e)}") from e
