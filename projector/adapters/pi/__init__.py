"""pi: the entries of its session files, and the events of our extension, into changes.

Measured on versions 1.6.0 and 0.73.1. A fork's file begins with copies of its origin's entries, ids and times included.
An entry's id has only 8 hex digits, so a row is named by it and its time.
"""

from projector.adapters.base import Adapter, merge_cases, record_or_hook
from projector.adapters.pi import entries, live
from projector.adapters.pi.common import SOURCE, TOOLS, session_of

ADAPTER = Adapter(
    SOURCE,
    merge_cases(entries.CASES, live.CASES),
    record_or_hook(session_of, entries.plain, live.plain),
    TOOLS,
    owner=session_of,
    only_live=frozenset({"sessions.status", "sessions.ended_at"}),
)
