"""What the adapters of Vibe's journals, stores, messages and hooks share."""

import re
from typing import NamedTuple

from msgspec import DecodeError, Raw
from msgspec.json import decode, encode

from clankers.log.reader import Event
from projector.adapters.base import Tools
from projector.adapters.vibe.wire import Content
from projector.adapters.wire import json_text
from projector.model.changes import Change, PartSeen, Rank, ToolSeen
from projector.model.naming import call_row_id, scoped_id

SOURCE = "vibe"
TOOLS = Tools(
    editing=frozenset({"write_file", "edit", "search_replace"}),
    subtask=frozenset({"task"}),
    path_keys=("file_path", "path"),
)
JOURNAL = "journal."  # of the types of a journal's lines

# How the id of a record from a file begins: the session, and in 2.x whether it is a subagent's.
_PLACE = re.compile(r"([^/@\[#]+)(/agent)?[/@\[]")
_MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}")  # of a call, as Mistral's servers make them: at random
_CANCELLED = ("effect_recovery_failed", "cancelled")  # how the errors of what was interrupted are named


def session_of(event: Event) -> str | None:
    """The session in whose files a record is; None for an event that is not of a file."""
    found = _PLACE.match(event.id) if event.type in ("message", "turn") or event.type.startswith(JOURNAL) else None
    return found[1] if found else None


def is_subagents(event: Event) -> bool:
    """Whether the record is of a subagent of 2.x."""
    found = _PLACE.match(event.id)
    return bool(found and found[2])


def call_id(id: str, session: str) -> str:
    """The row id of a call."""
    return id if _MISTRAL_ID.fullmatch(id) else call_row_id(id, session)


class ModelOutput(NamedTuple):
    """What a response consists of.

    Attributes:
        texts: and reasoning, each of its parts.
        calls: id, name and arguments of each; the arguments as JSON text.
    """

    texts: list[str]
    reasoning: list[str]
    calls: list[tuple[str, str | None, Raw]]

    @property
    def text(self) -> str:
        """The complete text."""
        return "".join(self.texts)

    def row_id(self, action: str | None, session: str) -> str | None:
        """The id of the response's row; None if nothing names it.

        The store has the `action` only of a response with text or reasoning, and the journal every one: without both,
        it is named after its first call.
        """
        if action and (self.texts or self.reasoning or not self.calls):
            return action
        return scoped_id(f"response:{self.calls[0][0]}", session) if self.calls else None


def response(content: list[Content]) -> ModelOutput:
    """The response that consists of `content`."""
    texts, reasoning, calls = [], [], []
    for part in content:
        if part.type == "text" and part.text:
            texts.append(part.text)
        elif part.type == "reasoning":
            reasoning += [text for one in part.content if (text := one.text)]
        elif part.type == "tool_call" and part.id:
            calls.append((part.id, part.name, part.called_with))
    return ModelOutput(texts, reasoning, calls)


def parts(session: str, message: str, at: int | None, said: ModelOutput) -> list[Change]:
    """The rows of the parts of a response, and of its calls."""
    found: list[Change] = []

    def part(kind: str, n: int, text: str | None, data: str | None = None) -> None:
        id = scoped_id(f"{kind}{n}", message)
        found.append(PartSeen(id, message, session, SOURCE, len(found), kind, text, data, at, at))

    for n, text in enumerate(said.reasoning):
        part("reasoning", n, text)
    for n, text in enumerate(said.texts):
        part("text", n, text)
    for n, (id, _, _) in enumerate(said.calls):
        part("tool", n, None, f'{{"id":{json_string(call_id(id, session))}}}')
    return found


def opened(session: str, message: str, at: int | None, call: tuple[str, str | None, Raw]) -> ToolSeen:
    """A call, as the response `message` makes it."""
    id, name, arguments = call
    return ToolSeen(
        call_id(id, session),
        session,
        SOURCE,
        open_rank=Rank.RECORD,
        message_id=message,
        tool_name=name,
        tool_input=json_text(arguments),
        file_path=path_in(arguments),
        edits_file=name in TOOLS.editing,
        created_at=at,
        status="running",
    )


def path_in(arguments: Raw) -> str | None:
    """The file that a call works on; None if its arguments name none, or are no JSON."""
    try:
        return TOOLS.file_path(arguments)
    except DecodeError:
        return None


def succeeded(session: str, id: str, at: int | None, result: object) -> ToolSeen:
    """A call that ended with `result`: of a command its exit code decides."""
    found = result if isinstance(result, dict) else {}
    code = found.get("returncode")
    code = code if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 2**53 else None
    failed = bool(code) or found.get("timed_out") is True
    return ToolSeen(
        call_id(id, session),
        session,
        SOURCE,
        close_rank=Rank.RECORD,
        status="completed",
        success=not failed,
        tool_output=output_text(result),
        exit_code=code,
        completed_at=at,
    )


def is_cancelled(code: str | None) -> bool:
    """Whether the error of an action says that it was interrupted."""
    return any(name in (code or "") for name in _CANCELLED)


def failed(session: str, id: str, at: int | None, code: str | None, message: str | None) -> ToolSeen:
    """A call that ended with an error."""
    return ToolSeen(
        call_id(id, session),
        session,
        SOURCE,
        close_rank=Rank.RECORD,
        status="interrupted" if is_cancelled(code) else "error",
        success=False,
        tool_output=message,
        error_message=message,
        completed_at=at,
    )


def output_text(result: object) -> str | None:
    """What a tool put out: of a command what it printed, else its result as JSON."""
    if isinstance(result, dict) and isinstance(result.get("stdout"), str):
        printed = (result["stdout"], result.get("stderr"))
        return "\n".join(text.rstrip("\n") for text in printed if isinstance(text, str) and text)
    if result is None or isinstance(result, str):
        return result
    return compact(result)


def compact(value: object) -> str:
    """`value` as JSON text, the same however it was written."""
    return encode(value, order="sorted").decode()


def json_string(text: str) -> str:
    """`text` as a JSON string."""
    return encode(text).decode()


def value_of(raw: Raw | str) -> object:
    """The value in `raw`; the text itself if it is no JSON."""
    try:
        found: object = decode(raw)
    except DecodeError:
        return raw if isinstance(raw, str) else None
    return found
