"""Kimi Code: the lines of its wire logs, a session's state, and its hooks, into changes.

Measured on version 2.1.0, protocol 1.5. A step of a turn is a response. A fork's wire log begins with copies of its
origin's lines, with the same ids and times. What a request used is in a line that names neither the step nor the model:
both follow from its place in the file.
"""

from projector.adapters.base import Adapter, merge_cases, record_or_hook
from projector.adapters.kimi import hooks, state, wire_log
from projector.adapters.kimi.common import SOURCE, TOOLS, owner
from projector.adapters.kimi.unknown import unknown

ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, state.CASES, wire_log.CASES),
    record_or_hook(owner, wire_log.plain, hooks.plain),
    TOOLS,
    owner=owner,
    unknown=unknown,
    only_live=frozenset({"sessions.status", "sessions.ended_at"}),
)
