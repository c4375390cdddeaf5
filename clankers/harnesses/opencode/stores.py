"""The stores of OpenCode, and of what is built on it.

They are databases, one a release channel, and the JSON tree, which later versions leave as it was.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from clankers.harnesses.opencode.database import db_sessions, open_store
from clankers.harnesses.opencode.directories import directory
from clankers.harnesses.opencode.harness import PREFIXES
from clankers.harnesses.opencode.json_tree import tree_sessions
from clankers.ingest.source import Record, Source, SourceError
from clankers.ingest.stored_session import StoredSession


def sources(harness: str) -> Iterator[Source]:
    """The sessions of `harness` in its databases, then those in the JSON tree.

    Raises:
        OSError: a file of the tree cannot be read.
    """
    data = _data(harness)
    for path in _databases(harness, data):
        try:
            db = open_store(str(path))
            try:
                yield from db_sessions(harness, db)
            finally:
                db.close()
        except SourceError as e:
            yield StoredSession(harness, PREFIXES, str(path), None, _unreadable(e))
    yield from tree_sessions(harness, str(data / "storage"))


def count(harness: str) -> int:
    """The sessions of `harness` in its databases and in the JSON tree."""
    data = _data(harness)
    return sum(map(_count, _databases(harness, data))) + sum(1 for _ in (data / "storage" / "session").glob("*/*.json"))


def folders(harness: str) -> list[str]:
    """Where the databases and the sessions of the JSON tree are, if they are there."""
    data = _data(harness)
    return [str(data), str(data / "storage" / "session")]


def _data(harness: str) -> Path:
    return directory(harness, "XDG_DATA_HOME", ".local/share")


def _databases(harness: str, data: Path) -> list[Path]:
    """One a release channel, and the one that `OPENCODE_DB` names: a path, or a file's name in the data directory."""
    found = sorted(data.glob(f"{harness}*.db"))
    if (named := os.environ.get(f"{harness.upper()}_DB")) and named != ":memory:" and (data / named).is_file():
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
