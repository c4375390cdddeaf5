"""Claude Code's transcripts: the client's own record, which wins over hooks (Rank.RECORD)."""

from base64 import b64decode

from msgspec import MsgspecError
from msgspec.json import Decoder, decode, encode
from msgspec.structs import astuple

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.claude_code.common import SOURCE, call_of_file
from projector.adapters.claude_code.transcript_assistant import assistant
from projector.adapters.claude_code.transcript_session import (
    ended,
    file_of,
    file_session,
    line_case,
    origin,
    session_changes,
)
from projector.adapters.claude_code.transcript_user import attachment, user
from projector.adapters.claude_code.transcript_wire import (
    AiTitleLine,
    ApiError,
    AssistantLine,
    AttachmentLine,
    CompactMetadata,
    CostLine,
    CustomTitleLine,
    Line,
    MetaRecord,
    SummaryLine,
    SystemLine,
    ToolOutputRecord,
    UserLine,
)
from projector.adapters.decode import LenientDecoder
from projector.adapters.wire import Wire, any_millis, as_object
from projector.model.changes import Change, CompactionSeen, ErrorSeen, MessageSeen, PartSeen, Rank, SessionSeen
from projector.model.evidence import BillSeen, OutputSaved

_decode_error = LenientDecoder(ApiError).decode


def _system(_: Event, line: SystemLine) -> Meaning:
    changes = session_changes(line, line.uuid)
    at = any_millis(line.timestamp)
    session = origin(line)
    if line.subtype == "compact_boundary":
        meta = line.compactMetadata or CompactMetadata()
        changes.append(
            CompactionSeen(
                line.uuid, session, SOURCE, at, meta.trigger, meta.preTokens, meta.postTokens, meta.durationMs
            )
        )
    elif line.subtype == "api_error":
        error, ignored = _decode_error(line.error) if as_object(line.error) else (ApiError(), [])
        text = error.formatted or error.message
        changes.append(
            ErrorSeen(line.uuid, session, SOURCE, "api_error", text, at, status_code=error.status, will_retry=True)
        )
        return [*changes, *ignored]
    elif line.subtype == "local_command":
        text = decode(line.content)
        if isinstance(text, str):
            changes += [
                MessageSeen(
                    line.uuid, session, SOURCE, "system", synthetic=True, created_at=at, completed_at=ended(line, at)
                ),
                PartSeen(line.uuid, line.uuid, session, SOURCE, 0, "text", text, None, at, at),
            ]
    return changes


def _custom_title(_: Event, line: CustomTitleLine) -> list[Change]:
    return session_changes(line, title=line.customTitle or None)


def _ai_title(_: Event, line: AiTitleLine) -> list[Change]:
    return _generated_title(line, line.aiTitle)


def _summary(_: Event, line: SummaryLine) -> list[Change]:
    return _generated_title(line, line.summary)


def _generated_title(line: Line, title: str) -> list[Change]:
    """A title by the client, several times as a conversation goes on; a name that the user gave always wins."""
    facts = {"title": title} if title else {}
    return [*session_changes(line), SessionSeen(file_session(line), SOURCE, 0, Rank.REPORT, facts)]


def _cost(_: Event, line: CostLine) -> list[Change]:
    changes = session_changes(line)
    if not line.hasUnknownModelCost:
        output = min(sum(usage.outputTokens for usage in line.modelUsage.values()), 2**53)
        usage = encode(_usage(line), order="sorted").decode() if line.modelUsage else None
        changes.append(BillSeen(line.sessionId, SOURCE, line.totalCostUSD, output, usage))
    return changes


def _usage(line: CostLine) -> dict[str, list[int]]:
    """The counts of a bill by model, whichever size of context window was asked for: responses do not name that."""
    found: dict[str, list[int]] = {}
    for model, usage in line.modelUsage.items():
        name = model.removesuffix("[1m]")
        found[name] = [a + b for a, b in zip(found.get(name, [0] * 6), astuple(usage), strict=True)]
    return found


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


def _tool_output(_: Event, record: ToolOutputRecord) -> list[Change]:
    text = decode(record.text)
    if record.text_b64 is not None:
        text = b64decode(record.text_b64).decode("utf-8", "replace")
    if not isinstance(text, str):
        return [SessionSeen(record.sessionId, SOURCE)]
    return [OutputSaved(record.sessionId, SOURCE, record.name, call_of_file(record.name), text)]


state = line_case(Line, _state)

CASES: dict[str, Case] = {
    "transcript.user": line_case(UserLine, user),
    "transcript.assistant": line_case(AssistantLine, assistant),
    "transcript.attachment": line_case(AttachmentLine, attachment),
    "transcript.system": line_case(SystemLine, _system),
    "transcript.custom-title": line_case(CustomTitleLine, _custom_title),
    "transcript.ai-title": line_case(AiTitleLine, _ai_title),
    "transcript.summary": line_case(SummaryLine, _summary),  # up to 2.0
    "transcript.cost-state": line_case(CostLine, _cost),
    "transcript.meta": case(MetaRecord, _meta),
    "transcript.tool-result": case(ToolOutputRecord, _tool_output),
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


def owner(event: Event) -> str | None:
    """The session in whose file a line is; None for an event that is not a line."""
    file = file_of(event)
    return (file[1] or file[0]) if file else None


class _Versioned(Wire):
    version: str = ""
    cursor_version: str = ""


_versioned = Decoder(_Versioned).decode


def client_version(event: Event) -> str:
    """The version of the client that wrote a line or ran a hook; empty if the event does not say."""
    try:
        found = _versioned(event.payload)
    except MsgspecError:
        return ""
    return found.version or found.cursor_version
