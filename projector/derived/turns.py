"""A session's messages from its steps, where the client gives no ids to responses. Pure: no database.

A rollout of lines says what a line belongs to by its place only. What the model made belongs to the response that ends
next; tokens are reported as they add up. So all steps of a session are read in the order of their files at every
change, and the rows depend on nothing else: not on when a step was read, nor on what was read with it.
"""

from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.json import Decoder

from projector.derived.turn_rows import NOTHING_SPENT, Response, Turn, turn_rows
from projector.model.changes import ErrorSeen
from projector.model.evidence import HOOKS, Attempt, Spent, Step
from projector.model.merge import Row
from projector.model.naming import scoped_id

_MADE = frozenset({"text", "reasoning", "call"})  # kinds of what the model makes
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


def fold(session: str, source: str, steps: Iterable[Step]) -> Folded:
    """What all `steps` of a session mean."""
    turns: dict[str, Turn] = {}
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
    rows, calls = turn_rows(turns.values(), session, source)
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

    def __init__(self, session: str, turns: dict[str, Turn]) -> None:
        self.copied: set[str] = set()
        self.shells: dict[str, Shell] = {}
        self._in_background: dict[int, Shell] = {}  # by the client's number
        self._session = session
        self._turns = turns
        self._turn: Turn | None = None
        self._by_client = False
        self._copying = False
        self._own = False  # a turn of the session itself has begun
        self._made: list[Step] = []  # by a response that has not ended
        self._said = False
        self._model: str | None = None
        self._provider: str | None = None
        self._total: int | None = None
        self._sum = NOTHING_SPENT
        self._recorded = False  # a response was recorded since the last total
        self._last: Response | None = None

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
        known = self._turns.setdefault(step.ref, Turn(step.ref))
        known.value, known.in_file, known.by_client = step.value or 0, True, self._by_client
        self._turn = known

    def _turn_of(self, named: str | None) -> Turn:
        """The turn that a step names, else the one that it is in. A turn whose beginning is missing begins here."""
        if self._turn is None or (named is not None and named != self._turn.id):
            id = named or scoped_id("0", self._session)
            self._turn = self._turns.setdefault(id, Turn(id, by_client=self._by_client))
        return self._turn

    def _respond(self, turn: Turn, step: Step, id: str | None, spent: Spent | UnsetType) -> None:
        """A response ends."""
        at = self._made[-1].at if self._made else step.at
        self._last = Response(self._made, at, id, spent, self._model, self._provider, said=self._said)
        turn.responses.append(self._last)
        self._made, self._said = [], False

    def _total_in(self, turn: Turn, step: Step) -> None:
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
            # Without sums a repetition looks the same: it counts only after something that the model made.
            return _spent(step.text) if step.text and self._made else None
        before, self._total = self._total, step.value
        last, sums, self._sum = _spent(step.text or "[null,null]"), self._sum, _spent(step.data or "[null,null]")
        if step.value == before:
            return None
        if any(msgspec.structs.astuple(last)):
            return last
        return _difference(self._sum, sums)

    def _compacted(self, turn: Turn, step: Step) -> None:
        last = self._last
        summary = last is not None and not last.said and not any(one.kind == "call" for one in last.made)
        if last is not None and summary and turn.responses and turn.responses[-1] is last:
            last.summary = True
            turn.summaries.append((step, last))
        else:  # made elsewhere, as by a request that is not recorded
            turn.summaries.append((step, None))

    def _rest(self, turn: Turn) -> None:
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


def _hear(turns: dict[str, Turn], events: list[Step], session: str, source: str) -> None:
    """Add what events report and no file has."""
    recorded = {one.id for turn in turns.values() for one in turn.responses}
    attempts: dict[str, dict[tuple[str, int], tuple[Step, Attempt]]] = {}
    for step in events:
        turn = turns.setdefault(step.turn or session, Turn(step.turn or session, in_file=False))
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


def _attempted(turn: Turn, step: Step, one: Attempt) -> None:
    """A request that no file has: its response, if it had one."""
    if turn.totals:
        return
    if turn.in_file:
        for rest in turn.responses:
            if rest.spent is UNSET:
                rest.spent = one.spent or NOTHING_SPENT
                return
        if one.response is None or one.spent is None:
            return
    elif one.failed and one.spent is None:
        return
    response = Response([], step.at, one.response, one.spent or NOTHING_SPENT, one.model, summary=one.compaction)
    turn.responses.append(response)


def _failed(turn: Turn, attempts: list[tuple[Step, Attempt]], session: str, source: str) -> None:
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
