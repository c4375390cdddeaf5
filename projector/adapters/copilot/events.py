"""GitHub Copilot CLI's event logs: the client's own record, which wins over hooks (Rank.RECORD)."""

import re
from collections.abc import Callable
from typing import Any

from msgspec import MsgspecError, ValidationError
from msgspec.json import Decoder

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.copilot.common import EVENT, SOURCE, EventPlace, agent_session, offset_of, session_of
from projector.adapters.copilot.messages import (
    assistant,
    compaction,
    notification,
    response_id,
    saved_output,
    tool_complete,
    user,
)
from projector.adapters.copilot.usage import response, total, usage_record, usage_row
from projector.adapters.copilot.wire import (
    AssistantLine,
    CompactionLine,
    ContextLine,
    ErrorLine,
    InfoLine,
    Line,
    NotificationLine,
    SavedFile,
    ShutdownLine,
    StartLine,
    SubagentLine,
    ToolLine,
    UsageLine,
    UsageRow,
    UserLine,
    Workspace,
)
from projector.adapters.copilot.workspace import workspace
from projector.adapters.wire import any_millis
from projector.model.changes import Change, ErrorSeen, Rank, SessionSeen
from projector.model.evidence import Copied, UsageSeen
from projector.model.naming import call_row_id

_FORKED = re.compile(r'Forked from ".*" \(([\w-]{1,128})\) as ".*" \(([\w-]{1,128})\)\.', re.DOTALL)


def _line_case(wire: Any, adapt: Callable[[EventPlace, Any], Meaning]) -> Case:
    """A case for a line, which gets its place."""

    def located(event: Event, line: Line) -> Meaning:
        if (log := session_of(event)) is None:
            raise ValidationError("the id of the record names no session")
        session = agent_session(line.agentId, log) if line.agentId else log
        place = EventPlace(log, session, line.id or event.id, offset_of(event), any_millis(line.timestamp))
        return [*_session(place), *adapt(place, line)]

    return case(wire, located)


def _session(place: EventPlace) -> list[Change]:
    facts: dict[str, Any] = {"updated_at": place.at} if place.at else {}
    if place.session == place.log:
        return [SessionSeen(place.log, SOURCE, place.at or 0, Rank.RECORD, facts)]
    facts["parent_id"] = place.log
    if place.at:
        facts["created_at"] = place.at
    return [SessionSeen(place.log, SOURCE), SessionSeen(place.session, SOURCE, place.at or 0, Rank.RECORD, facts)]


def _status(place: EventPlace, status: str, ended_at: int | None = None) -> SessionSeen:
    """Not ranked as a record: hooks report the same, and the latest report counts."""
    facts = {"status": status, "ended_at": ended_at}
    return SessionSeen(place.session, SOURCE, place.at or 0, Rank.HOOK, facts)


def _about(place: EventPlace, **facts: object) -> list[Change]:
    known = {name: value for name, value in facts.items() if value}
    return [SessionSeen(place.session, SOURCE, place.at or 0, Rank.RECORD, known)] if known else []


def _start(place: EventPlace, line: StartLine) -> list[Change]:
    """A session begins. A fork's log begins with its origin's start; only its description says when it was made."""
    context = line.data.context
    changes = _about(
        place,
        client_version=line.data.copilotVersion,
        project_path=context.cwd if context else None,
        git_branch=context.branch if context else None,
    )
    created = SessionSeen(place.session, SOURCE, place.at or 0, Rank.REPORT, {"created_at": place.at})
    return [*changes, created, *_run(place)] if place.at else [*changes, *_run(place)]


def _resume(place: EventPlace, line: StartLine) -> list[Change]:
    context = line.data.context
    return [*_about(place, git_branch=context.branch if context else None), *_run(place)]


def _run(place: EventPlace) -> list[Change]:
    return [_status(place, "active"), UsageSeen(place.id, place.log, SOURCE, "run", place.at, place.offset)]


def _context(place: EventPlace, line: ContextLine) -> list[Change]:
    return _about(place, git_branch=line.data.branch)


def _user(place: EventPlace, line: UserLine) -> list[Change]:
    return [_status(place, "busy"), *user(place, line.data)]


def _assistant(place: EventPlace, line: AssistantLine) -> list[Change]:
    message = response_id(place, line.data)
    return [*assistant(place, message, line.data), response(place, message, line.data)]


def _usage_record(place: EventPlace, line: UsageLine) -> list[Change]:
    """Copied ones name the session that made the request, in case the log says nothing else of a fork."""
    usage = line.data.usage
    origin = usage.accounting.sourceSessionId if usage.accounting and place.session == place.log else None
    forked = _about(place, forked_from=origin) if origin != place.log else []
    return [*([SessionSeen(str(origin), SOURCE)] if forked else []), *forked, usage_record(place, usage)]


def _shutdown(place: EventPlace, line: ShutdownLine) -> list[Change]:
    return [_status(place, "ended", place.at), total(place, line.data)]


def _compaction(place: EventPlace, line: CompactionLine) -> list[Change]:
    return compaction(place, line.data)


def _notification(place: EventPlace, line: NotificationLine) -> list[Change]:
    return notification(place, line.data)


def _tool(place: EventPlace, line: ToolLine) -> list[Change]:
    return tool_complete(place, line.data)


def _turn(status: str) -> Callable[[EventPlace, Line], Meaning]:
    return lambda place, _: [_status(place, status)]


def _error(place: EventPlace, line: ErrorLine) -> list[Change]:
    error = line.data
    kind = error.errorType or "error"
    row = ErrorSeen(place.id, place.session, SOURCE, kind, error.message, place.at, status_code=error.statusCode)
    return [row, _status(place, "error")]


def _info(place: EventPlace, line: InfoLine) -> list[Change]:
    """A fork says where it comes from: what its log has before this line was copied."""
    found = _FORKED.fullmatch(line.data.message or "") if line.data.infoType == "fork" else None
    if not found or found[2] != place.log:
        return []
    return [
        SessionSeen(found[1], SOURCE),
        *_about(place, forked_from=found[1]),
        Copied(place.id, place.log, found[1], place.at or 0),
        UsageSeen(place.id, place.log, SOURCE, "fork", place.at, place.offset),
    ]


def _subagent_started(place: EventPlace, line: SubagentLine) -> list[Change]:
    call = line.data.toolCallId
    spawned_by = call_row_id(call, place.log) if call else None
    return [*_about(place, agent=line.data.agentType or line.data.agentName, spawned_by=spawned_by)]


def _subagent_ended(place: EventPlace, _: Line) -> list[Change]:
    return [_status(place, "ended", place.at)] if place.session != place.log else []


def _plain(_: EventPlace, _line: Line) -> list[Change]:
    return []


plain = _line_case(Line, _plain)

CASES: dict[str, Case] = {
    EVENT + name: found
    for name, found in {
        "session.start": _line_case(StartLine, _start),
        "session.resume": _line_case(StartLine, _resume),
        "session.context_changed": _line_case(ContextLine, _context),
        "session.info": _line_case(InfoLine, _info),
        "session.error": _line_case(ErrorLine, _error),
        "session.usage_record": _line_case(UsageLine, _usage_record),
        "session.shutdown": _line_case(ShutdownLine, _shutdown),
        "session.compaction_complete": _line_case(CompactionLine, _compaction),
        "user.message": _line_case(UserLine, _user),
        "system.notification": _line_case(NotificationLine, _notification),
        "assistant.message": _line_case(AssistantLine, _assistant),
        "assistant.turn_start": _line_case(Line, _turn("busy")),
        "assistant.turn_end": _line_case(Line, _turn("idle")),
        "tool.execution_complete": _line_case(ToolLine, _tool),
        "subagent.started": _line_case(SubagentLine, _subagent_started),
        "subagent.completed": _line_case(Line, _subagent_ended),
        "subagent.failed": _line_case(Line, _subagent_ended),
        # Calls are in their responses. The other lines concern the client, or repeat the conversation.
        **dict.fromkeys(
            (
                *("tool.execution_start", "hook.start", "hook.end", "system.message", "subagent.configured", "abort"),
                *("session.model_change", "session.warning", "session.compaction_start", "session.mode_changed"),
                *("model.turn_started", "model.model_call_started", "model.model_call_success", "model.message"),
                *("model.response", "model.turn_ended", "model.messages_snapshot"),
            ),
            plain,
        ),
    }.items()
} | {
    "workspace": case(Workspace, workspace),
    "tool-output": case(SavedFile, saved_output),
    "db.usage": case(UsageRow, usage_row),
}

_versioned = Decoder(StartLine).decode


def client_version(event: Event) -> str:
    """The version of the client that wrote a line; empty if the event does not say, as most do not."""
    try:
        return _versioned(event.payload).data.copilotVersion or ""
    except MsgspecError:
        return ""
