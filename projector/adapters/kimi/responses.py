"""The events of a turn's loop. A step is a response: its text, thoughts and calls stand in lines of their own."""

import re
from collections.abc import Callable

from msgspec.json import encode

from projector.adapters.base import Meaning
from projector.adapters.kimi.common import SOURCE, TOOLS, tool_id
from projector.adapters.kimi.line import WireLine
from projector.adapters.kimi.messages import kind_and_text
from projector.adapters.kimi.wire import LoopEvent, LoopLine, Result
from projector.adapters.wire import ABSENT, as_object
from projector.model.changes import Change, MessageSeen, PartSeen, Rank, Todo, TodosSeen, ToolSeen
from projector.model.evidence import OutputSaved

_EXIT_CODE = re.compile(r"Command failed with exit code: (-?\d{1,10})\.\s*\Z")
_DENIED = re.compile(r'Tool "[^"]*" was (?:denied|not run because the (?:user rejected|approval request))')
_INTERRUPTED = re.compile(r"Tool execution was interrupted ")  # the client says so on resume
_SAVED = re.compile(r"^output_path: .*[/\\]tool-results[/\\]([\w.-]+\.txt)$", re.MULTILINE)
_TODOS = "TodoList"
_STATUSES = {"done": "completed"}


def loop_event(place: WireLine, line: LoopLine) -> Meaning:
    """An event of the loop; an unknown one says nothing."""
    adapt = _EVENTS.get(line.event.type)
    return adapt(place, line.event) if adapt else []


def _begin(place: WireLine, event: LoopEvent) -> list[Change]:
    return [place.response_line("begin", message=event.uuid)] if event.uuid else []


def _part(place: WireLine, event: LoopEvent) -> list[Change]:
    if not event.stepUuid or not event.part:
        return []
    kind, text = kind_and_text(event.part)
    return _made(place, event.stepUuid, event.uuid or place.id, kind, text)


def _made(place: WireLine, step: str, id: str, kind: str, text: str | None, data: str | None = None) -> list[Change]:
    """A part of the response of a step; that a step begins makes no response: the request may fail."""
    at = place.at
    return [
        MessageSeen(step, place.session, SOURCE, "assistant", created_at=at),
        PartSeen(id, step, place.session, SOURCE, place.offset, kind, text, data, at, at),
    ]


def _end(place: WireLine, event: LoopEvent) -> list[Change]:
    """The end of a step; one that failed has no usage, and is no response."""
    if not event.uuid or event.usage is ABSENT:
        return []
    return [
        MessageSeen(
            event.uuid,
            place.session,
            SOURCE,
            "assistant",
            created_at=place.at,
            completed_at=place.at,
            finish_reason=event.finishReason,
        )
    ]


def _call(place: WireLine, event: LoopEvent) -> list[Change]:
    if not event.stepUuid or not event.toolCallId:
        return []
    row = tool_id(event.toolCallId, event.uuid)
    data = encode({"id": row}).decode()
    changes = _made(place, event.stepUuid, event.uuid or place.id, "tool", None, data)
    call = TOOLS.opened(row, place.session, SOURCE, event.name, event.args, place.at)
    call.message_id, call.call_id = event.stepUuid, event.toolCallId if row != event.toolCallId else None
    changes.append(call)
    return changes + _todos(place, event) if event.name == _TODOS else changes


def _todos(place: WireLine, event: LoopEvent) -> list[Change]:
    """The list that a call sets; without one it reads the list."""
    given = as_object(event.args).get("todos")
    if not isinstance(given, list):
        return []
    items = [t for t in given if isinstance(t, dict) and isinstance(t.get("title"), str)]
    todos = [Todo(t["title"], _STATUSES.get(s, s) if isinstance(s := t.get("status"), str) else None) for t in items]
    return [TodosSeen(place.session, SOURCE, place.at or 0, Rank.RECORD, todos)]


def _result(place: WireLine, event: LoopEvent) -> list[Change]:
    if not event.toolCallId or not event.result:
        return []
    row = tool_id(event.toolCallId, event.parentUuid)
    text = _text(event.result)
    failed = event.result.isError is True
    code = _EXIT_CODE.search(text or "") if failed else None
    changes: list[Change] = [
        ToolSeen(
            row,
            place.session,
            SOURCE,
            close_rank=Rank.RECORD,
            status=_status(text or "") if failed else "completed",
            success=not failed,
            tool_output=text,
            exit_code=int(code[1]) if code else None,
            error_message=text if failed else None,
            duration_ms=event.result.durationMs,
            completed_at=place.at,
        )
    ]
    if saved := _SAVED.search(text or ""):
        changes.append(OutputSaved(place.session, SOURCE, saved[1], row))
    return changes


def _status(text: str) -> str:
    if _DENIED.match(text):
        return "denied"
    return "interrupted" if _INTERRUPTED.match(text) else "error"


def _text(result: Result) -> str | None:
    if not isinstance(result.output, list):
        return result.output
    return "\n".join(part.text for part in result.output if part.text is not None)


_EVENTS: dict[str, Callable[[WireLine, LoopEvent], list[Change]]] = {
    "step.begin": _begin,
    "content.part": _part,
    "tool.call": _call,
    "tool.result": _result,
    "step.end": _end,
}
EVENT_TYPES = frozenset(_EVENTS)
