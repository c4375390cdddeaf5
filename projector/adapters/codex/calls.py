"""How Codex' tool calls begin and end.

A call ends twice: as an item or event, which has its exit code, and as the text that the model gets, which is all that
there is for a call that was denied, interrupted or malformed.
"""

import re

from msgspec import Raw
from msgspec.json import decode, encode

from projector.adapters.codex.common import PATCH, PLAN, SOURCE, SPAWN, parsed, patched_files, plan_in, row_id
from projector.adapters.codex.wire import CallEnd, Content, Item, McpResult, ResponseItem
from projector.adapters.decode import LenientDecoder
from projector.adapters.wire import ABSENT, as_object, json_text
from projector.model.changes import Change, Rank, SessionSeen, ToolSeen

_POLL = "write_stdin"
_EXIT = re.compile(r"(?:Process exited with code|Exit code:) (-?\d{1,10})\b")
_RUNNING = re.compile(r"^Process running with session ID (\d{1,15})$", re.MULTILINE)
_WALL = re.compile(r"^Wall time: (\d{1,7}(?:\.\d+)?) seconds", re.MULTILINE)
_HEAD = re.compile(
    r"(?:(?:Chunk ID|Wall time|Exit code|Original token count|Process exited|Process running)\b.*\n)+Output:\n?"
)
_ABORTED = re.compile(r"(?:Wall time: .*\n)?aborted by user\b")
_DENIED = re.compile(
    r"approval policy is |rejected by user|.{0,80}Rejected\(|exec_command failed.{0,80}rejected", re.DOTALL
)
_FAILED = re.compile(
    r"failed to parse |unsupported (?:custom tool )?call|\w+ (?:verification )?failed\b|unable to |error: |Error: "
    r"|execution error|failed in sandbox|invalid |unknown ",
    re.IGNORECASE,
)
_decode_result = LenientDecoder(McpResult).decode
_decode_blocks = LenientDecoder(list[Content]).decode


def tool_name(item: ResponseItem) -> str | None:
    """A tool of an MCP server is named with the server, as hooks name it."""
    if item.namespace and item.namespace.startswith("mcp__") and item.name:
        return f"{item.namespace}__{item.name}"
    return item.name


def opened(item: ResponseItem, thread: str, at: int | None) -> list[Change]:
    """The model called a tool."""
    name, raw = tool_name(item), item.arguments if item.type == "function_call" else item.input
    if item.type == "local_shell_call":
        name, raw = "local_shell", item.action
    elif item.type == "web_search_call":
        name, raw = "web_search", item.action
    value = decode(raw)
    text = value if isinstance(value, str) else json_text(raw)
    arguments = parsed(text)
    patch = name == PATCH
    changes: list[Change] = [
        ToolSeen(
            row_id(call_id(item), thread),
            thread,
            SOURCE,
            open_rank=Rank.RECORD,
            tool_name=name,
            call_id=_other_id(call_id(item), thread),
            tool_input=text,
            file_path=next(iter(patched_files(text or "")), None) if patch else None,
            edits_file=patch,
            created_at=at,
            status="running",
        )
    ]
    if name == PLAN:
        changes += plan_in(thread, at or 0, Rank.RECORD, arguments)
    if item.type == "web_search_call":
        done = item.status in (None, "completed")
        changes.append(_closed(call_id(item), thread, at, Rank.RECORD, None, success=done, failed_as=item.status))
    return changes


def call_id(item: ResponseItem) -> str:
    """The id of the call that an item is."""
    return item.call_id or item.id or ""


def _other_id(id: str, thread: str) -> str | None:
    return None if row_id(id, thread) == id else id


def output(item: ResponseItem, thread: str, at: int | None) -> list[Change]:
    """What the model got for a call."""
    value = decode(item.output)
    success = value.get("success") if isinstance(value, dict) else None
    text = _text(item.output)
    if running(item):
        return []
    found = _EXIT.search(text[:400])
    code = int(found[1]) if found else None
    aborted, denied = _ABORTED.match(text), _DENIED.match(text)
    failed = bool(aborted or denied or success is False or (code is None and _FAILED.match(text)) or code)
    status = "interrupted" if aborted else "denied" if denied else None
    body = _body(text)
    end = _closed(item.call_id or "", thread, at, Rank.REPORT, body, success=not failed, code=code, failed_as=status)
    if wall := _WALL.search(text[:400]):
        end.duration_ms = round(float(wall[1]) * 1000)
    return [end, *_spawned(parsed(text), item.call_id or "", thread)]


def running(item: ResponseItem) -> tuple[int, str] | None:
    """The number of the background shell in which a call goes on, and what it has put out; None if it ended."""
    text = _text(item.output)
    found = _RUNNING.search(text[:400])
    return (int(found[1]), _body(text)) if found else None


def polled(item: ResponseItem) -> int | None:
    """The number of the background shell that a call polls; None if it does something else."""
    arguments = parsed(decode(item.arguments)) if item.name == _POLL else None
    number = arguments.get("session_id") if isinstance(arguments, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 2**53 else None


def _spawned(result: object, call: str, thread: str) -> list[Change]:
    """The subagent that a call began, by what the model got for it."""
    match result:
        case {"agent_id": str(child), "nickname": _} if child:
            return [SessionSeen(child, SOURCE, 0, Rank.GUESS, {"spawned_by": row_id(call, thread)})]
    return []


def _body(text: str) -> str:
    """A text without the lines that the client puts before an output."""
    head = _HEAD.match(text)
    return text[head.end() :] if head else text


def _text(raw: Raw) -> str:
    """The text that the model gets: a string, or the texts of blocks."""
    value = decode(raw)
    if isinstance(value, dict):
        value = value.get("content")
    if isinstance(value, list):
        texts = [b["text"] for b in value if isinstance(b, dict) and isinstance(b.get("text"), str)]
        return "\n".join(texts)
    return value if isinstance(value, str) else json_text(raw) or ""


def item_ended(item: Item, thread: str, at: int | None) -> list[Change]:
    """A call ended, as an item of the turn."""
    call = item.id or ""
    if item.type == "CommandExecution":
        return [_command(call, thread, at, item)]
    if item.type == "FileChange":
        return [_patch(call, thread, at, item, item.status == "completed", item.status)]
    if item.type == "McpToolCall":
        return [_mcp(call, thread, at, item, item.result, item.status)]
    if item.type == "CollabAgentToolCall":
        done = item.status == "completed"
        changes: list[Change] = [
            _closed(call, thread, at, Rank.RECORD, json_text(item.agents_states), success=done, failed_as=item.status)
        ]
        if item.tool == SPAWN:
            facts = {"spawned_by": row_id(call, thread)}
            changes += [SessionSeen(child, SOURCE, 0, Rank.GUESS, facts) for child in item.receiver_thread_ids]
        return changes
    return []


def event_ended(kind: str, end: CallEnd, thread: str, at: int | None) -> list[Change]:
    """A call ended, as an event of a legacy rollout."""
    if kind == "exec_command_end":
        return [_command(end.call_id, thread, at, end)]
    if kind == "patch_apply_end":
        return [_patch(end.call_id, thread, at, end, end.success is True, end.status)]
    if kind == "mcp_tool_call_end":
        result = as_object(end.result)
        inner = Raw(encode(result["Ok"])) if "Ok" in result else ABSENT
        return [_mcp(end.call_id, thread, at, end, inner, None if "Ok" in result else "failed")]
    return []


def _command(call: str, thread: str, at: int | None, end: Item | CallEnd) -> ToolSeen:
    text = end.aggregated_output
    success = end.exit_code in (0, None) and end.status not in ("failed", "declined")
    closed = _closed(call, thread, at, Rank.RECORD, text, success=success, code=end.exit_code, failed_as=end.status)
    closed.duration_ms = end.duration.millis if end.duration else None
    return closed


def _patch(call: str, thread: str, at: int | None, end: Item | CallEnd, success: bool, status: str | None) -> ToolSeen:
    text = "".join(filter(None, (end.stdout, end.stderr)))
    closed = _closed(call, thread, at, Rank.RECORD, text, success=success, failed_as=status)
    paths = []
    for path, change in as_object(end.changes).items():
        moved = change.get("move_path") if isinstance(change, dict) else None
        paths.append(moved if isinstance(moved, str) else path)
    if paths:
        closed.edited_files = encode(paths).decode()
    return closed


def _mcp(call: str, thread: str, at: int | None, end: Item | CallEnd, result: Raw, status: str | None) -> ToolSeen:
    found = _decode_result(result)[0] if as_object(result) else McpResult()
    text = "\n".join(one.text for one in found.content if one.text is not None)
    failed = status in ("failed", "declined") or found.isError is True
    closed = _closed(call, thread, at, Rank.RECORD, text or json_text(result), success=not failed, failed_as=status)
    closed.duration_ms = end.duration.millis if end.duration else None
    return closed


def _closed(
    call: str,
    thread: str,
    at: int | None,
    rank: int,
    text: str | None,
    *,
    success: bool,
    code: int | None = None,
    failed_as: str | None = None,
) -> ToolSeen:
    """The end of a call; `failed_as` says how it failed, if the client says it."""
    failure = {"declined": "denied", "denied": "denied", "interrupted": "interrupted"}.get(failed_as or "", "error")
    return ToolSeen(
        row_id(call, thread),
        thread,
        SOURCE,
        close_rank=rank,
        status="completed" if success else failure,
        success=success,
        tool_output=text,
        exit_code=code,
        error_message=None if success else text,
        completed_at=at,
    )
