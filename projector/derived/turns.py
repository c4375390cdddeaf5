"""A session's messages from its steps, where the client gives no ids to responses. Pure: no database.

A rollout of lines says what a line belongs to by its place only. What the model made belongs to the response that ends
next; tokens are reported as they add up. So all steps of a session are read in the order of their files at every
change, and the rows depend on nothing else: not on when a step was read, nor on what was read with it.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.json import Decoder, decode, encode

from projector.model.changes import (
    HOOKS,
    Attempt,
    CompactionSeen,
    ErrorSeen,
    MessageSeen,
    PartSeen,
    Spent,
    Step,
)
from projector.model.merge import Row
from projector.model.naming import scoped_id

_MADE = frozenset({"text", "reasoning", "call"})  # kinds of what the model makes
_NOTHING_SPENT = Spent(None, None)
_spent = Decoder(Spent).decode
_attempt = Decoder(Attempt).decode


class Folded(NamedTuple):
    """What the steps of a session mean.

    Attributes:
        session: its id.
        rows: all messages, parts, errors and compactions of the session.
        calls: the message of each tool call, by its row id.
        copied: calls in what was copied from another session.
        shells: calls that went on in the background, by their row ids.
    """

    session: str
    rows: list[Row]
    calls: dict[str, str]
    copied: set[str]
    shells: dict[str, "Shell"]


class Shell(msgspec.Struct):
    """A call that went on in the background.

    Attributes:
        text: what it had put out by then.
        polls: the calls that polled it, in order.
        unfinished: those after which it still went on: what they got, and when.
    """

    text: str
    polls: list[str] = []
    unfinished: dict[str, tuple[str, int | None]] = {}


class _Response(msgspec.Struct):
    """A response of the model; without an `id` it gets one from its turn. `spent` UNSET: no one has said yet."""

    made: list[Step]
    at: int | None
    id: str | None = None
    spent: Spent | UnsetType = UNSET
    model: str | None = None
    provider: str | None = None
    summary: bool = False
    said: bool = False


class _Turn(msgspec.Struct):
    """A turn. `in_file`: it was begun in a file, not only reported by events. `totals`: its tokens were added up."""

    id: str
    value: int = 0
    in_file: bool = True
    totals: bool = False
    ended: bool = False
    by_client: bool = False
    prompts: list[Step] = []
    notes: list[Step] = []
    responses: list[_Response] = []
    summaries: list[tuple[Step, _Response | None]] = []
    error: Step | None = None
    retries: list[ErrorSeen] = []
    failure: ErrorSeen | None = None
    answer: Step | None = None
    revoked_at: int | None = None


def fold(session: str, source: str, steps: Iterable[Step]) -> Folded:
    """What all `steps` of a session mean."""
    turns: dict[str, _Turn] = {}
    copied: set[str] = set()
    shells: dict[str, Shell] = {}
    files, events = _by_file(steps)
    for file in files:
        reader = _Reader(session, turns)
        for step in file:
            reader.read(step)
        reader.finish()
        copied |= reader.copied
        shells |= reader.shells
    _hear(turns, events, session, source)
    rows, calls = _rows(turns.values(), session, source)
    return Folded(session, rows, calls, copied - calls.keys(), shells)


def _by_file(steps: Iterable[Step]) -> tuple[list[list[Step]], list[Step]]:
    """The steps of each file, of its last edition, in order; and those of events, by time."""
    files: dict[str, list[Step]] = {}
    for step in steps:
        files.setdefault(step.file, []).append(step)
    events = sorted(files.pop(HOOKS, []), key=lambda step: (step.at or 0, step.place, step.id))
    found = []
    for name in sorted(files):
        last = max(step.edition for step in files[name])
        found.append(sorted((s for s in files[name] if s.edition == last), key=attrgetter("place", "id")))
    return found, events


class _Reader:
    """Reads the steps of one file, in order, into `turns`."""

    def __init__(self, session: str, turns: dict[str, _Turn]) -> None:
        self.copied: set[str] = set()
        self.shells: dict[str, Shell] = {}
        self._in_background: dict[int, Shell] = {}  # by the client's number
        self._session = session
        self._turns = turns
        self._turn: _Turn | None = None
        self._by_client = False
        self._copying = False
        self._own = False  # a turn of the session itself has begun
        self._made: list[Step] = []  # by a response that has not ended
        self._said = False
        self._model: str | None = None
        self._provider: str | None = None
        self._total: int | None = None
        self._sum = _NOTHING_SPENT
        self._recorded = False  # a response was recorded since the last total
        self._last: _Response | None = None

    def read(self, step: Step) -> None:
        """Take one step."""
        kind = step.kind
        if kind == "turn":
            self._begin(step)
        elif kind == "file":
            self._by_client = bool(step.flag)
            self._provider = self._provider or step.ref
            self._revoke_from(step)
        elif kind == "origin":
            self._copying = not self._own
        elif kind == "model":
            self._model, self._provider = step.text or self._model, step.ref or self._provider
        elif self._copying:
            if kind == "call" and step.ref:
                self.copied.add(step.ref)
            elif kind == "total":
                self._count(step)
        else:
            self._own_step(step)

    def finish(self) -> None:
        """The file ends here, so far."""
        self._rest(self._turn_of(None))

    def _own_step(self, step: Step) -> None:
        kind, turn = step.kind, self._turn_of(step.turn)
        if kind in _MADE:
            self._made.append(step)
            if step.ref and step.value in self._in_background:
                self._in_background[step.value].polls.append(step.ref)
        elif kind == "running" and step.ref and step.value is not None:
            self._running(step.ref, step.value, step)
        elif kind == "prompt":
            turn.prompts.append(step)
        elif kind == "note":
            turn.notes.append(step)
        elif kind == "said":
            self._said = True
        elif kind == "response":
            self._recorded = True
            if not any(one.id == step.ref for one in turn.responses):
                self._respond(turn, step, step.ref, _spent(step.data or "[null,null]"))
        elif kind == "total":
            self._total_in(turn, step)
        elif kind == "compaction":
            self._compacted(turn, step)
        elif kind == "error":
            self._rest(turn)
            turn.error = turn.error or step
        elif kind == "end":
            self._rest(turn)
            turn.ended = True
        elif kind == "rollback":
            self._roll_back(step)

    def _running(self, call: str, number: int, step: Step) -> None:
        shell = self._in_background.get(number)
        if shell and call in shell.polls:
            shell.unfinished[call] = (step.text or "", step.at)
        else:  # the number may have been that of another one
            self._in_background[number] = self.shells[call] = Shell(step.text or "")

    def _begin(self, step: Step) -> None:
        if not step.flag or not self._copying:
            self._copying = False
            self._own = True
        if self._copying or step.ref is None:
            return
        self._rest(self._turn_of(None))
        known = self._turns.setdefault(step.ref, _Turn(step.ref))
        known.value, known.in_file, known.by_client = step.value or 0, True, self._by_client
        self._turn = known

    def _turn_of(self, named: str | None) -> _Turn:
        """The turn that a step names, else the one that it is in. A turn whose beginning is missing begins here."""
        if self._turn is None or (named is not None and named != self._turn.id):
            id = named or scoped_id("0", self._session)
            self._turn = self._turns.setdefault(id, _Turn(id, by_client=self._by_client))
        return self._turn

    def _respond(self, turn: _Turn, step: Step, id: str | None, spent: Spent | UnsetType) -> None:
        """A response ends."""
        at = self._made[-1].at if self._made else step.at
        self._last = _Response(self._made, at, id, spent, self._model, self._provider, said=self._said)
        turn.responses.append(self._last)
        self._made, self._said = [], False

    def _total_in(self, turn: _Turn, step: Step) -> None:
        spent = self._count(step)
        if spent is not None and not self._recorded:
            turn.totals = True
            self._respond(turn, step, None, spent)
        elif step.value is None and any(one.kind == "text" for one in self._made):
            self._rest(turn)  # of an attempt that broke off; calls go on in the next one
        if step.value is not None:
            self._recorded = False

    def _count(self, step: Step) -> Spent | None:
        """What was spent since the last total; None if it has not moved."""
        if not step.value:
            return None
        before, self._total = self._total, step.value
        last, sums, self._sum = _spent(step.text or "[null,null]"), self._sum, _spent(step.data or "[null,null]")
        if step.value == before:
            return None
        if any(msgspec.structs.astuple(last)):
            return last
        return _difference(self._sum, sums)

    def _compacted(self, turn: _Turn, step: Step) -> None:
        last = self._last
        summary = last is not None and not last.said and not any(one.kind == "call" for one in last.made)
        if last is not None and summary and turn.responses and turn.responses[-1] is last:
            last.summary = True
            turn.summaries.append((step, last))
        else:  # made elsewhere, as by a request that is not recorded
            turn.summaries.append((step, None))

    def _rest(self, turn: _Turn) -> None:
        """What is left was made by a response whose end is not recorded."""
        if self._made:
            self._respond(turn, self._made[-1], None, UNSET)

    def _revoke_from(self, step: Step) -> None:
        if self._turn is None:
            for turn in self._turns.values():
                if turn.value >= (step.value or 0) and turn.revoked_at is None:
                    turn.revoked_at = step.at

    def _roll_back(self, step: Step) -> None:
        left = [turn for turn in self._turns.values() if turn.prompts and turn.revoked_at is None]
        for turn in left[-step.value :] if step.value else []:
            turn.revoked_at = step.at


def _difference(now: Spent, before: Spent) -> Spent:
    pairs = zip(msgspec.structs.astuple(now), msgspec.structs.astuple(before), strict=True)
    return Spent(*(None if one is None else max(0, one - (other or 0)) for one, other in pairs))


def _hear(turns: dict[str, _Turn], events: list[Step], session: str, source: str) -> None:
    """Add what events report and no file has."""
    recorded = {one.id for turn in turns.values() for one in turn.responses}
    attempts: dict[str, dict[tuple[str, int], tuple[Step, Attempt]]] = {}
    for step in events:
        turn = turns.setdefault(step.turn or session, _Turn(step.turn or session, in_file=False))
        if step.kind == "answer":
            turn.answer = step
        elif step.kind == "attempt" and step.data:
            one = _attempt(step.data)
            attempts.setdefault(turn.id, {}).setdefault((one.request, one.number), (step, one))
    for id, of_turn in attempts.items():
        turn = turns[id]
        for step, one in of_turn.values():
            if one.response not in recorded or one.response is None:
                _attempted(turn, step, one)
        _failed(turn, list(of_turn.values()), session, source)


def _attempted(turn: _Turn, step: Step, one: Attempt) -> None:
    """A request that no file has: its response, if it had one."""
    if turn.totals:
        return
    if turn.in_file:
        for rest in turn.responses:
            if rest.spent is UNSET:
                rest.spent = one.spent or _NOTHING_SPENT
                return
        if one.response is None or one.spent is None:
            return
    elif one.failed and one.spent is None:
        return
    response = _Response([], step.at, one.response, one.spent or _NOTHING_SPENT, one.model, summary=one.compaction)
    turn.responses.append(response)


def _failed(turn: _Turn, attempts: list[tuple[Step, Attempt]], session: str, source: str) -> None:
    """The attempts that failed: each was followed by another one, but for the last if the turn failed with it."""
    failed = [(step, one) for step, one in attempts if one.failed]
    if not failed:
        return
    step, last = failed[-1]
    if attempts[-1][1] is last and (turn.error is not None or not turn.ended):
        failed.pop()
        if turn.error is None:
            turn.failure = _error(scoped_id("error", turn.id), session, source, step, last)
    turn.retries = [
        _error(scoped_id(f"{one.request}:{one.number}", turn.id), session, source, step, one, retried=True)
        for step, one in failed
    ]


def _error(id: str, session: str, source: str, step: Step, one: Attempt, *, retried: bool = False) -> ErrorSeen:
    return ErrorSeen(id, session, source, "request", one.error, step.at, None, one.status_code, retried)


def _rows(turns: Iterable[_Turn], session: str, source: str) -> tuple[list[Row], dict[str, str]]:
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


def _prompt(turn: _Turn, step: Step, id: str, session: str, source: str) -> Iterator[Row]:
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


def _response(turn: _Turn, one: _Response, id: str, session: str, source: str) -> Iterator[Row]:
    spent = _NOTHING_SPENT if one.spent is UNSET else one.spent
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


def _answer(turn: _Turn) -> None:
    """Put the text of an answer that an event reports into the turn's last response, if no file has it."""
    if (answer := turn.answer) is None or not answer.text:
        return
    said = {(step.text or "").strip() for one in turn.responses for step in one.made if step.kind == "text"}
    if answer.text.strip() in said:
        return
    if not turn.in_file and turn.responses:
        turn.responses[-1].made.append(answer)
    else:
        turn.responses.append(_Response([answer], answer.at, scoped_id("answer", turn.id)))


def _compactions(turn: _Turn, session: str, source: str) -> Iterator[CompactionSeen]:
    for n, (step, response) in enumerate(turn.summaries, 1):
        spent = response.spent if response and response.spent is not UNSET else _NOTHING_SPENT
        asked = (spent.prompt_tokens, spent.cache_read_tokens, spent.cache_write_tokens)
        before = sum(count or 0 for count in asked) or None
        trigger = "auto" if turn.prompts else "manual"  # a command is a turn without a prompt
        yield CompactionSeen(scoped_id(f"compaction:{n}", turn.id), session, source, step.at, trigger, before)
