"""OpenCode: events of its plugin, and records of its stores, into changes."""

from projector.adapters.base import Adapter, merge_cases
from projector.adapters.opencode import events, store, upserts
from projector.adapters.opencode.common import TOOLS
from projector.adapters.opencode.unknown import unknown

ADAPTER = Adapter(
    "opencode",
    merge_cases(events.CASES, store.CASES, upserts.CASES),
    events.fallback,
    TOOLS,
    unknown=unknown,
    # A failure without a message, a status and the time of a to-do list are in no store.
    only_live=frozenset({"sessions.status", "sessions.error_count", "todos.updated_at"}),
)
