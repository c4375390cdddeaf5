"""Filters: the options `--source --project --model --since --until`, as SQL conditions.

They mean the same in every command:

- source: one of those that are named;
- project: a path is that directory and what is below it, anything else a project's name;
- model: its name has the text in it, in capitals or not. A message is taken by its own model, and one without, as a
  prompt, by its session's; a tool call by its message's; a session by its own or that of any of its messages;
- since, until: a message or call by its own time; a session when something of it lies in the span.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from clankers.errors import UsageError
from clankers.queries.dates import span
from clankers.queries.dialect import Database, contains, listed

_FIRST, _LAST = -(1 << 63), (1 << 63) - 1  # epoch milliseconds before and behind all others


@dataclass(frozen=True)
class Filters:
    """What to select; made by `filters`.

    Attributes:
        sources: their names; none for all.
        places: paths that a project's directory may have, one of which it is or is below.
        name: a project's name.
        model: text that a model's name has in it, in small letters.
        since: epoch milliseconds, the first that is meant.
        until: epoch milliseconds, the first that is not.
        without: sessions that are left out, by id.
        values: what the names in the conditions stand for; goes with every statement that has one.
    """

    sources: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    name: str | None = None
    model: str | None = None
    since: int | None = None
    until: int | None = None
    without: tuple[str, ...] = ()
    values: dict[str, str | int | None] = field(init=False)

    def __post_init__(self) -> None:
        values: dict[str, str | int | None] = {
            **{f"f_source_{i}": source for i, source in enumerate(self.sources)},
            **{f"f_place_{i}": place for i, place in enumerate(self.places)},
            **{f"f_below_{i}": os.path.join(place, "") for i, place in enumerate(self.places)},
            "f_name": self.name,
            "f_model": self.model,
            "f_since": _FIRST if self.since is None else self.since,
            "f_until": _LAST if self.until is None else self.until,
            "f_without": json.dumps(self.without),
        }
        object.__setattr__(self, "values", values)

    def __bool__(self) -> bool:
        """Whether anything is filtered out."""
        return self != Filters()

    def sessions(self, s: str = "s") -> str:
        """The condition on the row `s` of `sessions`: the session, or something in it, matches."""
        found = self._of_session(s)
        if self.model is not None:
            found.append(
                f"({_has_model(f'{s}.model')} OR EXISTS (SELECT 1 FROM messages AS f_m "
                f"WHERE f_m.session_id = {s}.id AND {_has_model('f_m.model')}))"
            )
        if self.since is not None or self.until is not None:
            found.append(
                f"({_in_span(f'{s}.created_at')} OR {_in_span(f'{s}.updated_at')} OR {_in_span(f'{s}.ended_at')} OR "
                f"EXISTS (SELECT 1 FROM messages AS f_m "
                f"WHERE f_m.session_id = {s}.id AND {_in_span('f_m.created_at')}))"
            )
        return " AND ".join(found) or "TRUE"

    def rows(self, at: str, model: str, s: str = "s") -> str:
        """The condition on a row that belongs to a session.

        Args:
            at: the column with its time.
            model: the expression for its own model, which may be NULL: then it is the session's.
            s: the session's row.
        """
        found = self._of_session(s)
        if self.model is not None:
            found.append(_has_model(f"coalesce({model}, {s}.model)"))
        if self.since is not None or self.until is not None:
            found.append(_in_span(at))
        return " AND ".join(found) or "TRUE"

    def rows_with_model(self, r: str, at: str) -> str:
        """The same for a row `r` that has its session's model where it has none of its own: no join is needed."""
        found = []
        if of_session := self._of_session("f_s"):
            found.append(f"{r}.session_id IN (SELECT f_s.id FROM sessions AS f_s WHERE {' AND '.join(of_session)})")
        if self.model is not None:
            found.append(_has_model(f"{r}.model"))
        if self.since is not None or self.until is not None:
            found.append(_in_span(at))
        return " AND ".join(found) or "TRUE"

    def _of_session(self, s: str) -> list[str]:
        found = []
        if self.sources:
            names = ", ".join(f":f_source_{i}" for i in range(len(self.sources)))
            found.append(f"{s}.source IN ({names})")
        if self.places:
            path = f"{s}.project_path"
            there = [
                f"{path} = :f_place_{i} OR substr({path}, 1, length(:f_below_{i})) = :f_below_{i}"
                for i in range(len(self.places))
            ]
            found.append(f"({' OR '.join(there)})")
        if self.name is not None:
            found.append(f"{s}.project_name = :f_name")
        if self.without:
            found.append(f"{s}.id NOT IN {listed('f_without')}")
        return found


def _in_span(at: str) -> str:
    return f"({at} >= :f_since AND {at} < :f_until)"


def _has_model(model: str) -> str:
    return contains(f"lower({model})", "lower(:f_model)")  # SQLite's: it leaves É as it is


def filters(
    sources: Sequence[str] | None = None,
    project: str | None = None,
    model: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Filters:
    """The filters that a command's options of these names mean.

    Raises:
        UsageError: a time that is none, or a span that ends before it begins.
    """
    now = datetime.now()  # noqa: DTZ005 - local time is what people write
    begin = None if since is None else span(since, "--since", now).begin
    end = None if until is None else span(until, "--until", now).end
    if begin is not None and end is not None and begin >= end:
        raise UsageError(f"--since {since!r} is not before --until {until!r}: there is nothing between them")
    places, name = ((), project) if project is None or not _is_path(project) else (_places(project), None)
    return Filters(tuple(sources or ()), places, name, model, begin, end)


def sources_instead(db: Database, chosen: Filters) -> list[str]:
    """The recorded sources, if none of the chosen ones is among them; else none."""
    if not chosen.sources:
        return []
    recorded = [str(name) for (name,) in db.execute("SELECT DISTINCT source FROM sessions ORDER BY 1")]
    return [] if set(chosen.sources) & set(recorded) else recorded


def _is_path(project: str) -> bool:
    return project in (".", "..", "~") or os.sep in project or (os.altsep is not None and os.altsep in project)


def _places(path: str) -> tuple[str, ...]:
    """The directory `path` as it is written and as it is behind symbolic links: clients note the one or the other."""
    absolute = os.path.abspath(os.path.expanduser(path))
    return tuple(dict.fromkeys((absolute, os.path.realpath(absolute))))
