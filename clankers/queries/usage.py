"""The totals behind `clankers stats`: sessions, messages, tools, tokens and cost by day, model, project, ...

Each message counts once: what a fork copied is left out, a session that was resumed or compacted is one session.

Added up are the rows of `activity`, which the projector keeps: what happened in a quarter of an hour, and its part of
what its session cost (`projector.derived.activity`). Days begin on quarters; where a span cuts one, what is left of
that is counted message by message. Tools are counted call by call: an index holds all that is measures of them.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from threading import Thread
from typing import Any, Generic, TypeVar

from clankers.queries import dialect
from clankers.queries.connect import second_connection
from clankers.queries.dialect import Database
from clankers.queries.filters import Filters
from clankers.queries.local_time_sql import local, ordinal
from projector.derived.buckets import BUCKET_MS, bucket_start, token_weight

TOKENS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens")

# The values of `--by`, as expressions for the local time `{now}`, its day `{day}`, the row `r` and its session `s`.
BY = {
    "day": "{day}",
    "week": "({day} - 1) / 7",
    "month": dialect.month("{now}"),
    "model": "r.model",
    "project": "s.project_path",
    "source": "s.source",
    "tool": "r.tool_name",
}
TIMES = ("day", "week", "month")
_NAMES: dict[str, Callable[[int], str]] = {  # of what the expression gives, where it is not the name
    "day": lambda day: date.fromordinal(day).isoformat(),
    "week": lambda week: date.fromordinal(7 * week + 1).strftime("%G-W%V"),
}
_OF_SESSIONS = ("project", "source")

# The expressions of the attributes of a group.
_NUMBERS = ("turns", "messages", *TOKENS, "cost", "cost_split", "unpriced_messages")
_MESSAGES = {
    "sessions": "count(DISTINCT CASE WHEN r.subagent = 0 THEN r.session_id END)",
    "subagents": "count(DISTINCT CASE WHEN r.subagent <> 0 THEN r.session_id END)",
    **{name: f"sum(r.{name})" for name in _NUMBERS},
    "cost_split": "coalesce(sum(r.cost_split), 0.0)",
}
_SPEAKERS = {"sessions": "count(*) FILTER (WHERE subagent = 0)", "subagents": "count(*) FILTER (WHERE subagent <> 0)"}
_CALLS = {
    "tools": "count(*)",
    "tools_closed": "count(r.success)",
    "tools_failed": "count(*) FILTER (WHERE r.success = 0)",
    "tool_p50_ms": dialect.percentile("r.duration_ms", 50),
    "tool_p95_ms": dialect.percentile("r.duration_ms", 95),
}
_CALLERS = {
    "sessions": "count(*) FILTER (WHERE s.parent_id IS NULL)",
    "subagents": "count(*) FILTER (WHERE s.parent_id IS NOT NULL)",
}

# The rows of `activity` in a span, and the messages in the span of the quarters of an hour that it cuts.
_CUT = f"({bucket_start(':f_since')}, {bucket_start(':f_until')})"
PART = f"(coalesce(m.cost, 0) * a.cost_rate + {token_weight('m')} * a.token_rate)"  # a message's share of the cost
_OF_SPAN = f"""(
  SELECT session_id, begin, model, subagent, {", ".join(_NUMBERS)} FROM activity
  WHERE begin > {bucket_start(":f_since")} AND begin < {bucket_start(":f_until")}
  UNION ALL
  SELECT m.session_id, m.created_at, coalesce(m.model, s.model), a.subagent,
    CASE WHEN a.subagent = 0 AND m.role = 'user' AND m.synthetic = 0 AND m.deleted_at IS NULL THEN 1 ELSE 0 END, 1,
    {", ".join(f"coalesce(m.{kind}, 0)" for kind in TOKENS)},
    {PART}, CASE WHEN a.cost_rate = 1 THEN 0 ELSE {PART} END,
    CASE WHEN a.cost_rate IS NULL AND {token_weight("m")} > 0 THEN 1 ELSE 0 END
  FROM activity AS a JOIN sessions AS s ON s.id = a.session_id JOIN messages AS m ON m.session_id = a.session_id
  WHERE a.position = 0 AND a.session_id IN (SELECT session_id FROM activity WHERE begin IN {_CUT})
    AND m.created_at >= :f_since AND m.created_at < :f_until AND m.copied = 0
    AND {bucket_start("m.created_at")} IN {_CUT}
  UNION ALL
  SELECT a.session_id, s.created_at, a.model, a.subagent, {", ".join(f"a.{name}" for name in _NUMBERS)}
  FROM activity AS a JOIN sessions AS s ON s.id = a.session_id
  WHERE a.messages = 0 AND a.begin IN {_CUT} AND s.created_at >= :f_since AND s.created_at < :f_until
)"""

Measured = list[tuple[str | None, dict[str, Any]]]  # keys of groups, and attributes
LocalTimes = dict[str, str]  # expressions for the placeholders in `BY`
_T = TypeVar("_T")


@dataclass
class Group:
    """What belongs to one key; counts, and costs in US dollars.

    Attributes:
        key: a day, a week (ISO), a month, a model, a project's path, a source or a tool; None where it has none.
        sessions: those of a person with a message in it, or without any message.
        subagents: the same for sessions that were started by another.
        turns: prompts that a person typed and did not take back.
        tools: calls; of `tools_closed` it is known how they ended, `tools_failed` did so badly.
        tool_p50_ms: half of the calls took no longer; None where no duration is known.
        cost: None where none is known.
        cost_split: what part of `cost` is an estimate.
        unpriced_messages: messages that used tokens and whose cost is not known.
    """

    key: str | None
    sessions: int = 0
    subagents: int = 0
    turns: int = 0
    messages: int = 0
    tools: int = 0
    tools_closed: int = 0
    tools_failed: int = 0
    tool_p50_ms: float | None = None
    tool_p95_ms: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost: float | None = None
    cost_split: float = 0.0
    unpriced_messages: int = 0

    @property
    def tokens(self) -> int:
        """All but reasoning, which some clients count as output too."""
        return self.prompt_tokens + self.completion_tokens + self.cache_read_tokens + self.cache_write_tokens

    def add(self, other: "Group") -> None:
        """Add the counts of `other`; percentiles and numbers of sessions cannot be added."""
        self.turns += other.turns
        self.messages += other.messages
        for kind in TOKENS:
            setattr(self, kind, getattr(self, kind) + getattr(other, kind))
        if other.cost is not None:
            self.cost = (self.cost or 0.0) + other.cost
        self.cost_split += other.cost_split
        self.unpriced_messages += other.unpriced_messages

    def plain(self) -> dict[str, Any]:
        """For JSON, rounded to a millionth of a cent and a microsecond, which removes floating-point noise."""
        return {name: round(value, 8) if isinstance(value, float) else value for name, value in asdict(self).items()}


class SecondQuery(Thread, Generic[_T]):
    """Asks the database while another query runs: that halves the time they take."""

    def __init__(self, db: Database, ask: Callable[[Database], _T]) -> None:
        super().__init__(daemon=True)
        self._db, self._ask = second_connection(db), ask
        self._found: _T
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Ask, in the thread."""
        try:
            self._found = self._ask(self._db)
        except BaseException as e:  # noqa: BLE001 (raised by `answer`)
            self._error = e
        finally:
            self._db.close()

    def answer(self) -> _T:
        """What it found, once it has."""
        self.join()
        if self._error:
            raise self._error
        return self._found


def count(db: Database, by: str, chosen: Filters) -> tuple[list[Group], Group]:
    """The groups `by` one of `BY`, by their keys, and the total of what `chosen` selects.

    By tool the sessions are those with calls, and there are no messages, tokens and costs: a message may call several.
    """
    second = SecondQuery(db, lambda other: (count_calls(other, by, chosen), count_calls(other, None, chosen)))
    total = Group(None)
    if by == "tool":
        groups = _fill({}, _callers(db, by, chosen))
        of_all = _callers(db, None, chosen)
    else:
        groups = _fill({}, _messages(db, by, chosen))
        of_all = _speakers(db, chosen)  # several groups may have the same
    for one in groups.values():
        total.add(one)
    calls, all_calls = second.answer()
    _fill(groups, calls)
    _fill({None: total}, of_all + all_calls)
    return sorted(groups.values(), key=lambda g: (g.key is None, g.key)), total


def count_all(db: Database, chosen: Filters) -> Group:
    """The total of what `chosen` selects, as `count` has it."""
    found = _messages(db, None, chosen) + _speakers(db, chosen) + count_calls(db, None, chosen)
    return _fill({None: Group(None)}, found)[None]


def _fill(groups: dict[str | None, Group], found: Measured) -> dict[str | None, Group]:
    for key, numbers in found:
        one = groups.setdefault(key, Group(key))
        for name, number in numbers.items():
            setattr(one, name, number)
    return groups


def activity_rows(chosen: Filters) -> str:
    """The table or subquery of the rows `r`: of `activity`, and of what is left of those that the span cuts."""
    cuts = any(at is not None and at % BUCKET_MS for at in (chosen.since, chosen.until))
    return f"{_OF_SPAN} AS r" if cuts else "activity AS r"


def _messages(db: Database, by: str | None, chosen: Filters) -> Measured:
    join = "JOIN sessions AS s ON s.id = r.session_id" if by in _OF_SESSIONS else ""
    rows = f"{activity_rows(chosen)} {join} WHERE {chosen.rows_with_model('r', 'r.begin')}"
    return _grouped(db, _MESSAGES, _key(db, by, "begin", "activity"), by, rows, chosen)


def _speakers(db: Database, chosen: Filters) -> Measured:
    rows = f"{activity_rows(chosen)} WHERE {chosen.rows_with_model('r', 'r.begin')}"
    each = f"SELECT max(r.subagent) AS subagent FROM {rows} GROUP BY r.session_id"
    return _grouped(db, _SPEAKERS, "NULL", None, f"({each})", chosen)


def count_calls(db: Database, by: str | None, chosen: Filters) -> Measured:
    """The numbers of the tool calls, under their names in `Group`, for each key."""
    # Session by session: SQLite would else look up the session of each call.
    join = (
        f"sessions AS s {dialect.JOIN_IN_THIS_ORDER} tools AS r ON r.session_id = s.id"
        if by in _OF_SESSIONS
        else "tools AS r"
    )
    rows = f"{join} WHERE {chosen.rows_with_model('r', 'r.created_at')}"
    return _grouped(db, _CALLS, _key(db, by, "created_at", "tools"), by, rows, chosen)


def _callers(db: Database, by: str | None, chosen: Filters) -> Measured:
    names = "r.session_id, r.tool_name" if by else "r.session_id"
    calls = f"SELECT DISTINCT {names} FROM tools AS r WHERE {chosen.rows_with_model('r', 'r.created_at')}"
    rows = f"({calls}) AS r JOIN sessions AS s ON s.id = r.session_id"
    return _grouped(db, _CALLERS, _key(db, by, "created_at", "tools"), by, rows, chosen)


def _key(db: Database, by: str | None, at: str, table: str) -> str:
    """The expression by which rows of `table`, whose time is `at`, are grouped; NULL: all of them are one group."""
    if by not in TIMES:
        return BY[by] if by else "NULL"
    return BY[by].format(**local_times(db, at, table))


def local_times(db: Database, at: str, table: str) -> LocalTimes:
    """The expressions that `BY` calls `now` and `day`, for rows of `table` whose time is `at`."""
    first, last = db.execute(f"SELECT coalesce(min({at}), 0), coalesce(max({at}), 0) FROM {table}").fetchone()
    now = local(f"r.{at}", first, last)
    return {"now": now, "day": ordinal(now)}


def key_name(by: str | None, found: Any) -> str | None:
    """The key of a group for what the expression of `group_key` gives."""
    return None if found is None else _NAMES.get(by or "", str)(found)


def _grouped(db: Database, measures: dict[str, str], key: str, by: str | None, rows: str, chosen: Filters) -> Measured:
    """The `measures` of `rows`, by the expression `key`, or of all of them together."""
    query = f"SELECT {key}, {', '.join(measures.values())} FROM {rows} {'GROUP BY 1' if by else ''} HAVING count(*) > 0"
    return [
        (key_name(by, found), dict(zip(measures, numbers, strict=True)))
        for found, *numbers in db.execute(query, chosen.values)
    ]
