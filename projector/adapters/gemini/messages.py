"""A message of a chat file: a prompt, a response, or what the client wrote itself."""

import re
from collections.abc import Iterator

from msgspec import Raw
from msgspec.json import encode

from projector.adapters.gemini.calls import listed_call, listed_result, recorded_call
from projector.adapters.gemini.common import PROVIDER, SOURCE, SYNTHETIC, Place, call_id, message_id
from projector.adapters.gemini.wire import Message, Part, Tokens
from projector.adapters.wire import ABSENT, any_millis, as_object
from projector.model.changes import (
    Change,
    CompactionSeen,
    ErrorSeen,
    MessageSeen,
    PartSeen,
    Rank,
    SessionSeen,
    ToolSeen,
)

_ROLES = {"user": "user", "gemini": "assistant"}  # all others are the client's own words
_SUMMARY = re.compile(r"\s*(?:<scratchpad>.*?</scratchpad>\s*)?<state_snapshot>", re.DOTALL)
_ACKNOWLEDGED = "Got it. Thanks for the additional context!"  # the model's "answer" to a summary
_FILES = "--- Content from referenced files ---"  # what follows a prompt that names files
_STATUS_CODE = re.compile(r'"code":\s*(\d{3})\b|\bstatus:? (\d{3})\b')
_WORKSPACE = re.compile(r"\*\*Workspace Directories:\*\*\n {2}- (/[^\n]+)")
# Parts of a message in their order; none has as many of a kind.
_TEXTS, _CALLS = 1_000, 1_000_000


def is_context(message: Message) -> bool:
    """Whether a message begins with the context that the client makes when it starts."""
    return message.type == "user" and _first_text(message).startswith("<session_context>")


def is_summary(message: Message) -> bool:
    """Whether a message is the summary of a conversation."""
    return message.type == "user" and _SUMMARY.match(_first_text(message)) is not None


def message_changes(message: Message, place: Place, *, listed: bool = False) -> list[Change]:
    """The rows of a message.

    Args:
        message: the message.
        place: where it is.
        listed: it is one of a list that replaces the conversation, and may have lost what its own record has.
    """
    at = any_millis(message.timestamp)
    id, session = message_id(message.id, place.session), place.session
    rank = Rank.REPORT if listed else Rank.RECORD
    changes: list[Change] = []
    for call in message.toolCalls or []:
        changes += recorded_call(call, id, session, at, rank)
    changes += _listed_calls(message, id, session, at)
    parts = list(_parts(message, place))
    if not parts and (_is_result(message) or message.type not in _ROLES):
        return changes  # the results of calls, which are the calls' rows; or nothing
    tokens = message.tokens
    row = MessageSeen(
        id,
        session,
        SOURCE,
        _ROLES.get(message.type or "", "system"),
        model=message.model,
        provider=PROVIDER if message.model else None,
        created_at=at,
        synthetic=_is_synthetic(message, place, listed=listed),
        position=place.position,
    )
    if tokens:
        _spend(row, tokens)
    changes.append(row)
    for kind, n, text, data, synthetic in parts:
        part = f"{id}:{kind}:{n}"
        seq = n if kind == "reasoning" else _TEXTS + n
        changes.append(PartSeen(part, id, session, SOURCE, seq, kind, text, data, at, at, synthetic=synthetic))
    for n, call in enumerate(message.toolCalls or []):
        data = encode({"id": call_id(call.id, session)}).decode()
        changes.append(PartSeen(f"{id}:tool:{call.id}", id, session, SOURCE, _CALLS + n, "tool", None, data, at, at))
    return changes + _consequences(message, row, place)


def _spend(row: MessageSeen, tokens: Tokens) -> None:
    """The counts of a request: the cached tokens are counted in its input, and those of the server's tools are not."""
    cached = tokens.cached or 0
    if tokens.input is not None:
        row.prompt_tokens = max(tokens.input - cached, 0) + (tokens.tool or 0)
    row.completion_tokens = tokens.output
    row.reasoning_tokens = tokens.thoughts
    row.reasoning_apart = True
    row.cache_read_tokens = tokens.cached


def _consequences(message: Message, row: MessageSeen, place: Place) -> list[Change]:
    """What a message says of its session."""
    text = _first_text(message)
    if message.type == "error":
        found = _STATUS_CODE.search(text)
        code = int(found[1] or found[2]) if found else None
        return [ErrorSeen(row.id, row.session_id, SOURCE, "error", text or None, row.created_at, row.id, code)]
    if is_summary(message):
        return [CompactionSeen(row.id, row.session_id, SOURCE, row.created_at)]
    if is_context(message) and (found := _WORKSPACE.search(text)):
        return [SessionSeen(row.session_id, SOURCE, 0, Rank.GUESS, {"project_path": found[1].strip()})]
    if place.parent and row.role == "user" and text:
        # The first prompt is what the subagent was asked to do: of equal ranks the greatest number wins.
        words = " ".join(text.split())
        title = words if len(words) <= _TITLE else words[: _TITLE + 1].rpartition(" ")[0] or words[:_TITLE]
        return [SessionSeen(row.session_id, SOURCE, -(row.created_at or 0), Rank.GUESS, {"title": title})]
    return []


_TITLE = 100  # characters


def _is_synthetic(message: Message, place: Place, *, listed: bool) -> bool:
    """Whether the client wrote all of a message.

    A response has a model or tokens. In a list it may have lost them, so there only the text decides.
    """
    if message.type == "gemini":
        lost = not message.model and not message.tokens
        return (lost and not listed) or _first_text(message) == _ACKNOWLEDGED
    if message.type == "user":
        return bool(place.parent) or _is_by_client(message)
    return True


def _is_by_client(message: Message) -> bool:
    """Whether the client wrote a user's message: its context, a summary, or what stands beside results of calls."""
    return _is_result(message) or _first_text(message).startswith(SYNTHETIC) or message.id.endswith("_response")


def _is_result(message: Message) -> bool:
    return isinstance(message.content, list) and any(part.functionResponse != ABSENT for part in message.content)


def _parts(message: Message, place: Place) -> Iterator[tuple[str, int, str | None, str | None, int | None]]:
    """The parts of a message but for its calls: type, number, text, data, whether the client wrote it."""
    for n, thought in enumerate(message.thoughts or []):
        text = "\n".join(filter(None, (thought.subject, thought.description)))
        if text:
            yield "reasoning", n, text, None, None
    content = _content(message)
    texts = [part.text for part in content if part.text and not part.thought]
    typed = _shown(message) if message.type == "user" and not place.parent and not _is_by_client(message) else None
    if typed is not None and len(texts) + (typed not in texts) > 1:
        # What the hook reports is the texts in one. What follows the prompt is of the client.
        data = encode({"typed": "".join(texts).strip()}).decode()
        yield "text", 0, typed, data, 0
        for n, text in enumerate((text for text in texts if text != typed), 1):
            yield "text", n, text, None, 1
    else:
        for n, text in enumerate(texts):
            yield "text", n, text, None, None
    for n, part in enumerate(content):
        for raw in (part.inlineData, part.fileData):
            if raw != ABSENT:
                yield "file", n, None, _file_data(raw), None


def _shown(message: Message) -> str | None:
    """What was typed of a prompt that has several parts; None for one that has only one."""
    shown = message.displayContent
    if shown is not None:
        parts = [Part(shown)] if isinstance(shown, str) else shown
        return "".join(part.text or "" for part in parts) or None
    texts = [part.text for part in _content(message) if part.text]
    for n, text in enumerate(texts):
        if text.strip() == _FILES:
            return "".join(texts[:n]) or None
    return "".join(texts) if len(texts) > 1 else None


def _file_data(raw: Raw) -> str | None:
    """Which file a part is, without its bytes."""
    named = {key: value for key, value in as_object(raw).items() if key in ("mimeType", "fileUri", "displayName")}
    return encode(named).decode() if named else None


def _listed_calls(message: Message, id: str, session: str, at: int | None) -> list[ToolSeen]:
    """The calls and results that stand in the content of a message."""
    found = []
    for part in _content(message):
        if part.functionCall != ABSENT:
            found.append(listed_call(bytes(part.functionCall), id, session, at))
        if part.functionResponse != ABSENT:
            found.append(listed_result(bytes(part.functionResponse), session, at))
    return [call for call in found if call]


def _content(message: Message) -> list[Part]:
    content = message.content
    return [Part(content)] if isinstance(content, str) else content or []


def _first_text(message: Message) -> str:
    return next((part.text for part in _content(message) if part.text), "")
