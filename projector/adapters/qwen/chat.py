"""Qwen Code's chat files: the client's own record, which wins over hooks (Rank.RECORD)."""

import re
from collections.abc import Callable
from typing import Any

from msgspec import MsgspecError, ValidationError
from msgspec.json import Decoder, encode

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.qwen.common import CHAT, SOURCE, TOOLS, agent_session, file_of
from projector.adapters.qwen.wire import (
    AssistantLine,
    Line,
    Part,
    ResultLine,
    ShellResult,
    SystemLine,
    UiEvent,
    UserLine,
)
from projector.adapters.wire import any_millis, as_object, json_text
from projector.model.changes import (
    USES_MODEL,
    Change,
    CompactionSeen,
    ErrorSeen,
    MessageSeen,
    PartSeen,
    Rank,
    SessionSeen,
    Todo,
    TodosSeen,
    ToolSeen,
)
from projector.model.evidence import Copied
from projector.model.naming import call_row_id, scoped_id

_EXIT_CODE = re.compile(r"^Exit Code: (-?\d{1,10})$", re.MULTILINE)
_TURN = "########"  # in the id of a prompt of the conversation, behind the session
_PERSON = "real_user"  # the provenance of what a person typed; older versions say none


def _line_case(wire: Any, adapt: Callable[[str, str, int | None, Any], Meaning]) -> Case:
    """A case for a line, which gets its session, its row id and its time."""

    def located(event: Event, line: Line) -> Meaning:
        if (file := file_of(event)) is None:
            raise ValidationError("the id of the record names no session")
        id = line.uuid or event.id
        at = any_millis(line.timestamp)
        session, changes = _session(line, *file, id, at or 0)
        return [*changes, *adapt(session, id, at, line)]

    return case(wire, located)


def _session(line: Line, parent: str, agent: str | None, id: str, at: int) -> tuple[str, list[Change]]:
    """The session that a line belongs to, and what it says of sessions."""
    session = agent_session(agent, parent) if agent else parent
    if line.forkedFrom and line.forkedFrom.sessionId != session:
        origin = line.forkedFrom.sessionId
        forked = SessionSeen(session, SOURCE, at, Rank.RECORD, {"forked_from": origin})
        return origin, [SessionSeen(origin, SOURCE), Copied(id, session, origin, at), forked]
    found = {"project_path": line.cwd, "client_version": line.version, "git_branch": line.gitBranch}
    facts: dict[str, Any] = {name: value for name, value in found.items() if value}
    if at:
        facts |= {"created_at": at, "updated_at": at}
    if not agent:
        return session, [SessionSeen(session, SOURCE, at, Rank.RECORD, facts)]
    facts["parent_id"] = parent
    if line.agentName:  # the id is the name and the id of the call
        call = call_row_id(agent.removeprefix(line.agentName + "-"), parent)
        facts |= {"agent": line.agentName, "spawned_by": call}
    return session, [SessionSeen(parent, SOURCE), SessionSeen(session, SOURCE, at, Rank.RECORD, facts)]


def _user(session: str, id: str, at: int | None, line: UserLine) -> list[Change]:
    """What a person typed; in a subagent it is the parent's."""
    synthetic = bool(line.agentId) or line.provenance not in (None, _PERSON)
    message = MessageSeen(id, session, SOURCE, "user", synthetic=synthetic, created_at=at, completed_at=at)
    return [message, *_parts(session, id, at, line.message.parts)]


def _assistant(session: str, id: str, at: int | None, line: AssistantLine) -> list[Change]:
    """A response. In a subagent its calls follow in a line of their own, without usage."""
    usage = line.usageMetadata
    if line.agentId and usage is None and line.parentUuid:
        return _parts(session, line.parentUuid, at, line.message.parts)
    message = MessageSeen(
        id, session, SOURCE, "assistant", model=line.model, agent=line.agentName, created_at=at, completed_at=at
    )
    if usage:
        message.prompt_tokens = _uncached(usage.promptTokenCount, usage.cachedContentTokenCount)
        message.cache_read_tokens = usage.cachedContentTokenCount
        message.completion_tokens = usage.candidatesTokenCount
        message.reasoning_tokens = usage.thoughtsTokenCount
        message.counted_at = at
    return [message, *_parts(session, id, at, line.message.parts)]


def _uncached(tokens: int | None, cached: int | None) -> int | None:
    """The tokens of a prompt that were not read from the cache: the client counts them all."""
    return None if tokens is None else max(tokens - (cached or 0), 0)


def _parts(session: str, message: str, at: int | None, parts: list[Part]) -> list[Change]:
    changes: list[Change] = []
    for seq, part in enumerate(parts):
        kind, text, data = "reasoning" if part.thought else "text", part.text, None
        call = part.functionCall
        if call and call.id:
            row = call_row_id(call.id, session)
            kind, data = "tool", encode({"id": row}).decode()
            opened = TOOLS.opened(row, session, SOURCE, call.name, call.args, at)
            opened.message_id = message
            changes.append(opened)
            if call.name == "todo_write":
                changes += _todos(session, at, as_object(call.args))
        elif part.functionResponse:
            continue
        changes.append(PartSeen(scoped_id(str(seq), message), message, session, SOURCE, seq, kind, text, data, at, at))
    return changes


def _todos(session: str, at: int | None, given: dict[str, object]) -> list[Change]:
    todos = given.get("todos")
    items = [t for t in todos if isinstance(t, dict)] if isinstance(todos, list) else []
    known = [
        Todo(t["content"], t.get("status") if isinstance(t.get("status"), str) else None)
        for t in items
        if isinstance(t.get("content"), str)
    ]
    return [TodosSeen(session, SOURCE, at or 0, Rank.RECORD, known)] if isinstance(todos, list) else []


def _result(session: str, _: str, at: int | None, line: ResultLine) -> list[Change]:
    """The results of calls; `toolCallResult` is about the only one, or the first."""
    result = line.toolCallResult
    responses = [part.functionResponse for part in line.message.parts if part.functionResponse]
    changes: list[Change] = []
    for one in responses:
        if not (id := one.id or (result.callId if result else None)):
            continue
        about = result if result and result.callId in (None, id) else None
        response = as_object(one.response)
        error, output = response.get("error"), response.get("output")
        text = next((t for t in (error, output) if isinstance(t, str)), None) or json_text(one.response)
        status = about.status if about else None
        failed = status not in (None, "success") or isinstance(error, str)
        code = about.resultDisplay.exitCode if about and isinstance(about.resultDisplay, ShellResult) else None
        if code is None and (found := _EXIT_CODE.search(text or "")):
            code = int(found[1])
        changes.append(
            ToolSeen(
                call_row_id(id, session),
                session,
                SOURCE,
                close_rank=Rank.RECORD,
                status="interrupted" if status == "cancelled" else "error" if failed else "completed",
                success=not failed and not code,
                tool_output=text,
                exit_code=code,
                error_message=text if failed else None,
                duration_ms=about.durationMs if about else None,
                completed_at=at,
            )
        )
    return changes


def _system(session: str, id: str, at: int | None, line: SystemLine) -> list[Change]:
    payload = line.systemPayload
    if payload and payload.uiEvent and line.subtype == "ui_telemetry":
        adapt = _TELEMETRY.get(payload.uiEvent.event_name or "")
        return adapt(session, id, at, payload.uiEvent) if adapt else []
    if payload and payload.info and line.subtype == "chat_compression":
        info = payload.info
        counts = (info.originalTokenCount, info.newTokenCount)
        return [CompactionSeen(id, session, SOURCE, at, info.triggerReason, *counts)]
    return []


def _api_response(session: str, id: str, at: int | None, event: UiEvent) -> list[Change]:
    """A request; most have a line of their own, in this file or, of a subagent with a task, in its own file."""
    if _TURN in (event.prompt_id or ""):
        return []
    if event.subagent_task_name is not None:
        if not event.subagent_id or not event.model:
            return []
        # The subagent's own file does not name the model.
        agent = agent_session(event.subagent_id, session)
        return [SessionSeen(agent, SOURCE, at or 0, Rank.RECORD, {f"{USES_MODEL}{event.model}": ""})]
    message = MessageSeen(
        id,
        session,
        SOURCE,
        "assistant",
        model=event.model,
        agent=event.subagent_name,
        prompt_tokens=_uncached(event.input_token_count, event.cached_content_token_count),
        completion_tokens=event.output_token_count,
        cache_read_tokens=event.cached_content_token_count,
        reasoning_tokens=event.thoughts_token_count,
        created_at=at,
        completed_at=at,
        counted_at=at,
        synthetic=True,
    )
    part = PartSeen(scoped_id("0", id), id, session, SOURCE, 0, "text", event.response_text, None, at, at)
    return [message, part] if event.response_text else [message]


def _api_error(session: str, id: str, at: int | None, event: UiEvent) -> list[Change]:
    kind = event.error_type or "api_error"
    failed = ErrorSeen(id, session, SOURCE, kind, event.error_message, at, status_code=event.status_code)
    if _TURN not in (event.prompt_id or ""):
        return [failed]
    # The turn has ended, and no hook says so.
    return [failed, SessionSeen(session, SOURCE, at or 0, Rank.HOOK, {"status": "idle"})]


def _tool_call(session: str, _: str, _at: int | None, event: UiEvent) -> list[Change]:
    """How long a call took."""
    if not event.call_id:
        return []
    return [ToolSeen(call_row_id(event.call_id, session), session, SOURCE, duration_ms=event.duration_ms)]


_TELEMETRY: dict[str, Callable[[str, str, int | None, UiEvent], list[Change]]] = {
    "qwen-code.api_response": _api_response,
    "qwen-code.api_error": _api_error,
    "qwen-code.tool_call": _tool_call,
}


def _plain(_session: str, _id: str, _at: int | None, _line: Line) -> list[Change]:
    return []


plain = _line_case(Line, _plain)

CASES: dict[str, Case] = {
    CHAT + "user": _line_case(UserLine, _user),
    CHAT + "assistant": _line_case(AssistantLine, _assistant),
    CHAT + "tool_result": _line_case(ResultLine, _result),
    CHAT + "system": _line_case(SystemLine, _system),
}

_versioned = Decoder(Line).decode


def client_version(event: Event) -> str:
    """The version of the client that wrote a line; empty if the event does not say."""
    try:
        return _versioned(event.payload).version or ""
    except MsgspecError:
        return ""
