"""Claude Code: hook payloads and transcript records into changes.

Hooks come as events happen, timed by us. The transcript is the client's own record and wins wherever both speak
(Rank.RECORD); only the hooks know when a session ended, how it stands, and how long a tool took.

Measured on version 2.1.329. One response of the model is several transcript lines with one `message.id`, each with the
same usage. A fork copies lines with their ids under its own `sessionId`: assistant lines then bear the original in
`requestSessionId`, lines of an in-session branch in `forkedFrom`, the others bear no mark (`projector.forks`).
"""

import re
from binascii import crc32
from collections.abc import Callable
from typing import Any

from msgspec import Raw, field
from msgspec.json import Decoder, decode, encode

from clankers.reader import Event
from projector.changes import (
    Change,
    CompactionSeen,
    Copied,
    CostSeen,
    ErrorSeen,
    MessageSeen,
    PartSeen,
    Rank,
    SessionSeen,
    Sighting,
    Todo,
    TodosSeen,
    ToolClosed,
    ToolOpened,
)
from projector.wire import NOTHING, Count, Dollars, Id, Int, Wire, as_object, file_path, json_text, millis

SOURCE = "claude-code"
PROVIDER = "anthropic"
SYNTHETIC_MODEL = "<synthetic>"  # the "model" of lines that the client wrote itself
# Ids that the Anthropic API gives, and uuids that the client gives, are unique everywhere. Other servers count, or give
# all responses the same id: theirs are taken to be unique within a request or session.
_UNIQUE = re.compile(r"(?:msg|toolu|srvtoolu)_(?:bdrk_|vrtx_)?01\w{10,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EXIT_CODE = re.compile(r"Exit code (\d{1,10})\b")
# How the text begins by which the model is told that a call failed or was denied.
_FAILURE = re.compile(
    r"<tool_use_error>|Exit code \d|Error\b|Permission to use |Claude requested permissions|The user doesn't want"
)
_COMMAND_NAME = re.compile(r"<command-name>(.*?)</command-name>", re.DOTALL)
_COMMAND_ARGS = re.compile(r"<command-args>(.*?)</command-args>", re.DOTALL)
# How text begins that the client made up, in the user's place.
_SYNTHETIC = (
    "<command-name>",
    "<command-message>",
    "<command-args>",
    "<local-command-",
    "<bash-stdout>",
    "<bash-stderr>",
    "<task-notification>",
    "<system-reminder>",
    "[Request interrupted by user",
)


# --- hooks ---------------------------------------------------------------------------------------------------------


class Hook(Wire):
    """What every hook's payload holds."""

    session_id: Id
    cwd: str | None = None
    permission_mode: str | None = None
    session_title: str | None = None
    prompt_id: Id | None = None
    agent_id: Id | None = None
    agent_type: str | None = None


class PromptHook(Hook, kw_only=True):
    prompt: str


class ToolHook(Hook, kw_only=True):
    tool_use_id: Id
    tool_name: str | None = None
    tool_input: Raw = NOTHING
    tool_response: Raw = NOTHING
    error: str | None = None
    is_interrupt: bool | None = None
    duration_ms: Count | None = None


class BatchCall(Wire):
    tool_use_id: Id
    tool_name: str | None = None
    tool_input: Raw = NOTHING
    tool_response: Raw = NOTHING


class BatchHook(Hook, kw_only=True):
    tool_calls: list[BatchCall] = field(default_factory=list)


class DeniedHook(Hook, kw_only=True):
    tool_use_id: Id | None = None
    reason: str | None = None


class StopHook(Hook, kw_only=True):
    last_assistant_message: str | None = None
    error: str | None = None


class TaskHook(Hook, kw_only=True):
    task_id: Id
    task_subject: str = ""


def _session_of(hook: Hook) -> str:
    """The session that a hook speaks of: a subagent is one of its own. A compaction's has no type and no record."""
    return hook.agent_id if hook.agent_id and hook.agent_type else hook.session_id


def _hook_session(event: Event, hook: Hook, **more: Any) -> list[Change]:
    at = millis(event.ts)
    facts: dict[str, Any] = {"created_at": at, "updated_at": at, **more}
    if hook.cwd:
        facts["project_path"] = hook.cwd
    if hook.permission_mode:
        facts["permission_mode"] = hook.permission_mode
    if hook.session_title:
        facts["title"] = hook.session_title
    session = _session_of(hook)
    if session == hook.session_id:
        return [SessionSeen(session, SOURCE, at, Rank.HOOK, facts)]
    facts |= {"parent_id": hook.session_id, "agent": hook.agent_type}
    for name in ("title", "permission_mode"):  # those are its parent's
        facts.pop(name, None)
    return [SessionSeen(hook.session_id, SOURCE), SessionSeen(session, SOURCE, at, Rank.HOOK, facts)]


def _plain(event: Event, hook: Hook) -> list[Change]:
    return _hook_session(event, hook)


def _session_start(event: Event, hook: Hook) -> list[Change]:
    return _hook_session(event, hook, status="active", ended_at=None)


def _session_end(event: Event, hook: Hook) -> list[Change]:
    return _hook_session(event, hook, status="ended", ended_at=millis(event.ts))


def _sighting(event: Event, hook: Hook, kind: str, text: str, error_type: str | None = None) -> Sighting:
    session = _session_of(hook)
    digest = f"{crc32(text.strip().encode('utf-8', 'replace')):08x}"
    id = f"hook:{kind}:{session}:{hook.prompt_id or ''}:{digest}"
    synthetic = kind == "prompt" and text.startswith(_SYNTHETIC)
    return Sighting(id, session, SOURCE, kind, error_type or digest, text, millis(event.ts), synthetic)


def _prompt(event: Event, hook: PromptHook) -> list[Change]:
    return [*_hook_session(event, hook, status="busy"), _sighting(event, hook, "prompt", hook.prompt)]


def _stop(event: Event, hook: StopHook) -> list[Change]:
    if event.type == "SubagentStop":
        if not (hook.agent_id and hook.agent_type):
            return _plain(event, hook)  # a compaction's: no session of its own, and its parent goes on
        changes = _hook_session(event, hook, status="ended", ended_at=millis(event.ts))
    else:
        changes = _hook_session(event, hook, status="idle")
    if hook.last_assistant_message:
        changes.append(_sighting(event, hook, "answer", hook.last_assistant_message))
    return changes


def _stop_failure(event: Event, hook: StopHook) -> list[Change]:
    text = hook.last_assistant_message or hook.error or "the turn failed"
    return [*_hook_session(event, hook, status="error"), _sighting(event, hook, "error", text, hook.error or "unknown")]


def _pre_tool(event: Event, hook: ToolHook) -> list[Change]:
    return [*_hook_session(event, hook), _opened_by_hook(event, hook, hook)]


def _opened_by_hook(event: Event, hook: Hook, call: ToolHook | BatchCall) -> ToolOpened:
    return ToolOpened(
        _unique(call.tool_use_id, _session_of(hook)),
        _session_of(hook),
        SOURCE,
        Rank.HOOK if event.type == "PreToolUse" else Rank.GUESS,
        millis(event.ts),
        call.tool_name,
        json_text(call.tool_input),
        file_path(call.tool_input),
    )


def _post_tool(event: Event, hook: ToolHook) -> list[Change]:
    failed = event.type == "PostToolUseFailure"
    response = as_object(hook.tool_response)
    interrupted = hook.is_interrupt is True or response.get("interrupted") is True
    closed = ToolClosed(
        _unique(hook.tool_use_id, _session_of(hook)),
        _session_of(hook),
        SOURCE,
        Rank.REPORT,
        millis(event.ts),
        "interrupted" if interrupted else "error" if failed else "completed",
        not failed and not interrupted,
        hook.error if failed else _response_text(hook.tool_response, response),
        _exit_code(hook.error) if failed else None,
        hook.error if failed else None,
        hook.duration_ms,
    )
    changes = [*_hook_session(event, hook), _opened_by_hook(event, hook, hook), closed]
    if not failed:
        changes += _todos(_session_of(hook), millis(event.ts), Rank.HOOK, response)
    return changes


def _post_batch(event: Event, hook: BatchHook) -> list[Change]:
    """The batch closes what no hook of its own closed: a call that was denied, unknown or ill-formed.

    It does not say so in a field; the text that the model gets does. A success whose own hook was lost closes too.
    """
    changes = _hook_session(event, hook)
    for call in hook.tool_calls:
        text = _blocks_text(call.tool_response)
        failed = _FAILURE.match(text or "") is not None
        changes += [
            _opened_by_hook(event, hook, call),
            ToolClosed(
                _unique(call.tool_use_id, _session_of(hook)),
                _session_of(hook),
                SOURCE,
                Rank.HOOK,
                millis(event.ts),
                "error" if failed else "completed",
                not failed,
                text,
                _exit_code(text) if failed else None,
                text if failed else None,
            ),
        ]
    return changes


def _denied(event: Event, hook: DeniedHook) -> list[Change]:
    changes = _hook_session(event, hook)
    if hook.tool_use_id:
        at = millis(event.ts)
        changes.append(
            ToolClosed(
                _unique(hook.tool_use_id, _session_of(hook)),
                _session_of(hook),
                SOURCE,
                Rank.REPORT,
                at,
                "denied",
                False,
                error_message=hook.reason,
            )
        )
    return changes


def _task(event: Event, hook: TaskHook) -> list[Change]:
    status = "completed" if event.type == "TaskCompleted" else "pending"
    todo = Todo(hook.task_subject, status, id=hook.task_id)
    at = millis(event.ts)
    return [*_hook_session(event, hook), TodosSeen(_session_of(hook), SOURCE, at, Rank.HOOK, [todo], one=True)]


# --- transcripts ---------------------------------------------------------------------------------------------------


class Usage(Wire):
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None


class Block(Wire):
    type: str
    text: str | None = None
    thinking: str | None = None
    id: Id | None = None
    name: str | None = None
    input: Raw = NOTHING
    tool_use_id: Id | None = None
    content: Raw = NOTHING
    is_error: bool | None = None


class Message(Wire):
    id: Id | None = None
    model: str | None = None
    content: str | list[Block] = ""
    stop_reason: str | None = None
    usage: Usage | None = None


class Origin(Wire):
    kind: str | None = None


class ForkedFrom(Wire):
    sessionId: Id


class Line(Wire):
    """What the transcript's lines share."""

    sessionId: Id
    uuid: Id | None = None
    timestamp: str | None = None
    agentId: Id | None = None
    cwd: str | None = None
    version: str | None = None
    gitBranch: str | None = None
    requestSessionId: Id | None = None
    forkedFrom: ForkedFrom | None = None


class UserLine(Line, kw_only=True):
    uuid: Id
    timestamp: str
    message: Message
    permissionMode: str | None = None
    isMeta: bool | None = None
    isCompactSummary: bool | None = None
    origin: Origin | None = None
    toolUseResult: Raw = NOTHING
    toolDenialKind: str | None = None


class AssistantLine(Line, kw_only=True):
    uuid: Id
    timestamp: str
    message: Message
    apiBlockIndex: Count | None = None
    requestRef: Id | None = None
    attributionAgent: str | None = None
    isApiErrorMessage: bool | None = None
    error: str | None = None
    apiErrorStatus: Int | None = None


class QueuedCommand(Wire):
    type: str
    prompt: str | list[Block] | None = None
    commandMode: str | None = None


class AttachmentLine(Line, kw_only=True):
    attachment: QueuedCommand


class ApiError(Wire):
    status: Int | None = None
    message: str | None = None
    formatted: str | None = None


class CompactMetadata(Wire):
    trigger: str | None = None
    preTokens: Count | None = None
    postTokens: Count | None = None
    durationMs: Count | None = None


class SystemLine(Line, kw_only=True):
    subtype: str | None = None
    content: Raw = NOTHING
    error: Raw = NOTHING
    compactMetadata: CompactMetadata | None = None


class TitleLine(Line, kw_only=True):
    customTitle: str


class ModelUsage(Wire):
    outputTokens: Count = 0


class CostLine(Line, kw_only=True):
    totalCostUSD: Dollars
    modelUsage: dict[str, ModelUsage] = field(default_factory=dict)
    hasUnknownModelCost: bool = False


class Meta(Wire):
    agentType: str | None = None
    toolUseId: Id | None = None
    description: str | None = None


class MetaRecord(Wire):
    sessionId: Id
    agentId: Id
    meta: Meta


def _unique(id: str, within: str) -> str:
    return id if _UNIQUE.fullmatch(id) else f"{within}/{id}"


def _own(line: Line) -> str:
    """The session whose file the line stands in."""
    return line.agentId or line.sessionId


def _origin(line: Line) -> str:
    """The session that the line belongs to, as far as the line itself tells."""
    if line.agentId:
        return line.agentId
    if line.requestSessionId:
        return line.requestSessionId
    return line.forkedFrom.sessionId if line.forkedFrom else line.sessionId


def _record(line: Line, item: str | None = None, **more: Any) -> list[Change]:
    """The session behind a line, and, where the line is a copy of `item`, that it is one."""
    facts: dict[str, Any] = {k: v for k, v in more.items() if v is not None}
    at = 0
    if line.timestamp:
        at = millis(line.timestamp)
        facts["updated_at"] = at
        if line.cwd:
            facts["project_path"] = line.cwd
        if line.version:
            facts["client_version"] = line.version
        if line.gitBranch:
            facts["git_branch"] = line.gitBranch
    changes: list[Change] = []
    if line.agentId:
        facts["parent_id"] = line.requestSessionId or line.sessionId
        changes.append(SessionSeen(facts["parent_id"], SOURCE))
    else:
        origin = _origin(line)
        if origin != line.sessionId:
            facts["forked_from"] = origin
            changes.append(SessionSeen(origin, SOURCE))
            if item:
                changes.append(Copied(item, line.sessionId, origin, at))
    changes.append(SessionSeen(_own(line), SOURCE, at, Rank.RECORD, facts))
    return changes


def _user(_: Event, line: UserLine) -> list[Change]:
    changes = _record(line, line.uuid, permission_mode=line.permissionMode)
    message = line.message
    content = [Block(type="text", text=message.content)] if isinstance(message.content, str) else message.content
    results = [b for b in content if b.type == "tool_result"]
    for block in results:
        changes += _tool_result(line, block)
    said = [b for b in content if b.type != "tool_result"]
    text = "\n".join(b.text for b in said if b.text is not None)
    if not said or (results and not text):
        return changes
    return changes + _said(line, line.uuid, millis(line.timestamp), said, _is_synthetic(line, text))


def _is_synthetic(line: UserLine, text: str) -> bool:
    made_by_client = line.origin is not None and line.origin.kind not in (None, "human")
    return bool(line.isMeta or line.isCompactSummary or made_by_client or text.startswith(_SYNTHETIC))


def _said(line: Line, id: str, at: int, said: list[Block], synthetic: bool) -> list[Change]:
    session = _origin(line)
    changes: list[Change] = [
        MessageSeen(id, session, SOURCE, "user", synthetic=synthetic, created_at=at, completed_at=at)
    ]
    for i, block in enumerate(said):
        kind = "text" if block.type == "text" else "file"
        part = id if i == 0 else f"{id}:{i}"
        changes.append(PartSeen(part, id, session, SOURCE, i, kind, block.text, _typed(block.text), at, at))
    return changes


def _typed(text: str | None) -> str | None:
    """What was typed where the client wrote a command's tags; the hook saw it as it was typed."""
    name = _COMMAND_NAME.search(text or "")
    if not name or not text or not text.startswith(_SYNTHETIC):
        return None
    args = _COMMAND_ARGS.search(text)
    return encode({"typed": f"{name[1]} {args[1] if args else ''}".strip()}).decode()


def _tool_result(line: UserLine, block: Block) -> list[Change]:
    if not block.tool_use_id:
        return []
    at = millis(line.timestamp)
    session = _origin(line)
    text = _blocks_text(block.content)
    response = as_object(line.toolUseResult)
    failed = block.is_error is True
    interrupted = line.toolDenialKind == "interrupted" or response.get("interrupted") is True
    status = "interrupted" if interrupted else "denied" if line.toolDenialKind else "error" if failed else "completed"
    success = status == "completed"
    # After a kill the next resume closes what it finds open with "interrupted, the outcome is unknown": a hook that saw
    # the end knows better.
    rank = Rank.HOOK if line.toolDenialKind == "interrupted" else Rank.RECORD
    changes: list[Change] = [
        ToolClosed(
            _unique(block.tool_use_id, session),
            session,
            SOURCE,
            rank,
            at,
            status,
            success,
            text,
            None if success else _exit_code(text),
            None if success else text,
        )
    ]
    if success:
        changes += _todos(session, at, Rank.RECORD, response)
    return changes


def _assistant(_: Event, line: AssistantLine) -> list[Change]:
    message = line.message
    session = _origin(line)
    # requestRef is the client's own id of the request, on every line of its response.
    id = _unique(message.id, line.requestRef or session) if message.id else line.uuid
    at = millis(line.timestamp)
    usage = message.usage or Usage()
    real = message.model not in (None, SYNTHETIC_MODEL)
    changes = _record(line, id, agent=line.attributionAgent if line.agentId else None)
    changes.append(
        MessageSeen(
            id,
            session,
            SOURCE,
            "assistant",
            model=message.model if real else None,
            provider=PROVIDER if real else None,
            agent=line.attributionAgent,
            prompt_tokens=usage.input_tokens,
            completion_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_input_tokens,
            cache_write_tokens=usage.cache_creation_input_tokens,
            finish_reason=message.stop_reason,
            created_at=at,
            completed_at=at,
            synthetic=not real,
        )
    )
    blocks = [Block(type="text", text=message.content)] if isinstance(message.content, str) else message.content
    for i, block in enumerate(blocks):
        part = line.uuid if i == 0 else f"{line.uuid}:{i}"
        # Lines of older clients have no block index; then the order of their times is the order of the pieces.
        seq = i + (line.apiBlockIndex if line.apiBlockIndex is not None else at)
        kind, text, data = block.type, block.text, None
        if block.type == "thinking":
            kind, text = "reasoning", block.thinking
        elif block.type == "tool_use" and block.id:
            kind, data = "tool", encode({"id": _unique(block.id, session)}).decode()
            changes.append(
                ToolOpened(
                    _unique(block.id, session),
                    session,
                    SOURCE,
                    Rank.RECORD,
                    at,
                    block.name,
                    json_text(block.input),
                    file_path(block.input),
                    id,
                )
            )
        changes.append(PartSeen(part, id, session, SOURCE, seq, kind, text, data, at, at))
    if line.isApiErrorMessage:
        text = "\n".join(b.text for b in blocks if b.text)
        error = ErrorSeen(id, session, SOURCE, line.error or "unknown", text, at, id, line.apiErrorStatus)
        changes.append(error)
    return changes


def _attachment(_: Event, line: AttachmentLine) -> list[Change]:
    """Of the attachments only prompts that were queued during a turn are somebody's words."""
    changes = _record(line, line.uuid)
    queued = line.attachment
    if queued.type != "queued_command" or not queued.prompt or not line.uuid or not line.timestamp:
        return changes
    said = [Block(type="text", text=queued.prompt)] if isinstance(queued.prompt, str) else queued.prompt
    text = "\n".join(b.text for b in said if b.text is not None)
    synthetic = queued.commandMode not in (None, "prompt") or text.startswith(_SYNTHETIC)
    return changes + _said(line, line.uuid, millis(line.timestamp), said, synthetic)


def _system(_: Event, line: SystemLine) -> list[Change]:
    changes = _record(line, line.uuid)
    if not line.uuid or not line.timestamp:
        return changes
    at = millis(line.timestamp)
    session = _origin(line)
    if line.subtype == "compact_boundary":
        meta = line.compactMetadata or CompactMetadata()
        changes.append(
            CompactionSeen(
                line.uuid, session, SOURCE, at, meta.trigger, meta.preTokens, meta.postTokens, meta.durationMs
            )
        )
    elif line.subtype == "api_error":
        error = decode(line.error, type=ApiError) if as_object(line.error) else ApiError()
        said = error.formatted or error.message
        changes.append(
            ErrorSeen(line.uuid, session, SOURCE, "api_error", said, at, status_code=error.status, will_retry=True)
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
    return _record(line, title=line.customTitle or None)


def _cost(_: Event, line: CostLine) -> list[Change]:
    changes = _record(line)
    if not line.hasUnknownModelCost:
        output = min(sum(usage.outputTokens for usage in line.modelUsage.values()), 2**53)
        changes.append(CostSeen(line.sessionId, SOURCE, line.totalCostUSD, output))
    return changes


def _state(_: Event, line: Line) -> list[Change]:
    return _record(line)


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


# --- what both share -----------------------------------------------------------------------------------------------


def _todos(session: str, at: int, rank: Rank, response: dict[str, object]) -> list[Change]:
    """TodoWrite answers with the list as it now stands."""
    todos = response.get("newTodos")
    if not isinstance(todos, list):
        return []
    items = [t for t in todos if isinstance(t, dict) and isinstance(t.get("content"), str)]
    return [TodosSeen(session, SOURCE, at, rank, [Todo(t["content"], _text(t.get("status"))) for t in items])]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _exit_code(error: str | None) -> int | None:
    m = _EXIT_CODE.match(error or "")
    return int(m[1]) if m else None


def _blocks_text(raw: Raw) -> str | None:
    """What a tool's result says to the model: a string, or the texts of its blocks."""
    value = decode(raw)
    if isinstance(value, list):
        texts = [b["text"] for b in value if isinstance(b, dict) and isinstance(b.get("text"), str)]
        return "\n".join(texts)
    return value if isinstance(value, str) or value is None else json_text(raw)


def _response_text(raw: Raw, response: dict[str, object]) -> str | None:
    """A hook's structured response as text: what a command printed, else the JSON as it came."""
    out, err = response.get("stdout"), response.get("stderr")
    if isinstance(out, str) and isinstance(err, str):
        return "\n".join(filter(None, (out, err)))
    return json_text(raw)


def _case(wire: type[Any], adapt: Callable[[Event, Any], list[Change]]) -> Callable[[Event], list[Change]]:
    decoder = Decoder(wire)
    return lambda event: adapt(event, decoder.decode(event.payload))


_plain_hook = _case(Hook, _plain)
_state_line = _case(Line, _state)

CASES: dict[str, Callable[[Event], list[Change]]] = {
    "SessionStart": _case(Hook, _session_start),
    "SessionEnd": _case(Hook, _session_end),
    "UserPromptSubmit": _case(PromptHook, _prompt),
    "PreToolUse": _case(ToolHook, _pre_tool),
    "PostToolUse": _case(ToolHook, _post_tool),
    "PostToolUseFailure": _case(ToolHook, _post_tool),
    "PostToolBatch": _case(BatchHook, _post_batch),
    "PermissionDenied": _case(DeniedHook, _denied),
    "Stop": _case(StopHook, _stop),
    "SubagentStop": _case(StopHook, _stop),
    "StopFailure": _case(StopHook, _stop_failure),
    "TaskCreated": _case(TaskHook, _task),
    "TaskCompleted": _case(TaskHook, _task),
    # Known, and told better elsewhere, or not told in any table: they still name a session.
    **dict.fromkeys(
        (
            "InstructionsLoaded",
            "UserPromptExpansion",
            "MessageDisplay",
            "PermissionRequest",
            "Notification",
            "Elicitation",
            "ElicitationResult",
            "SubagentStart",
            "PreCompact",
            "PostCompact",
            "PreModelSwitch",
            "PostModelSwitch",
            "ConfigChange",
            "CwdChanged",
            "WorktreeRemove",
        ),
        _plain_hook,
    ),
    "transcript.user": _case(UserLine, _user),
    "transcript.assistant": _case(AssistantLine, _assistant),
    "transcript.attachment": _case(AttachmentLine, _attachment),
    "transcript.system": _case(SystemLine, _system),
    "transcript.custom-title": _case(TitleLine, _title),
    "transcript.cost-state": _case(CostLine, _cost),
    "transcript.meta": _case(MetaRecord, _meta),
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
        _state_line,
    ),
    # file-history-snapshot lines name no session.
    "transcript.file-history-snapshot": lambda _: [],
}


def fallback(event: Event) -> list[Change]:
    """An event whose type is not known: at least it names its session.

    Raises:
        msgspec.ValidationError: it does not.
    """
    return (_state_line if event.type.startswith("transcript.") else _plain_hook)(event)
