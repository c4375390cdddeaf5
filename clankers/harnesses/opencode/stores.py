"""Reading OpenCode's own stores: the JSON tree of 1.0 and 1.1, the SQLite database of 1.2 and later.

A record's id is made of what it is and of its content, so the same content imported twice bears the same id:

    storage.<kind>:<id>#<crc>   a file of the JSON tree, as it stands there
    db.<kind>:<id>#<crc>        a row of the database, its JSON columns as JSON
    evt_...                     an event that the database kept of what was removed since, under its own type

What is not a letter, digit, `_`, `-`, `.` or `~` in an id is percent-encoded. The kinds are session, message, part,
todo and project; a session's to-do list is one record.
"""

import os
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote
from zlib import crc32

import apsw
import msgspec

from clankers.harnesses import classify
from clankers.log import envelope, strict_json

SOURCE = "opencode"
STORAGE = "storage."  # the prefixes of the types given here
DB = "db."

_MAX_FILE = 256 << 20  # bytes
_BUSY_MS = 5000
_LAST_TIME = 253_402_300_799_999  # epoch milliseconds: the end of the year 9999
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
# The tables that may be read. Others hold credentials: account, credential, control_account.
_TABLES = frozenset({"session", "message", "part", "todo", "project", "event", "sqlite_schema", "sqlite_master"})
_JSON_COLUMNS = frozenset(
    {"data", "model", "metadata", "permission", "revert", "summary_diffs", "sandboxes", "commands"}
)


class Record(NamedTuple):
    """One record of a store: its id in the log, its type there, its payload, and how loud it is."""

    id: str
    kind: str
    payload: bytes
    level: str


class Session(NamedTuple):
    """A session of a store: its id, when it was created (epoch milliseconds; None: not said), and its records."""

    id: str
    created: int | None
    records: Iterator[Record]


class StoreError(Exception):
    """A store that cannot be read; the message says why."""


class StoreBusyError(StoreError):
    """A store that another program keeps to itself for now."""


def _record(prefix: str, kind: str, id: str, payload: bytes, *, head: bytes = b"", tail: bytes = b"") -> Record:
    """A record with `payload` between `head` and `tail`, which are ours and do not count for its id."""
    payload = strict_json.trim(payload)
    name = f"{prefix}{kind}:{_quoted(id)}#{crc32(payload):08x}"
    payload = head + payload + tail
    try:
        document = strict_json.parse(payload)
    except strict_json.NotJSONError as e:
        return Record(name, envelope.INVALID, envelope.invalid(payload, f"{prefix}{kind} {id}: {e}"), envelope.ERROR)
    return Record(name, prefix + kind, payload, classify.level_of(prefix + kind, document))


def _quoted(id: str) -> str:
    return quote(id, safe="", errors="surrogateescape")  # a file's name may be of any bytes


# The JSON tree: session/<project>/<id>.json, message/<session>/<id>.json,
# part/<message>/<id>.json, todo/<session>.json, project/<id>.json. Ids stand inside the files, but for to-do lists.


def tree_sessions(storage: str) -> Iterator[Session]:
    """The sessions in the JSON tree at `storage`; those of which only messages are left come last.

    Raises:
        OSError: a file cannot be read.
    """
    known = set()
    unlisted: list[str] = []
    for project in _names(unlisted, storage, "session"):
        for name in _names(unlisted, storage, "session", project):
            id = name.removesuffix(".json")
            problems: list[str] = []
            content = _content(problems, storage, "session", project, name)
            if content is not None:
                known.add(id)
                yield Session(id, _created(content), _tree_records(problems, storage, project, id, content))
            elif problems:
                yield Session(id, None, _told(problems))
    for id in _names(unlisted, storage, "message"):
        if id not in known:
            yield Session(id, None, _tree_messages([], storage, id))
    if unlisted:
        yield Session(storage, None, _told(unlisted))


def _tree_records(problems: list[str], storage: str, project: str, session: str, content: bytes) -> Iterator[Record]:
    if (about := _content(problems, storage, "project", project + ".json")) is not None:
        yield _record(STORAGE, "project", project, about)
    yield _record(STORAGE, "session", session, content)
    if (todos := _content(problems, storage, "todo", session + ".json")) is not None:
        at = os.stat(os.path.join(storage, "todo", session + ".json")).st_mtime_ns // 1_000_000
        head = b'{"sessionID":%s,"time":{"updated":%d},"todos":' % (strict_json.quote(session), at)
        yield _record(STORAGE, "todo", session, todos, head=head, tail=b"}")
    yield from _tree_messages(problems, storage, session)


def _tree_messages(problems: list[str], storage: str, session: str) -> Iterator[Record]:
    for name in _names(problems, storage, "message", session):
        message = name.removesuffix(".json")
        if (content := _content(problems, storage, "message", session, name)) is not None:
            yield _record(STORAGE, "message", message, content)
        for part in _names(problems, storage, "part", message):
            if (content := _content(problems, storage, "part", message, part)) is not None:
                yield _record(STORAGE, "part", part.removesuffix(".json"), content)
    yield from _told(problems)


def _told(problems: list[str]) -> Iterator[Record]:
    """No records, but the problems that came up, once the others are out."""
    if problems:
        raise StoreError("; ".join(problems))
    yield from ()


def _names(problems: list[str], *path: str) -> list[str]:
    """What is in a directory; none, with a note to `problems`, where it cannot be read."""
    directory = os.path.join(*path)
    try:
        return sorted(n for n in os.listdir(directory) if not n.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as e:
        problems.append(f"{directory} cannot be read: {e.strerror}")
    return []


def _content(problems: list[str], *path: str) -> bytes | None:
    """A file's bytes; None for what is gone, and with a note to `problems` for what cannot be read."""
    name = os.path.join(*path)
    try:
        fd = os.open(name, _FLAGS)
        try:
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_FILE:
                with open(fd, "rb", closefd=False) as f:
                    return f.read()
        finally:
            os.close(fd)
        problems.append(f"{name} is not a regular file of at most {_MAX_FILE} bytes")
    except FileNotFoundError:
        pass
    except OSError as e:
        problems.append(f"{name} is a link, or cannot be read: {e.strerror}")
    return None


def _created(content: bytes) -> int | None:
    try:
        created = int(strict_json.parse(strict_json.trim(content))["time"]["created"])
    except (strict_json.NotJSONError, LookupError, TypeError, ValueError):
        return None
    return created if 0 <= created <= _LAST_TIME else None


# The database.


def open_store(path: str) -> apsw.Connection:
    """OpenCode's database at `path`, for reading only, and of it only the tables that hold sessions.

    Raises:
        StoreError: it cannot be opened.
    """
    try:
        db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        db.set_busy_timeout(_BUSY_MS)
        db.authorizer = _only_sessions
        db.execute("SELECT count(*) FROM session").fetchone()
    except (apsw.BusyError, apsw.LockedError) as e:
        raise StoreBusyError(f"{path} is kept by another program: {e}") from e
    except apsw.Error as e:
        raise StoreError(f"{path} cannot be read: {e}") from e
    return db


def _only_sessions(action: int, table: str | None, _: str | None, __: str | None, ___: str | None) -> int:
    if action in (apsw.SQLITE_SELECT, apsw.SQLITE_FUNCTION):
        return apsw.SQLITE_OK
    if action == apsw.SQLITE_READ and table in _TABLES:
        return apsw.SQLITE_OK
    return apsw.SQLITE_DENY


def db_sessions(db: apsw.Connection) -> Iterator[Session]:
    """The sessions in the database, newest first.

    Raises:
        StoreError: it is not of a kind that is known, or cannot be read on.
    """
    try:
        found = db.execute("SELECT id, time_created FROM session ORDER BY time_created DESC, id").fetchall()
    except apsw.Error as e:
        raise StoreError(f"the sessions cannot be read: {e}") from e
    for id, created in found:
        at = created if isinstance(created, int) and 0 <= created <= _LAST_TIME else None
        yield Session(str(id), at, _db_records(db, id))


def _db_records(db: apsw.Connection, session: Any) -> Iterator[Record]:
    # Each table is read to its end at once: no transaction stays open that would keep the client from its checkpoint.
    try:
        project = "SELECT * FROM project WHERE id = (SELECT project_id FROM session WHERE id = ?)"
        for kind, statement in (
            ("project", project),
            ("session", "SELECT * FROM session WHERE id = ?"),
            ("message", "SELECT * FROM message WHERE session_id = ? ORDER BY id"),
            ("part", "SELECT * FROM part WHERE session_id = ? ORDER BY id"),
        ):
            for row in _rows(db, statement, session):
                yield _record(DB, kind, str(row["id"]), msgspec.json.encode(row))
        if todos := _rows(db, "SELECT * FROM todo WHERE session_id = ? ORDER BY position", session):
            yield _record(DB, "todo", str(session), msgspec.json.encode({"session_id": session, "todos": todos}))
        yield from _removed(db, session)
    except (apsw.BusyError, apsw.LockedError) as e:
        raise StoreBusyError(f"session {session!s:.80} is kept by another program: {e}") from e
    except (apsw.Error, UnicodeDecodeError) as e:
        raise StoreError(f"session {session!s:.80} cannot be read: {e}") from e


def _rows(db: apsw.Connection, statement: str, session: Any) -> list[dict[str, Any]]:
    cursor = db.cursor()
    cursor.row_trace = _plain
    rows: list[dict[str, Any]] = cursor.execute(statement, (session,)).fetchall()  # type: ignore[assignment]
    return rows


def _plain(cursor: apsw.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    """A row by column, without its empty columns; JSON in text becomes JSON, as far as it is any."""
    names = [name for name, *_ in cursor.get_description()]
    plain = {}
    for name, value in zip(names, row, strict=True):
        if isinstance(value, str) and name in _JSON_COLUMNS and _is_json(value):
            plain[name] = msgspec.Raw(value.encode())
        elif value is not None:
            plain[name] = value
    return plain


def _is_json(text: str) -> bool:
    try:
        strict_json.parse(strict_json.trim(text.encode()))
    except (strict_json.NotJSONError, UnicodeEncodeError):
        return False
    return True


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
        made = _record("", kind, str(id), msgspec.json.encode(event))
        yield made._replace(id=_quoted(str(id)))
