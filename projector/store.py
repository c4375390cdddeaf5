"""The only place that knows SQLite: a batch in, rows and the log position out, in one transaction.

Why these settings:
- journal_mode=WAL: readers and the projector do not wait for each other. A reader that holds a transaction open only
  keeps the WAL from being reset, never the projector from writing.
- synchronous=NORMAL: a power loss may take the last transactions, whole; the log position goes with the rows, so the
  next run replays them. Nothing that only the database knows matters.
- busy_timeout: another writer (a second projector that did not ask for the lock) is waited for, not failed on. Who
  then finds the log position moved writes nothing: what was gathered is counted already.
- no checkpoint on close: closing takes no exclusive lock, so a reader that opens at this moment is not told
  "database is locked". Checkpoints happen after commits, passively.
- foreign_keys=ON: a row that hangs in the air is a bug of ours; the transaction fails and nothing is half done.
"""

import os
from importlib.resources import files
from typing import Any

import apsw
from msgspec.structs import astuple

from clankers.errors import ClankersError
from projector.batch import Batch, Fact
from projector.rows import TABLES, Row, edits
from projector.settle import Touched, settle

# Of the tables and of what the adapters make of the log. An older database is rebuilt. Raise it with either.
VERSION = 5
APPLICATION_ID = 0x636C_6B72  # "clkr", so that file(1) and we know the file for ours
BUSY_MS = 5000
_CACHE_KIB = 32 << 10  # of pages: ids come in no order, and each goes to its place in an index


class SchemaError(ClankersError):
    """The database is not one of ours, or a newer clankers made it."""


class OutdatedError(Exception):
    """The database was made by an older clankers: it is to be rebuilt."""


class OvertakenError(Exception):
    """Another projector wrote meanwhile: read the log again, from the position that stands in the database."""


def _upsert(kind: type[Row]) -> str:
    names = [f'"{n}"' for n in kind.__struct_fields__]
    updates = ", ".join(f"{n} = excluded.{n}" for n in names[1:])
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {TABLES[kind]} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}"


def _select(kind: type[Row]) -> str:
    names = ", ".join(f'"{n}"' for n in kind.__struct_fields__)
    return f"SELECT {names} FROM {TABLES[kind]} WHERE id = ?"


_UPSERTS = {kind: _upsert(kind) for kind in TABLES}
_SELECTS = {kind: _select(kind) for kind in TABLES}


def open_database(path: str, *, durable: bool = True) -> apsw.Connection:
    """The database at `path`, made when it is missing, open for the projector.

    Args:
        path: of the file; its directory must exist.
        durable: False for a file that is thrown away when anything goes wrong: no journal, no syncs.

    Raises:
        SchemaError: another program's file, or a newer clankers'.
        OutdatedError: an older clankers' database.
    """
    try:
        db = apsw.Connection(path)
        db.set_busy_timeout(BUSY_MS)
        version, owner = db.pragma("user_version"), db.pragma("application_id")
        empty = db.pragma("schema_version") == 0
        db.execute("SELECT count(*) FROM sqlite_schema")  # parses the schema
    except (apsw.NotADBError, apsw.CorruptError) as e:
        raise SchemaError(f"{path} is damaged: {e}; `clankers project --rebuild` makes it anew") from e
    if not empty and owner != APPLICATION_ID:
        db.close()
        raise SchemaError(f"{path} is another program's database; set CLANKERS_DB_PATH to a file for clankers")
    if version > VERSION:
        db.close()
        raise SchemaError(f"{path} was made by a newer clankers (schema {version}, this one knows {VERSION}); update")
    if not empty and version < VERSION:
        db.close()
        raise OutdatedError(path)
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.pragma("journal_mode", "WAL" if durable else "OFF")
    db.pragma("synchronous", "NORMAL" if durable else "OFF")
    db.pragma("foreign_keys", True)
    db.pragma("cache_size", -_CACHE_KIB)
    if empty:
        with db:
            db.execute(files("projector").joinpath("schema.sql").read_text("utf-8"))
            db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", VERSION)
            db.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(VERSION),))
            db.execute("INSERT INTO meta VALUES ('database_id', ?)", (os.urandom(8).hex(),))  # for what is made from it
    return db


class Store:
    """An open database to write batches to."""

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db

    def positions(self) -> dict[str, tuple[int, int, int | None]]:
        """Of each log file the bytes and lines that were read, and the CRC of the last of them, if it was noted."""
        found = self.db.execute('SELECT name, "offset", lines, tail FROM log_files')
        return {name: (offset, lines, tail) for name, offset, lines, tail in found}

    def write(self, batch: Batch, file: str, start: int, offset: int, lines: int, tail: int | None) -> None:
        """Write what `batch` gathered, and how far the log was read, in one transaction.

        Args:
            batch: not to be used again.
            file: of the log, from which all of it is.
            start: bytes of the file before it.
            offset: bytes to its end.
            lines: lines to its end.
            tail: the CRC of the file's last bytes before its end; None where that is not worth noting.

        Raises:
            OvertakenError: nothing was written: `start` is not where the database stands.
        """
        self.db.execute("BEGIN IMMEDIATE")
        try:
            if (self.db.execute('SELECT "offset" FROM log_files WHERE name = ?', (file,)).get or 0) != start:
                raise OvertakenError  # noqa: TRY301 (the transaction is rolled back in one place)
            self._write(batch)
            self.db.execute("INSERT OR REPLACE INTO log_files VALUES (?, ?, ?, ?)", (file, offset, lines, tail))
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # a full disk has rolled it back already
                self.db.execute("ROLLBACK")
            raise

    def _write(self, batch: Batch) -> None:
        db = self.db
        for kind in TABLES:
            self._join(batch, kind)
        db.executemany(
            "INSERT INTO sessions (id, source) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", batch.sources.items()
        )
        for kind in TABLES:
            db.executemany(_UPSERTS[kind], map(astuple, batch.rows(kind).values()))
        self._facts(batch)
        db.executemany("INSERT INTO part_deltas VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", batch.deltas)
        db.executemany(
            "INSERT INTO sightings VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET "
            "created_at = min(created_at, excluded.created_at), shown = NULL",
            (
                (s.id, s.session_id, s.source, s.kind, s.same, s.text, s.created_at, s.synthetic)
                for s in batch.sightings.values()
            ),
        )
        db.executemany(
            "INSERT INTO copies VALUES (?, ?, ?, ?) ON CONFLICT (session_id, id) DO UPDATE SET "
            "origin = excluded.origin, at = excluded.at WHERE excluded.origin <> excluded.session_id",
            ((c.id, c.session_id, c.origin, c.at) for c in batch.copies.values()),
        )
        db.executemany("INSERT INTO cost_states VALUES (?, ?, ?) ON CONFLICT DO NOTHING", batch.costs)
        db.executemany(
            "INSERT INTO projects VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET id = coalesce(excluded.id, id), "
            "name = coalesce(excluded.name, name), vcs = coalesce(excluded.vcs, vcs)",
            ((p.path, p.id, p.name, p.vcs) for p in batch.projects.values()),
        )
        db.executemany(
            "INSERT INTO event_types VALUES (?, ?, ?, ?) ON CONFLICT (source, type) DO UPDATE SET "
            "events = events + excluded.events",
            ((source, kind, known, n) for (source, kind, known), n in batch.types.items()),
        )
        db.executemany("INSERT OR REPLACE INTO rejects VALUES (?, ?, ?, ?)", batch.rejects)
        touched = settle(
            db,
            Touched(
                sessions=set(batch.sessions),
                messages={part.message_id for part in batch.parts.values()} | set(batch.messages),
                parts={part_id for _, part_id, _, _ in batch.deltas},
                tools=set(batch.tools),
                edits={id for id, tool in batch.tools.items() if edits(tool)},
                copies={c.session_id for c in batch.copies.values()},
                billed={session for session, _, _ in batch.costs},
            ),
        )
        number = db.execute("SELECT ifnull(max(batch), 0) + 1 FROM changes").get
        db.executemany("INSERT OR REPLACE INTO changes VALUES (?, ?)", ((session, number) for session in touched))

    def _join(self, batch: Batch, kind: type[Any]) -> None:
        """Merge the rows of `batch` with what stands of them."""
        rows = batch.rows(kind)
        for found in self.db.executemany(_SELECTS[kind], [(id,) for id in rows]).fetchall():
            row = kind(*found)
            batch.merge(row, rows[row.id])
            rows[row.id] = row

    def _facts(self, batch: Batch) -> None:
        """Of each fact the better one: the one that stands or that of `batch`."""
        known = "SELECT session_id, name, rank, at, position FROM session_facts WHERE session_id = ?"
        for session, name, *rank in self.db.executemany(known, [(session,) for session in batch.sessions]):
            fact: Fact | None = batch.sessions[session].get(name)
            if fact is not None and tuple(rank) >= fact[:3]:
                del batch.sessions[session][name]
        self.db.executemany(
            "INSERT OR REPLACE INTO session_facts VALUES (?, ?, ?, ?, ?, ?)",
            ((session, name, *fact) for session, facts in batch.sessions.items() for name, fact in facts.items()),
        )
