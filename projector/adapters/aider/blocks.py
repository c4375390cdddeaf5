"""A block of aider's chat history: what stands before the first prompt of a run, or a prompt and what follows.

Only the start of a run has a time: its messages have that one. The tokens are the client's own estimate, rounded, so
they are not counts: a part of the response keeps them, marked as estimated.
"""

import re
from typing import Any, NamedTuple

from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.wire import Id, Int, Wire, millis
from projector.model.changes import Change, ErrorSeen, MessageSeen, PartSeen, Rank, SessionSeen
from projector.model.naming import scoped_id

SOURCE = "aider"
_VERSION = re.compile(r"Aider v(\S{1,40})")
_MODEL = re.compile(r"(?:Main m|M)odel: (\S+) with ")
_TOKENS = re.compile(r"Tokens: (\S+) sent, (?:\S+ cache \w+, )*(\S+) received\.")
_FAILED = re.compile(r"litellm\.(\w+(?:Error|Exception)): (.*)")
_THOUGHT = re.compile(r"<(thinking-content-\w+)>(.*?)(?:</\1>|\Z)", re.DOTALL)
_UNITS = {"k": 1_000, "M": 1_000_000}


class Block(Wire):
    sessionId: Id
    path: str | None = None
    started: str | None = None
    utcOffset: Int = 0
    text: str = ""


class _Said(NamedTuple):
    """What follows a prompt.

    Attributes:
        answers: each with the client's estimate of its tokens, if it has one.
        notices: the client's voice.
    """

    answers: list[tuple[str, str | None]]
    notices: list[str]


def _session(_: Event, block: Block, **more: object) -> list[Change]:
    facts: dict[str, Any] = {"created_at": _started(block), **more}
    if block.path:
        facts["project_path"] = block.path.rpartition("/")[0] or None
    facts = {name: value for name, value in facts.items() if value is not None}
    return [SessionSeen(block.sessionId, SOURCE, _started(block) or 0, Rank.RECORD, facts)]


def _started(block: Block) -> int | None:
    try:
        return millis(block.started) - block.utcOffset * 1000 if block.started else None
    except ValueError:
        return None


def _run(event: Event, block: Block) -> list[Change]:
    """The beginning of a run: the client says its version and the model."""
    _, notices = _said(block.text.splitlines()[1:])
    text = "\n".join(notices)
    version, model = _VERSION.search(text), _MODEL.search(text)
    facts: dict[str, object] = {"client_version": version[1] if version else None}
    if model:
        provider, slash, name = model[1].partition("/")
        facts |= {"model": name, "provider": provider} if slash else {"model": model[1]}
    return [*_session(event, block, **facts), *_notices(event, block, notices)]


def _turn(event: Event, block: Block) -> list[Change]:
    lines = block.text.splitlines()
    count = next((n for n, line in enumerate(lines) if not line.startswith("#### ")), len(lines))
    prompt = "\n".join(line.removeprefix("#### ").rstrip() for line in lines[:count])
    answers, notices = _said(lines[count:])
    changes = [*_session(event, block), *_message(_row(event, "0"), block, "user", [("text", prompt, None)])]
    for n, (text, estimate) in enumerate(answers, 1):
        changes += _message(_row(event, str(n)), block, "assistant", _parts(text, estimate))
    changes += _notices(event, block, notices)
    for n, notice in enumerate(notices):
        if failed := _FAILED.match(notice):
            id = _row(event, f"error.{n}")
            changes.append(ErrorSeen(id, block.sessionId, SOURCE, failed[1], failed[2], _started(block)))
    return changes


def _said(lines: list[str]) -> _Said:
    """The answers and notices in `lines`. A notice begins with `> ` and ends in two blanks."""
    answers: list[tuple[str, str | None]] = []
    notices: list[str] = []
    open_lines: list[str] = []
    for line in [*lines, "> \x00  "]:
        if not (line.startswith("> ") and line.endswith("  ")):
            open_lines.append(line)
            continue
        if text := "\n".join(open_lines).strip():
            answers.append((text, None))
        open_lines = []
        notice = line[2:].rstrip()
        if _TOKENS.match(notice) and answers and answers[-1][1] is None:
            answers[-1] = (answers[-1][0], notice)
        elif notice != "\x00":
            notices.append(notice)
    return _Said(answers, notices)


def _parts(text: str, estimate: str | None) -> list[tuple[str, str | None, str | None]]:
    parts: list[tuple[str, str | None, str | None]] = [
        ("reasoning", found[2].strip(), None) for found in _THOUGHT.finditer(text)
    ]
    if answer := _THOUGHT.sub("", text).strip():
        parts.append(("text", answer, None))
    if found := _TOKENS.match(estimate or ""):
        data = {"estimated": True, "prompt_tokens": _count(found[1]), "completion_tokens": _count(found[2])}
        parts.append(("estimate", None, encode(data).decode()))
    return parts


def _count(text: str) -> int | None:
    """A rounded number, such as 2.3k."""
    try:
        return round(float(text.rstrip("kM").replace(",", "")) * _UNITS.get(text[-1:], 1))
    except (ValueError, OverflowError):
        return None


def _row(event: Event, what: str) -> str:
    """The row id for something in a block, which has the same place when it has grown; they sort as they stand."""
    session, _, place = event.id.partition("#")[0].partition("@")
    return scoped_id(what, f"{session}@{place:0>10}")


def _notices(event: Event, block: Block, notices: list[str]) -> list[Change]:
    """The client's voice, which is no part of the conversation."""
    text = "\n".join(notices)
    return _message(_row(event, "9.notices"), block, "user", [("text", text, None)], synthetic=True) if text else []


def _message(
    id: str, block: Block, role: str, parts: list[tuple[str, str | None, str | None]], *, synthetic: bool = False
) -> list[Change]:
    at, session = _started(block), block.sessionId
    changes: list[Change] = [MessageSeen(id, session, SOURCE, role, created_at=at, synthetic=synthetic)]
    for seq, (kind, text, data) in enumerate(parts):
        changes.append(PartSeen(scoped_id(str(seq), id), id, session, SOURCE, seq, kind, text, data, at, at))
    return changes


plain = case(Block, _session)
CASES: dict[str, Case] = {"run": case(Block, _run), "turn": case(Block, _turn)}
