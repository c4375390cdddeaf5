"""What a page is, and what it is asked: the part of the URL behind `?`, and a connection to the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

import apsw

from clankers.errors import ClankersError
from clankers.queries.filters import Filters, filters

FILTERS = {  # as the options of the commands; `source` may come again
    "source": "Only this agent; may be given more than once.",
    "project": "Only this project: its name, or a directory and what is below it.",
    "model": "Only models whose name contains this.",
    "since": "From this time on: 7d, yesterday, 2026-11, 2026-11-01, an RFC 3339 time.",
    "until": "Up to this time: a day, month or year is meant as a whole.",
}

PLACES = ("sort", "order", "after", "at", "item")  # where on a page, not what


class NotFoundError(ClankersError):
    """There is no such thing, or no longer; the message says what."""


@dataclass(frozen=True)
class Page:
    """A page: a row of `pages.PAGES`.

    Attributes:
        path: as Starlette's routes have it.
        template: its file; `find`'s answer is in it as `data`.
        find: the data, a struct of `queries`; `/api` and `path` gives the same as JSON.
        label: in the navigation; empty for a page that is not there.
        filtered: whether the filters of `FILTERS` make a difference, and are offered.
        parameters: what else `find` reads of the URL, each with what it means.
    """

    path: str
    template: str
    find: Callable[[Asked], Any]
    label: str = ""
    filtered: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A page's question.

    Attributes:
        path: of the page, with what it is about.
        given: what stands behind `?`, in its order.
        place: the parts of the path that have a name.
        db: open for reading only; used in one thread.
    """

    path: str
    given: list[tuple[str, str]]
    place: dict[str, str]
    db: apsw.Connection = field(repr=False)

    def one(self, name: str, default: str = "") -> str:
        """The last value of `name`."""
        return next((value for key, value in reversed(self.given) if key == name), default)

    def all(self, name: str) -> list[str]:
        """All values of `name` that are not empty."""
        return [value for key, value in self.given if key == name and value]

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """The last value of `name` as a number between `least` and `most`; `default` where it is none."""
        try:
            return min(max(int(self.one(name)[:20]), least), most)
        except ValueError:
            return default

    @cached_property
    def filters(self) -> Filters:
        """What the filters in the URL select.

        Raises:
            UsageError: a time that is none, or a span that ends before it begins.
        """
        single = (self.one(name).strip() or None for name in list(FILTERS)[1:])
        return filters(self.all("source"), *single)

    @property
    def filtered(self) -> bool:
        """Whether anything is chosen that leaves something out."""
        return any(value for name, value in self.given if name not in PLACES)

    def url(self, path: str | None = None, **changes: str | int | None) -> str:
        """This page's URL with some values changed; None takes one out.

        Args:
            path: another page, to which only the filters are taken along.
            changes: by name.
        """
        keep: Iterable[tuple[str, str]] = self.given
        if path is not None and path != self.path:
            keep = [(name, value) for name, value in keep if name in FILTERS]
        pairs = [(name, value) for name, value in keep if value and name not in changes]
        pairs += [(name, str(value)) for name, value in changes.items() if value is not None]
        where = quote(self.path if path is None else path, safe="/")
        return where + (f"?{urlencode(pairs)}" if pairs else "")
