"""The turns of a session, and the rows that they make. Pure: no database."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.json import decode, encode

from projector.model.changes import CompactionSeen, ErrorSeen, MessageSeen, PartSeen
from projector.model.evidence import Spent, Step
from projector.model.merge import Row
from projector.model.naming import scoped_id

NOTHING_SPENT = Spent(None, None)


class Response(msgspec.Struct):
    """A response of the model; without an `id` it gets one from its turn. `spent` UNSET: no one has said yet."""

    made: list[Step]
    at: int | None
    id: str | None = None
    spent: Spent | UnsetType = UNSET
    model: str | None = None
    provider: str | None = None
    summary: bool = False
    said: bool = False


class Turn(msgspec.Struct):
    """A turn. `in_file`: it was begun in a file, not only reported by events. `totals`: its tokens were added up."""

    id: str
    value: int = 0
    in_file: bool = True
    totals: bool = False
    ended: bool = False
    by_client: bool = False
    prompts: list[Step] = []
    notes: list[Step] = []
    responses: list[Response] = []
    summaries: list[tuple[Step, Response | None]] = []
    error: Step | None = None
    retries: list[ErrorSeen] = []
    failure: ErrorSeen | None = None
    answer: Step | None = None
    revoked_at: int | None = None


def turn_rows(turns: Iterable[Turn], session: str, source: str) -> tuple[list[Row], dict[str, str]]:
    """The rows of `turns`, and the message of each tool call by its row id."""
    rows: list[Row] = []
    calls: dict[str, str] = {}
    for turn in turns:
        for kind, steps in (("prompt", turn.prompts), ("note", turn.notes)):
            for n, step in enumerate(steps, 1):
                rows += _prompt(turn, step, scoped_id(f"{kind}:{n}", turn.id), session, source)
        _answer(turn)
        for n, response in enumerate(turn.responses, 1):
            response.id = response.id or scoped_id(str(n), turn.id)
            rows += _response(turn, response, response.id, session, source)
            calls |= {step.ref: response.id for step in response.made if step.kind == "call" and step.ref}
        rows += _compactions(turn, session, source)
        rows += turn.retries
        if turn.failure:
            rows.append(turn.failure)
        if error := turn.error:
            id = scoped_id("error", turn.id)
            rows.append(ErrorSeen(id, session, source, error.ref, error.text, error.at, None, error.value))
    return rows, calls


def _prompt(turn: Turn, step: Step, id: str, session: str, source: str) -> Iterator[Row]:
    at = step.at
    yield MessageSeen(
        id,
        session,
        source,
        "user",
        created_at=at,
        completed_at=at,
        synthetic=int(turn.by_client or step.kind == "note"),
        deleted_at=turn.revoked_at,
    )
    attached = decode(step.data, type=list[str]) if step.data else []
    files = [("file", None, encode({"name": name}).decode()) for name in attached]
    for n, (kind, text, data) in enumerate([("text", step.text, None), *files]):
        yield PartSeen(scoped_id(str(n), id), id, session, source, n, kind, text, data, at, at)


def _response(turn: Turn, one: Response, id: str, session: str, source: str) -> Iterator[Row]:
    spent = NOTHING_SPENT if one.spent is UNSET else one.spent
    yield MessageSeen(
        id,
        session,
        source,
        "assistant",
        model=one.model,
        provider=one.provider,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        reasoning_tokens=spent.reasoning_tokens,
        cache_read_tokens=spent.cache_read_tokens,
        cache_write_tokens=spent.cache_write_tokens,
        created_at=one.made[0].at if one.made else one.at,
        completed_at=one.at,
        synthetic=int(one.summary),
        deleted_at=turn.revoked_at,
    )
    for n, step in enumerate(one.made):
        kind = "tool" if step.kind == "call" else "text" if step.kind == "answer" else step.kind
        data = encode({"id": step.ref}).decode() if step.kind == "call" else None
        yield PartSeen(scoped_id(str(n), id), id, session, source, n, kind, step.text, data, step.at, step.at)


def _answer(turn: Turn) -> None:
    """Put the text of an answer that an event reports into the turn's last response, if no file has it."""
    if (answer := turn.answer) is None or not answer.text:
        return
    said = {(step.text or "").strip() for one in turn.responses for step in one.made if step.kind == "text"}
    if answer.text.strip() in said:
        return
    if not turn.in_file and turn.responses:
        turn.responses[-1].made.append(answer)
    else:
        turn.responses.append(Response([answer], answer.at, scoped_id("answer", turn.id)))


def _compactions(turn: Turn, session: str, source: str) -> Iterator[CompactionSeen]:
    for n, (step, response) in enumerate(turn.summaries, 1):
        spent = response.spent if response and response.spent is not UNSET else NOTHING_SPENT
        asked = (spent.prompt_tokens, spent.cache_read_tokens, spent.cache_write_tokens)
        before = sum(count or 0 for count in asked) or None
        trigger = "auto" if turn.prompts else "manual"  # a command is a turn without a prompt
        yield CompactionSeen(scoped_id(f"compaction:{n}", turn.id), session, source, step.at, trigger, before)
