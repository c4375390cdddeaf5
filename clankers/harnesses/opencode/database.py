"""The SQLite database of OpenCode 1.2 and later."""

from collections.abc import Iterator
from typing import Any

import apsw
import msgspec

from clankers.harnesses.opencode.harness import HARNESS, PREFIXES
from clankers.ingest.database import open_tables, read_rows
from clankers.ingest.source import Record, SourceBusyError, SourceError
from clankers.ingest.stored_session import StoredSession, make_record, quoted

_DB = "db."  # the prefix of the types given here
# The tables that may be read. Others hold credentials: account, credential, control_account.
_TABLES = frozenset({"session", "message", "part", "todo", "project", "event", "sqlite_schema", "sqlite_master"})
_JSON_COLUMNS = frozenset(
    {"data", "model", "metadata", "permission", "revert", "summary_diffs", "sandboxes", "commands"}
)


def open_store(path: str) -> apsw.Connection:
    """OpenCode's database at `path`, for reading only, and of it only the tables that hold sessions.

    Raises:
        SourceError: it cannot be opened.
    """
    return open_tables(path, _TABLES, "session")


def db_sessions(harness: str, db: apsw.Connection) -> Iterator[StoredSession]:
    """The sessions of `harness` in its database, newest first.

    Raises:
        SourceError: it is not of a kind that is known, or cannot be read on.
    """
    try:
        found = db.execute("SELECT id, time_created FROM session ORDER BY time_created DESC, id").fetchall()
    except apsw.Error as e:
        raise SourceError(f"the sessions cannot be read: {e}") from e
    for id, created in found:
        yield StoredSession(harness, PREFIXES, str(id), created, _db_records(db, id))


def _db_records(db: apsw.Connection, session: Any) -> Iterator[Record]:
    try:
        project = "SELECT * FROM project WHERE id = (SELECT project_id FROM session WHERE id = ?)"
        for kind, statement in (
            ("project", project),
            ("session", "SELECT * FROM session WHERE id = ?"),
            ("message", "SELECT * FROM message WHERE session_id = ? ORDER BY id"),
            ("part", "SELECT * FROM part WHERE session_id = ? ORDER BY id"),
        ):
            for row in _rows(db, statement, session):
                yield make_record(HARNESS.level, _DB, kind, str(row["id"]), msgspec.json.encode(row))
        if todos := _rows(db, "SELECT * FROM todo WHERE session_id = ? ORDER BY position", session):
            yield make_record(
                HARNESS.level, _DB, "todo", str(session), msgspec.json.encode({"session_id": session, "todos": todos})
            )
        yield from _removed(db, session)
    except (apsw.BusyError, apsw.LockedError) as e:
        raise SourceBusyError(f"session {session!s:.80} is locked by another program: {e}") from e
    except (apsw.Error, UnicodeDecodeError) as e:
        raise SourceError(f"session {session!s:.80} cannot be read: {e}") from e


def _rows(db: apsw.Connection, statement: str, session: Any) -> list[dict[str, Any]]:
    return read_rows(db, statement, session, _JSON_COLUMNS)


# Of what was reverted the tables hold nothing any more, the events do (since 1.18).
_REMOVALS = """
SELECT id, type, data FROM event AS e WHERE aggregate_id = ?1 AND (
  type LIKE 'message.removed.%' OR type LIKE 'message.part.removed.%'
  OR type LIKE 'message.updated.%'
    AND NOT EXISTS (SELECT 1 FROM message WHERE id = json_extract(e.data, '$.info.id'))
  OR type LIKE 'message.part.updated.%'
    AND NOT EXISTS (SELECT 1 FROM part WHERE id = json_extract(e.data, '$.part.id')))
ORDER BY seq
"""
_ANY_REMOVED = """
SELECT 1 FROM event WHERE aggregate_id = ? AND (type LIKE 'message.removed.%' OR type LIKE 'message.part.removed.%')
LIMIT 1
"""


def _removed(db: apsw.Connection, session: Any) -> Iterator[Record]:
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'event'").fetchone():
        return
    if not db.execute(_ANY_REMOVED, (session,)).fetchone():
        return
    for id, versioned, data in db.execute(_REMOVALS, (session,)).fetchall():
        kind = str(versioned).rpartition(".")[0]  # message.removed.1
        event = {"id": id, "type": kind, "properties": msgspec.Raw(str(data).encode())}
        record = make_record(HARNESS.level, "", kind, str(id), msgspec.json.encode(event))
        record.id = quoted(str(id))
        yield record
