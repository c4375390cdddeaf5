"""The database of Hermes Agent, `state.db`.

A record is a row of `sessions` or `messages` by its columns, as `db.session` and `db.message`; its id is
`db.<kind>:<id>#<crc>`. Two things are changed: the system prompt of a session is elided, and `last_message_at` is
added, the time of its last message in seconds since the epoch.
"""

from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from typing import Any

import apsw
import msgspec

from clankers.harnesses.hermes.directories import database
from clankers.harnesses.hermes.harness import HARNESS
from clankers.ingest.database import open_tables, read_rows
from clankers.ingest.source import Record, Source, SourceBusyError, SourceError, database_files
from clankers.ingest.stored_session import make_record
from clankers.log import envelope

_DB = "db."  # the prefix of the types and ids given here
_TABLES = frozenset({"sessions", "messages"})  # others may hold what gateways log in with
_JSON_COLUMNS = frozenset({"model_config", "tool_calls", "reasoning_details"})
_SESSION = """
SELECT *, (SELECT max(timestamp) FROM messages WHERE session_id = ?1) AS last_message_at FROM sessions WHERE id = ?1
"""
_ALL = """
SELECT s.id, s.started_at, max(m.timestamp),
  format('%d %d %d %d %s %s %s', count(m.id), total(m.active), total(m.compacted), s.input_tokens + s.output_tokens,
    s.title, s.ended_at, s.archived)
FROM sessions AS s LEFT JOIN messages AS m ON m.session_id = s.id GROUP BY s.id
"""
_LAST_TIME = 253_402_300_800  # seconds since the epoch: the end of the year 9999
_MESSAGES = "SELECT * FROM messages WHERE session_id = ? ORDER BY id"


class HermesSession(Source):
    """A session in the database at `path`, with a version: what its row and its messages add up to.

    Args:
        session: its id.
        path: of the database.
        started: when it began, in seconds since the epoch.
        last: when its last message was written, likewise.
        version: changes with the session.
    """

    __slots__ = ("_last", "_started", "_version")

    def __init__(self, session: str, path: str, started: float, last: float, version: str) -> None:
        super().__init__(HARNESS.name, session, path, (f"{_DB}session:", f"{_DB}message:"))
        self._started = started
        self._last = last
        self._version = version

    def watched(self) -> list[str]:
        """As `Source.watched`: the database of all sessions."""
        return database_files(self.path)

    def compare(self, _offsets: Mapping[str, int], versions: Mapping[str, str]) -> Collection[str] | None:
        """As `Source.compare`."""
        return None if versions.get("") == self._version else ()

    def read(
        self, _offsets: Mapping[str, int], _versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`: the rows, which are compared by their ids, and at last the version."""
        db = open_tables(self.path, _TABLES, "sessions")
        try:
            for record in _records(db, self.session):
                yield record, "", ""
            yield None, "", self._version
        finally:
            db.close()

    def created(self) -> str:
        """As `Source.created`."""
        return envelope.stamp(int(self._started * 10**9)) if 0 < self._started < _LAST_TIME else ""

    def changed_at(self) -> float:
        """As `Source.changed_at`."""
        return self._last


def sources() -> Iterator[Source]:
    """The sessions in the database, the last changed first.

    Raises:
        SourceError: the database is there, and cannot be read.
    """
    path = database()
    if path.is_file():
        yield from sorted(_sessions(str(path)), key=HermesSession.changed_at, reverse=True)


def session_at(session: str, path: str) -> Source | None:
    """The session in the database at `path`; None if it is not there.

    Raises:
        SourceError: the database cannot be read.
    """
    return next((one for one in _sessions(path) if one.session == session), None)


def count() -> int:
    """The sessions in the database."""
    path = database()
    if not path.is_file():
        return 0
    try:
        return len(_sessions(str(path)))
    except SourceError:
        return 1  # `sources` says what is wrong with it


def _sessions(path: str) -> list[HermesSession]:
    db = open_tables(path, _TABLES, "sessions")
    try:
        return [
            HermesSession(str(id), path, _time(started), _time(last) or _time(started), str(version))
            for id, started, last, version in db.execute(_ALL).fetchall()
        ]
    except apsw.Error as e:
        raise SourceError(f"{path} cannot be read: {e}") from e
    finally:
        db.close()


def _time(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < _LAST_TIME else 0.0


def _records(db: apsw.Connection, session: Any) -> Iterator[Record]:
    try:
        for kind, statement in (("session", _SESSION), ("message", _MESSAGES)):
            for row in read_rows(db, statement, session, _JSON_COLUMNS):
                id = str(row["id"]) if kind == "session" else f"{session}/{row['id']}"
                payload = msgspec.json.encode(_without_system_prompt(row))
                yield make_record(HARNESS.level, _DB, kind, id, payload)
    except (apsw.BusyError, apsw.LockedError) as e:
        raise SourceBusyError(f"session {session!s:.80} is locked by another program: {e}") from e
    except (apsw.Error, UnicodeDecodeError) as e:
        raise SourceError(f"session {session!s:.80} cannot be read: {e}") from e


def _without_system_prompt(row: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(prompt := row.get("system_prompt"), str):
        return row
    text = prompt.encode("utf-8", "replace")
    return row | {"system_prompt": {"elided": len(text), "sha256": sha256(text).hexdigest()}}
