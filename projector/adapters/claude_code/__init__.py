"""Claude Code: hook payloads and transcript records into changes.

Hooks come as events happen, timed by clankers. The transcript is the client's own record and wins over hooks
(Rank.RECORD). Only hooks report when a session ended, its status, and how long a tool took.

Measured on version 2.1.329. One response of the model is several transcript lines with one `message.id`, each with the
same usage. A fork copies lines with their ids under its own `sessionId`. Copied assistant lines name the original in
`requestSessionId`, lines of an in-session branch in `forkedFrom`; the others have no mark (`projector.derived.forks`).
"""

from projector.adapters.base import Adapter, merge_cases, record_or_hook
from projector.adapters.claude_code import hooks, transcript
from projector.adapters.claude_code.common import SOURCE, TOOLS
from projector.adapters.claude_code.cursor import other_client
from projector.adapters.claude_code.transcript_session import PREFIX
from projector.adapters.claude_code.unknown import unknown

ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, transcript.CASES),
    record_or_hook(lambda event: event.type.startswith(PREFIX), transcript.state, hooks.plain),
    TOOLS,
    owner=transcript.owner,
    unknown=unknown,
    client_version=transcript.client_version,
    other_client=other_client,
    only_live=frozenset({"sessions.status", "sessions.ended_at", "tools.duration_ms"}),
)
