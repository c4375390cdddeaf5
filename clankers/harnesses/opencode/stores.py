"""OpenCode's own stores: databases, one a release channel, and the JSON tree, which later versions leave as it was."""

import os
from collections.abc import Iterator
from pathlib import Path

from clankers.harnesses.opencode.database import db_sessions, open_store
from clankers.harnesses.opencode.directories import directory
from clankers.harnesses.opencode.json_tree import tree_sessions
from clankers.harnesses.opencode.stored_session import StoredSession
from clankers.ingest.source import Record, Source, SourceError


def sources() -> Iterator[Source]:
    """The sessions in the databases, then those in the JSON tree.

    Raises:
        OSError: a file of the tree cannot be read.
    """
    data = _data()
    for path in _databases(data):
        try:
            db = open_store(str(path))
            try:
                yield from db_sessions(db)
            finally:
                db.close()
        except SourceError as e:
            yield StoredSession(str(path), None, _unreadable(e))
    yield from tree_sessions(str(data / "storage"))


def count() -> int:
    """The sessions in the databases and in the JSON tree."""
    data = _data()
    return sum(map(_count, _databases(data))) + sum(1 for _ in (data / "storage" / "session").glob("*/*.json"))


def folders() -> list[str]:
    """Where the databases and the sessions of the JSON tree are, if they are there."""
    return [str(_data()), str(_data() / "storage" / "session")]


def _data() -> Path:
    return directory("XDG_DATA_HOME", ".local/share")


def _databases(data: Path) -> list[Path]:
    """One a release channel, and the one that `OPENCODE_DB` names: a path, or a file's name in the data directory."""
    found = sorted(data.glob("opencode*.db"))
    if (named := os.environ.get("OPENCODE_DB")) and named != ":memory:" and (data / named).is_file():
        found.append(data / named)
    return list({os.path.realpath(path): path for path in found}.values())


def _count(database: Path) -> int:
    try:
        db = open_store(str(database))
    except SourceError:
        return 1  # `sources` says what is wrong with it
    try:
        found: int = db.execute("SELECT count(*) FROM session").get
        return found
    finally:
        db.close()


def _unreadable(why: SourceError) -> Iterator[Record]:
    yield from ()  # reading it fails
    raise why
