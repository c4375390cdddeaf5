"""What happens, as it happens, from the log. Nothing waits for the database, which only says more of the sessions."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import apsw

from clankers.errors import ClankersError
from clankers.log.follower import Follower, LoggedEvent
from clankers.log.reader import FileLogReader
from clankers.queries.connect import open_for_reading
from clankers.queries.dialect import Database
from clankers.queries.filters import Filters
from projector.feed import Feed, FeedItem, FeedSession

_POLL = 0.2  # seconds between two looks at the log
_WINDOW = 256 << 10  # bytes of the log's end that are read at first
_FAR = 64 << 20  # bytes of it that are read at most
_FACTS = "SELECT project_path, parent_id, model FROM sessions WHERE id = :id"


class TailItem(NamedTuple):
    """Something that happened, in its session, and the line of the log that says so."""

    item: FeedItem
    session: FeedSession
    place: LoggedEvent

    def plain(self, longest: int | None = None) -> dict[str, Any]:
        """For JSON, as `clankers/assets/schemas/tail.json` describes it; at most `longest` characters of the text."""
        item, session, place = self
        return {
            "at": item.at,
            "source": item.source,
            "session_id": item.session_id,
            "parent_id": session.parent_id,
            "project_path": session.project_path,
            "project_name": session.project_name,
            "model": item.model or session.model,
            "kind": item.kind,
            "id": item.id,
            "tool_name": item.tool_name,
            "text": item.text if longest is None else item.text[:longest],
            "exit_code": item.exit_code,
            "duration_ms": item.duration_ms,
            "file": place.file,
            "offset": place.offset,
        }


def follow(root: str, database: str, chosen: Filters, count: int, *, forever: bool = True) -> Iterator[TailItem | None]:
    """The last `count` things that happened, then whatever happens; None after each look at the log.

    Args:
        root: of the log.
        database: its path; it need not be there.
        chosen: what to leave out; times are not among it.
        count: of the things that happened before, looked for in the last 64 MB of the log.
        forever: False: end after the first look.

    Raises:
        OSError: the log cannot be read.
    """
    log = Follower(FileLogReader(root))
    window = _WINDOW
    while True:
        feed = Feed(root, _facts(database))
        places, complete = log.last(window)
        items = list(_matching(feed, chosen, places))
        if len(items) >= count or complete or window >= _FAR:
            break
        window *= 4
    # Asked for only now: what came later may say more of a session.
    for item, place in items[len(items) - min(count, len(items)) :]:
        yield TailItem(item, feed.session(item.session_id), place)
    while True:
        for place in log.new():
            for item, _ in _matching(feed, chosen, [place]):
                yield TailItem(item, feed.session(item.session_id), place)
        yield None
        if not forever:
            return
        time.sleep(_POLL)


def _matching(feed: Feed, chosen: Filters, places: list[LoggedEvent]) -> Iterator[tuple[FeedItem, LoggedEvent]]:
    for place in places:
        for item in feed.items(place.event):
            if _matches(chosen, item, feed.session(item.session_id)):
                yield item, place


def _matches(chosen: Filters, item: FeedItem, session: FeedSession) -> bool:
    path, model = session.project_path, (item.model or session.model or "").lower()
    return (
        (not chosen.sources or item.source in chosen.sources)
        and (chosen.name is None or session.project_name == chosen.name)
        and (chosen.model is None or chosen.model.lower() in model)
        and (
            not chosen.places
            or any(path is not None and (path == p or path.startswith(os.path.join(p, ""))) for p in chosen.places)
        )
    )


def _facts(path: str) -> Callable[[str], FeedSession | None]:
    """What the database at `path` knows of a session by its id; nothing where it cannot be read."""
    db: Database | None = None
    if os.path.exists(path):
        try:
            db = open_for_reading(path)
        except ClankersError:
            pass

    def known(id: str) -> FeedSession | None:
        try:
            row = db.execute(_FACTS, {"id": id}).fetchone() if db else None
        except apsw.Error:
            return None
        # Not when it began: a hook's guess of that makes no copy of an earlier prompt. The log itself says what forked.
        return FeedSession(*row) if row else None

    return known
