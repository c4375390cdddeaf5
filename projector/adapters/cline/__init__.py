"""Cline: records of its session files, and its hooks, into changes.

Measured on version 3.0.65. Tokens are those of the messages: the client's totals of a session lack its subagents. What
a request for a summary used is written nowhere.
"""

from projector.adapters.base import Adapter, merge_cases, record_or_hook
from projector.adapters.cline import hooks, records
from projector.adapters.cline.common import SOURCE, TOOLS, owner, place_of
from projector.adapters.cline.unknown import unknown

ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, records.CASES),
    record_or_hook(place_of, records.plain, hooks.plain),
    TOOLS,
    owner=owner,
    unknown=unknown,
    client_version=records.client_version,
    only_live=frozenset({"sessions.status", "tools.duration_ms"}),
)
