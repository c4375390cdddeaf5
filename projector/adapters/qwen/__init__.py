"""Qwen Code: the lines of its chat files, and its hooks, into changes.

Measured on version 0.24.4. A fork's file begins with copies of its origin's lines, uuids included, which name the
origin. Requests beside the conversation, of the client's own agents and of compressions, are in its telemetry only.
"""

from projector.adapters.base import Adapter, merge_cases, record_or_hook
from projector.adapters.qwen import chat, hooks
from projector.adapters.qwen.common import SOURCE, TOOLS, file_of, owner

ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, chat.CASES),
    record_or_hook(file_of, chat.plain, hooks.plain),
    TOOLS,
    owner=owner,
    client_version=chat.client_version,
    only_live=frozenset({"sessions.status", "sessions.ended_at"}),
)
