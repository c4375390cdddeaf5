"""Gives responses the tokens that a client's record counts apart from them, and what its sums have besides.

A record of a request belongs to the response that follows it with the same id of the server, which servers may give
again; one that was stored elsewhere, without an id, to the next response of its session, if that has no other. A
request without a response, and what the sums have that no request explains, have rows of their own.

Clients write sums as they end: older versions those of the last run, later ones those of all runs. A run that was
killed wrote none, and the next sums of a later version have its requests only if they were recorded.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import apsw
import msgspec
from msgspec.json import decode

from projector.derived.prices import Prices
from projector.model.batch import Batch
from projector.model.changes import MessageSeen
from projector.model.evidence import RequestUsed, Spent, UsageSeen, UsageTotal
from projector.model.naming import scoped_id

_Counts = dict[str | None, list[int]]  # by model, in the order of `Spent`; None for several models
_KINDS = Spent.__struct_fields__


class Usage(NamedTuple):
    """What the lines of a record mean.

    Attributes:
        responses: by message, what its request used.
        unanswered: requests without a response, by the line's id.
        rest: by session and model, what the sums have and no request explains.
        at: when the last sums were written.
    """

    responses: dict[str, RequestUsed]
    unanswered: dict[str, tuple[UsageSeen, RequestUsed]]
    rest: dict[str, _Counts]
    at: int | None


def fold(lines: Iterable[UsageSeen]) -> Usage:
    """What the lines of one record mean."""
    reader = _Reader()
    for line in sorted(lines, key=lambda line: (line.at or 0, line.place, line.id)):
        reader.read(line)
    unanswered = {one.id: (one, used) for some in reader.requests.values() for one, used in some}
    return Usage(
        reader.responses,
        {id: one for id, one in unanswered.items() if id not in reader.copied},
        reader.rest(),
        reader.at,
    )


class _Reader:
    """Reads the lines of one record, in order."""

    def __init__(self) -> None:
        self.responses: dict[str, RequestUsed] = {}
        self.requests: dict[tuple[str, str | None], list[tuple[UsageSeen, RequestUsed]]] = defaultdict(list)
        self.copied: set[str] = set()
        self.at: int | None = None
        self._total: UsageTotal = UsageTotal(0, {}, {})  # of all runs
        self._session = ""
        self._owners: set[str] = set()
        self._stored: dict[str, RequestUsed] = {}  # the last since the last response, by its session
        self._answered: set[str] = set()  # messages
        self._since: set[str] = set()  # those since the last sums
        self._run: set[str] = set()  # those of this run
        self._explained: _Counts = defaultdict(_nothing)  # by requests since the last sums
        self._said: _Counts = defaultdict(_nothing)  # by responses of this run themselves
        self._by_agent: dict[str, _Counts] = defaultdict(lambda: defaultdict(_nothing))
        self._own: _Counts = defaultdict(_nothing)  # the rest of the session itself, and its subagents'
        self._agents: dict[str, _Counts] = {}
        self._copied_agents: dict[str, _Counts] = {}

    def read(self, line: UsageSeen) -> None:
        """Take one line."""
        self._session = line.session_id
        if line.kind == "run":
            self._run, self._said = set(), defaultdict(_nothing)
        elif line.kind == "request" and line.usage:
            used = decode(line.usage, type=RequestUsed)
            self.requests[line.owner, line.call].append((line, used))
            self._owners.add(line.owner)
            self._explain(self._explained, line.owner, used)
        elif line.kind == "stored" and line.usage:
            self._stored[line.owner] = decode(line.usage, type=RequestUsed)
        elif line.kind == "response" and line.message:
            self._respond(line, line.message)
        elif line.kind == "total" and line.usage:
            self._sum(decode(line.usage, type=UsageTotal))
            self.at = line.at
        elif line.kind == "fork":
            self.copied |= {one.id for some in self.requests.values() for one, _ in some}
            self._own.clear()
            self._copied_agents = dict(self._agents)

    def _respond(self, line: UsageSeen, message: str) -> None:
        self._owners.add(line.owner)
        self._since.add(message)
        self._run.add(message)
        if message in self._answered:
            return
        self._answered.add(message)
        said = decode(line.usage, type=RequestUsed) if line.usage else None
        stored = self._stored.pop(line.owner, None)
        if found := self.requests.get((line.owner, line.call)):
            self.responses[message] = found.pop()[1]
        elif stored and (said is None or said.spent.completion_tokens == stored.spent.completion_tokens):
            self.responses[message] = stored
            self._explain(self._explained, line.owner, stored)
        elif said:
            self._explain(self._said, line.owner, said)

    def _explain(self, part: _Counts, owner: str, used: RequestUsed) -> None:
        for counts in (part, self._by_agent[owner]):
            _add(counts[used.model], _list(used.spent))

    def _sum(self, found: UsageTotal) -> None:
        new = found.models
        if self._has_all_runs(found):
            new = {model: _minus(spent, self._total.models.get(model)) for model, spent in found.models.items()}
            self._total = found
        else:
            sums = {model: _plus(spent, self._total.models.get(model)) for model, spent in found.models.items()}
            self._total = UsageTotal(self._total.requests + found.requests, self._total.models | sums, {})
        explained: _Counts = defaultdict(_nothing)
        for part in (self._explained, self._said):
            for key, counts in part.items():
                _add(explained[key], counts)
        rest = _besides(new, explained)
        for agent, models in found.agents.items():
            if agent not in self._owners:
                continue  # nothing else says that it is a session
            now, before = _besides(models, self._by_agent[agent]), self._agents.get(agent, {})
            for model, counts in now.items():
                key = model if model in rest else None
                rest[key] = _difference(rest.get(key, _nothing()), _difference(counts, before.get(model, _nothing())))
            self._agents[agent] = now
        for key, counts in rest.items():
            _add(self._own[key], counts)
        self._run, self._since, self._explained, self._said = set(), set(), defaultdict(_nothing), defaultdict(_nothing)

    def _has_all_runs(self, found: UsageTotal) -> bool:
        """Whether sums are of all runs so far: as many requests, about, as those before and the responses since."""
        before = self._total
        grown = all(
            a >= b
            for model, spent in before.models.items()
            for a, b in zip(_list(found.models.get(model)), _list(spent), strict=True)
        )
        if found.requests < before.requests or not grown:
            return False
        more = found.requests - before.requests
        of_all = min(abs(more - len(self._run)), abs(more - len(self._since)))
        return of_all <= abs(found.requests - len(self._run))

    def rest(self) -> dict[str, _Counts]:
        """As `Usage.rest`."""
        found: dict[str, _Counts] = {self._session: self._own}
        for agent, models in self._agents.items():
            before = self._copied_agents.get(agent, {})
            found[agent] = {
                model: _difference(counts, before.get(model, _nothing())) for model, counts in models.items()
            }
        return {
            session: some for session, models in found.items() if (some := {m: c for m, c in models.items() if any(c)})
        }


def _nothing() -> list[int]:
    return [0] * len(_KINDS)


def _list(spent: Spent | None) -> list[int]:
    return [count or 0 for count in msgspec.structs.astuple(spent)] if spent else _nothing()


def _add(counts: list[int], more: list[int]) -> None:
    counts[:] = [a + b for a, b in zip(counts, more, strict=True)]


def _difference(counts: list[int], others: list[int]) -> list[int]:
    """Never below zero: what cannot be has no meaning."""
    return [max(a - b, 0) for a, b in zip(counts, others, strict=True)]


def _plus(one: Spent, other: Spent | None) -> Spent:
    return Spent(*(a + b for a, b in zip(_list(one), _list(other), strict=True)))


def _minus(one: Spent, other: Spent | None) -> Spent:
    return Spent(*_difference(_list(one), _list(other)))


def _besides(sums: dict[str, Spent], explained: _Counts) -> _Counts:
    """What `sums` have and `explained` has not, by model: of all together if they name the models differently."""
    explained = {model: counts for model, counts in explained.items() if any(counts)}
    if explained.keys() <= sums.keys():
        return {model: _difference(_list(spent), explained.get(model, _nothing())) for model, spent in sums.items()}
    if not sums:
        return {}
    both: list[Iterable[list[int]]] = [map(_list, sums.values()), explained.values()]
    one, other = ([sum(column) for column in zip(*some, strict=True)] for some in both)
    return {None: _difference(one, other)}


_LINES = f"SELECT {', '.join(UsageSeen.__struct_fields__)} FROM request_usage WHERE session_id = ?"
_NAMES = MessageSeen.__struct_fields__
_MESSAGE = f"SELECT {', '.join(_NAMES)} FROM messages WHERE id = ?"
_INSERT = f"INSERT OR REPLACE INTO messages ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"
_SET = ("model", "provider", "finish_reason", *_KINDS, "cost", "cost_source")
_UPDATE = f"UPDATE messages SET {', '.join(f'{name} = ?' for name in _SET)} WHERE id = ?"
_RESTS = "SELECT id FROM messages WHERE session_id = ? AND session_total AND id GLOB '*/usage:*'"


def refresh_request_usage(db: apsw.Connection, batch: Batch) -> set[str]:
    """Bring the rows up to date that follow from the records of which `batch` has a line.

    Returns:
        The sessions whose messages changed.
    """
    changed: set[str] = set()
    for session, source in sorted({(line.session_id, line.source) for line in batch.usage.values()}):
        lines = [UsageSeen(*row) for row in db.execute(_LINES, (session,))]
        usage = fold(lines)
        changed |= _respond(db, usage.responses)
        answered = [(line.id,) for line in lines if line.kind == "request" and line.id not in usage.unanswered]
        db.executemany("DELETE FROM messages WHERE id = ?", answered)
        rows = [_row(one.id, one.owner, source, one.at, used) for one, used in usage.unanswered.values()]
        owners = {line.owner or session for line in lines}
        gone = set(db.executemany(_RESTS, [(owner,) for owner in owners]))
        for owner, models in usage.rest.items():
            for model, counts in models.items():
                id = scoped_id(f"usage:{model or ''}", owner)
                row = _row(id, owner, source, usage.at, RequestUsed(Spent(*counts), model))
                row.session_total = True
                rows.append(row)
                gone.discard((id,))
        db.executemany("DELETE FROM messages WHERE id = ?", gone)
        Prices(db).fill_in(rows)
        db.executemany(_INSERT, map(msgspec.structs.astuple, rows))
        changed |= owners
    return changed


def _respond(db: apsw.Connection, responses: dict[str, RequestUsed]) -> set[str]:
    """Give each message what its request used; returns the sessions of those that had something else."""
    messages = [MessageSeen(*row) for row in db.executemany(_MESSAGE, [(id,) for id in responses])]
    different = []
    for message in messages:
        used = responses[message.id]
        before = _set_of(message)
        message.model = message.model or used.model
        message.provider, message.finish_reason = used.provider, used.finish_reason
        for name in _KINDS:
            setattr(message, name, getattr(used.spent, name))
        if _set_of(message) != before:
            message.cost = None
            different.append(message)
    Prices(db).fill_in(different)
    db.executemany(_UPDATE, [(*_set_of(message), message.id) for message in different])
    return {message.session_id for message in different}


def _set_of(message: MessageSeen) -> tuple[Any, ...]:
    return tuple(getattr(message, name) for name in _SET)


def _row(id: str, session: str, source: str, at: int | None, used: RequestUsed) -> MessageSeen:
    spent = dict(zip(_KINDS, msgspec.structs.astuple(used.spent), strict=True))
    return MessageSeen(
        id,
        session,
        source,
        "assistant",
        model=used.model,
        provider=used.provider,
        finish_reason=used.finish_reason,
        **spent,
        created_at=at,
        completed_at=at,
        synthetic=True,
    )
