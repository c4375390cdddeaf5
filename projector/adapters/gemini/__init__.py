"""Gemini CLI: hook payloads and records of its chat files into changes.

Hooks come as events happen, with the time of each. The chat files are the client's own record and win over hooks
(Rank.RECORD). Only hooks report when a session ended, its status, how long a tool took, and calls that were killed.

Measured on versions 0.61.0 and 0.36.0. The client's own way of reading its files loses what was spent: a list that
replaces the conversation lacks the tokens of earlier responses, or the responses.
"""

from projector.adapters.base import Adapter, merge_cases, record_or_hook
from projector.adapters.gemini import chat, hooks
from projector.adapters.gemini.common import SOURCE, TOOLS, place_of

ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, chat.CASES),
    record_or_hook(place_of, chat.message, hooks.plain),
    TOOLS,
    owner=chat.owner,
    only_live=frozenset({"sessions.status", "sessions.ended_at", "tools.duration_ms"}),
)
