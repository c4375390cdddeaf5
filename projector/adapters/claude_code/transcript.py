"""Claude Code's transcripts: the client's own record, which wins over hooks (Rank.RECORD)."""

import re

from msgspec import MsgspecError
from msgspec.json import Decoder, decode

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.claude_code.common import SOURCE
from projector.adapters.claude_code.transcript_assistant import assistant
from projector.adapters.claude_code.transcript_session import origin, session_changes
from projector.adapters.claude_code.transcript_user import attachment, user
from projector.adapters.claude_code.transcript_wire import (
    ApiError,
    AssistantLine,
    AttachmentLine,
    CompactMetadata,
    CostLine,
    Line,
    MetaRecord,
    SystemLine,
    TitleLine,
    UserLine,
)
from projector.adapters.wire import Wire, as_object, millis
from projector.model.changes import (
    BillSeen,
    Change,
    CompactionSeen,
    ErrorSeen,
    MessageSeen,
    PartSeen,
    Rank,
    SessionSeen,
)

PREFIX = "transcript."  # of the types of transcript lines


def _system(_: Event, line: SystemLine) -> list[Change]:
    changes = session_changes(line, line.uuid)
    if not line.uuid or not line.timestamp:
        return changes
    at = millis(line.timestamp)
    session = origin(line)
    if line.subtype == "compact_boundary":
        meta = line.compactMetadata or CompactMetadata()
        changes.append(
            CompactionSeen(
                line.uuid, session, SOURCE, at, meta.trigger, meta.preTokens, meta.postTokens, meta.durationMs
            )
        )
    elif line.subtype == "api_error":
        error = decode(line.error, type=ApiError) if as_object(line.error) else ApiError()
        text = error.formatted or error.message
        changes.append(
            ErrorSeen(line.uuid, session, SOURCE, "api_error", text, at, status_code=error.status, will_retry=True)
        )
    elif line.subtype == "local_command":
        text = decode(line.content)
        if isinstance(text, str):
            changes += [
                MessageSeen(line.uuid, session, SOURCE, "system", synthetic=True, created_at=at, completed_at=at),
                PartSeen(line.uuid, line.uuid, session, SOURCE, 0, "text", text, None, at, at),
            ]
    return changes


def _title(_: Event, line: TitleLine) -> list[Change]:
    return session_changes(line, title=line.customTitle or None)


def _cost(_: Event, line: CostLine) -> list[Change]:
    changes = session_changes(line)
    if not line.hasUnknownModelCost:
        output = min(sum(usage.outputTokens for usage in line.modelUsage.values()), 2**53)
        changes.append(BillSeen(line.sessionId, SOURCE, line.totalCostUSD, output))
    return changes


def _state(_: Event, line: Line) -> list[Change]:
    return session_changes(line)


def _meta(_: Event, record: MetaRecord) -> list[Change]:
    facts = {
        "parent_id": record.sessionId,
        "agent": record.meta.agentType,
        "spawned_by": record.meta.toolUseId,
        "title": record.meta.description,
    }
    facts = {k: v for k, v in facts.items() if v}
    return [
        SessionSeen(record.sessionId, SOURCE),
        SessionSeen(record.agentId, SOURCE, 0, Rank.RECORD, facts),
    ]


state = case(Line, _state)

CASES: dict[str, Case] = {
    "transcript.user": case(UserLine, user),
    "transcript.assistant": case(AssistantLine, assistant),
    "transcript.attachment": case(AttachmentLine, attachment),
    "transcript.system": case(SystemLine, _system),
    "transcript.custom-title": case(TitleLine, _title),
    "transcript.cost-state": case(CostLine, _cost),
    "transcript.meta": case(MetaRecord, _meta),
    **dict.fromkeys(
        (
            "transcript.queue-operation",
            "transcript.last-prompt",
            "transcript.mode",
            "transcript.permission-mode",
            "transcript.agent-name",
            "transcript.tools-used",
            "transcript.worktree-state",
            "transcript.atis-latch",
        ),
        state,
    ),
    # These lines name no session.
    "transcript.file-history-snapshot": lambda _: [],
}


# How the id of a transcript's line begins (`clankers.harnesses.claude_code.transcript_files`): the session, and the
# subagent whose file it is.
_FILE = re.compile(r"([^/:@#]+)(?:/([^/:@#]+))?[:@#]")


def owner(event: Event) -> str | None:
    """The session in whose file a line is; None for an event that is not a line."""
    file = _FILE.match(event.id) if event.type.startswith(PREFIX) else None
    return (file[2] or file[1]) if file else None


class _Versioned(Wire):
    version: str = ""


_versioned = Decoder(_Versioned).decode


def client_version(event: Event) -> str:
    """The version of the client that wrote a line; empty if the event does not say."""
    try:
        return _versioned(event.payload).version
    except MsgspecError:
        return ""
