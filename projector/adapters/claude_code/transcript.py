"""Claude Code's transcripts: the client's own record, which wins wherever a hook speaks too (Rank.RECORD)."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from msgspec import Raw, field
from msgspec.json import decode, encode

from clankers.log.reader import Event
from projector.adapters.claude_code.common import SOURCE, SYNTHETIC, case, exit_code_in, text_of, todos_in, unique
from projector.adapters.wire import NOTHING, Count, Dollars, Id, Int, Wire, as_object, file_path, json_text, millis
from projector.model.changes import (
    Change,
    CompactionSeen,
    Copied,
    CostSeen,
    ErrorSeen,
    MessageSeen,
    PartSeen,
    Rank,
    SessionSeen,
    ToolSeen,
)

PROVIDER = "anthropic"
SYNTHETIC_MODEL = "<synthetic>"  # the "model" of lines that the client wrote itself
_COMMAND_NAME = re.compile(r"<command-name>(.*?)</command-name>", re.DOTALL)
_COMMAND_ARGS = re.compile(r"<command-args>(.*?)</command-args>", re.DOTALL)


class CacheCreation(Wire):
    ephemeral_1h_input_tokens: Count | None = None


class ServerToolUse(Wire):
    web_search_requests: Count | None = None


class Usage(Wire):
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerToolUse | None = None
    speed: str | None = None
    inference_geo: str | None = None


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
    origin: Raw = NOTHING
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
    prompt: str | list[Block] | None = None
    commandMode: str | None = None


class AttachmentLine(Line, kw_only=True):
    attachment: Raw


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
    made_by_client = as_object(line.origin).get("kind", "human") != "human"
    return bool(line.isMeta or line.isCompactSummary or made_by_client or text.startswith(SYNTHETIC))


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
    if not name or not text or not text.startswith(SYNTHETIC):
        return None
    args = _COMMAND_ARGS.search(text)
    return encode({"typed": f"{name[1]} {args[1] if args else ''}".strip()}).decode()


def _tool_result(line: UserLine, block: Block) -> list[Change]:
    if not block.tool_use_id:
        return []
    at = millis(line.timestamp)
    session = _origin(line)
    text = text_of(block.content)
    response = as_object(line.toolUseResult)
    failed = block.is_error is True
    interrupted = line.toolDenialKind == "interrupted" or response.get("interrupted") is True
    status = "interrupted" if interrupted else "denied" if line.toolDenialKind else "error" if failed else "completed"
    success = status == "completed"
    # After a kill the next resume closes what it finds open with "interrupted, the outcome is unknown": a hook that saw
    # the end knows better.
    rank = Rank.HOOK if line.toolDenialKind == "interrupted" else Rank.RECORD
    changes: list[Change] = [
        ToolSeen(
            unique(block.tool_use_id, session),
            session,
            SOURCE,
            close_rank=rank,
            completed_at=at,
            status=status,
            success=success,
            tool_output=text,
            exit_code=None if success else exit_code_in(text),
            error_message=None if success else text,
        )
    ]
    if success:
        changes += todos_in(session, at, Rank.RECORD, response)
    return changes


def _assistant(_: Event, line: AssistantLine) -> list[Change]:
    message = line.message
    session = _origin(line)
    # requestRef is the client's own id of the request, on every line of its response.
    id = unique(message.id, line.requestRef or session) if message.id else line.uuid
    at = millis(line.timestamp)
    usage = message.usage or Usage()
    cache_creation = usage.cache_creation or CacheCreation()
    server_tools = usage.server_tool_use or ServerToolUse()
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
            cache_write_1h_tokens=cache_creation.ephemeral_1h_input_tokens,
            web_searches=server_tools.web_search_requests,
            price_context=_price_context(usage.speed, usage.inference_geo),
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
            kind, data = "tool", encode({"id": unique(block.id, session)}).decode()
            changes.append(
                ToolSeen(
                    unique(block.id, session),
                    session,
                    SOURCE,
                    open_rank=Rank.RECORD,
                    message_id=id,
                    tool_name=block.name,
                    tool_input=json_text(block.input),
                    file_path=file_path(block.input),
                    created_at=at,
                    status="running",
                )
            )
        changes.append(PartSeen(part, id, session, SOURCE, seq, kind, text, data, at, at))
    if line.isApiErrorMessage:
        text = "\n".join(b.text for b in blocks if b.text)
        error = ErrorSeen(id, session, SOURCE, line.error or "unknown", text, at, id, line.apiErrorStatus)
        changes.append(error)
    return changes


@lru_cache(16)
def _price_context(speed: str | None, inference_geo: str | None) -> str | None:
    """What makes a response dearer: a fast mode, a place that was asked for. None for the usual."""
    context = {}
    if inference_geo == "us":
        context["inference_geo"] = inference_geo
    if speed not in (None, "standard"):
        context["speed"] = speed
    return encode(context).decode() if context else None


def _attachment(_: Event, line: AttachmentLine) -> list[Change]:
    """Of the attachments only prompts that were queued during a turn are somebody's words."""
    changes = _record(line, line.uuid)
    if as_object(line.attachment).get("type") != "queued_command" or not line.uuid or not line.timestamp:
        return changes
    queued = decode(line.attachment, type=QueuedCommand)
    if not queued.prompt:
        return changes
    said = [Block(type="text", text=queued.prompt)] if isinstance(queued.prompt, str) else queued.prompt
    text = "\n".join(b.text for b in said if b.text is not None)
    synthetic = queued.commandMode not in (None, "prompt") or text.startswith(SYNTHETIC)
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


state = case(Line, _state)

CASES: dict[str, Callable[[Event], list[Change]]] = {
    "transcript.user": case(UserLine, _user),
    "transcript.assistant": case(AssistantLine, _assistant),
    "transcript.attachment": case(AttachmentLine, _attachment),
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
    # file-history-snapshot lines name no session.
    "transcript.file-history-snapshot": lambda _: [],
}
