"""What lines say about responses by their place: their model, what they used, and that they were taken back."""

from collections.abc import Iterable, Iterator

import apsw
from msgspec.json import Decoder
from msgspec.structs import asdict, astuple

from projector.model.batch import Batch
from projector.model.changes import MessageSeen
from projector.model.evidence import ResponseLine, Spent

_FIELDS = ResponseLine.__struct_fields__
_INSERT = f"INSERT INTO response_lines VALUES ({', '.join('?' * len(_FIELDS))}) ON CONFLICT (id) DO NOTHING"
_SELECT = f"SELECT {', '.join(_FIELDS)} FROM response_lines WHERE session_id = ? ORDER BY place, id"
_spent = Decoder(Spent).decode


def place_response_lines(db: apsw.Connection, batch: Batch) -> None:
    """Store such lines of `batch`, and merge into it what all lines of their sessions' files say."""
    db.executemany(_INSERT, map(astuple, batch.response_lines.values()))
    for session in dict.fromkeys(line.session_id for line in batch.response_lines.values()):
        for seen in messages_of(ResponseLine(*row) for row in db.execute(_SELECT, (session,))):
            row = batch.messages.setdefault(seen.id, seen)
            if row is not seen:
                batch.merge(row, seen)


def messages_of(lines: Iterable[ResponseLine]) -> Iterator[MessageSeen]:
    """What the lines of one session's file, in their order, say of its messages."""
    begun: ResponseLine | None = None
    asked: dict[bool, ResponseLine] = {}  # the last request: for the conversation, and beside it
    said: list[ResponseLine] = []  # prompts and responses that were not taken back
    for line in lines:
        if line.kind == "begin":
            begun = line
            asked.pop(False, None)
        elif line.kind == "request":
            asked[bool(line.beside)] = line
        elif line.kind == "prompt":
            said.append(line)
        elif line.kind == "copied":  # what its origin takes back, its origin reports
            said.clear()
        elif line.kind == "undo":
            for one in _take_back(said, line.count):
                yield MessageSeen(str(one.message), one.session_id, one.source, deleted_at=line.at)
        elif line.message:
            yield _used(line, asked.get(True) or line, line, synthetic=True)
        elif begun:
            said.append(begun)
            yield _used(begun, asked.get(False) or begun, line, synthetic=False)


def _used(response: ResponseLine, request: ResponseLine, usage: ResponseLine, *, synthetic: bool) -> MessageSeen:
    return MessageSeen(
        str(response.message),
        response.session_id,
        response.source,
        "assistant",
        model=request.model,
        provider=request.provider,
        created_at=request.at if synthetic else response.at,
        completed_at=usage.at,
        counted_at=usage.at,
        synthetic=synthetic,
        **(asdict(_spent(usage.spent)) if usage.spent else {}),
    )


def _take_back(said: list[ResponseLine], prompts: int) -> list[ResponseLine]:
    """Remove the last `prompts` prompts, with what follows them, from `said`; returns what was removed."""
    places = [n for n, line in enumerate(said) if line.kind == "prompt"][-prompts:] if prompts > 0 else []
    start = places[0] if places else len(said)
    removed = said[start:]
    del said[start:]
    return removed
