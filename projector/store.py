"""Changes in, rows and the log position out, in one transaction.

Changes are gathered per row before they reach SQLite, so a row is written once a batch, however often it is told.

Why these settings:
- journal_mode=WAL: readers and the projector do not wait for each other. A reader that holds a transaction open only
  keeps the WAL from being reset, never the projector from writing.
- synchronous=NORMAL: a power loss may take the last transactions, whole; the log position goes with the rows, so the
  next run replays them. Nothing that only the database knows matters.
- busy_timeout: another writer (a second projector that did not ask for the lock) is waited for, not failed on.
- data_version, looked at in each commit's transaction: what was gathered was merged with the rows as they were, and
  counted from the log position as it was. If another connection wrote meanwhile, none of it is written.
- no checkpoint on close: closing takes no exclusive lock, so a reader that opens at this moment is not told
  "database is locked". Checkpoints happen after commits, passively.
- foreign_keys=ON: a row that hangs in the air is a bug of ours; the transaction fails and nothing is half done.
"""

from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import apsw
import msgspec
from msgspec.structs import astuple

from clankers.errors import ClankersError
from projector.changes import (
    Change,
    CompactionSeen,
    Copied,
    CostSeen,
    ErrorSeen,
    MessageSeen,
    PartDelta,
    PartSeen,
    ProjectSeen,
    Rank,
    SessionSeen,
    Sighting,
    TodosSeen,
    ToolClosed,
    ToolOpened,
)
from projector.rows import (
    EARLIEST,
    CompactionRow,
    ErrorRow,
    MessageRow,
    PartRow,
    ToolRow,
    blank,
    merge_closed,
    merge_compaction,
    merge_error,
    merge_message,
    merge_opened,
    merge_part,
)
from projector.settle import Touched, settle

# Of the tables and of what the adapters make of the log. An older database is rebuilt. Raise it with either.
VERSION = 3
APPLICATION_ID = 0x636C_6B72  # "clkr", so that file(1) and we know the file for ours
BUSY_MS = 5000

_ROWS: dict[str, type[Any]] = {
    "messages": MessageRow,
    "parts": PartRow,
    "tools": ToolRow,
    "session_errors": ErrorRow,
    "compaction_events": CompactionRow,
}


class SchemaError(ClankersError):
    """The database is not one of ours, or a newer clankers made it."""


class OutdatedError(Exception):
    """The database was made by an older clankers: it is to be rebuilt."""


class OvertakenError(Exception):
    """Another connection wrote to the database meanwhile: read the log again, from the position that stands there."""


def _upsert(table: str, row: type[Any]) -> str:
    names = [f'"{n}"' for n in row.__struct_fields__]
    updates = ", ".join(f"{n} = excluded.{n}" for n in names[1:])
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}"


def _select(table: str, row: type[Any]) -> str:
    names = ", ".join(f'"{n}"' for n in row.__struct_fields__)
    return f"SELECT {names} FROM {table} WHERE id = ?"


_UPSERTS = {table: _upsert(table, row) for table, row in _ROWS.items()}
_SELECTS = {table: _select(table, row) for table, row in _ROWS.items()}


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
    if empty:
        with db:
            db.execute(files("projector").joinpath("schema.sql").read_text("utf-8"))
            db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", VERSION)
            db.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(VERSION),))
    return db


class Store:
    """Gathers changes and writes them: `apply` any number of them, then `commit` with the log position behind them.

    Make one before the log position is read: it takes everything to follow from the database as it is then.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db
        self._version = db.pragma("data_version")  # changed by other connections' commits, not by ours
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[str, dict[str, Any]] = {table: {} for table in _ROWS}
        self._facts: dict[str, dict[str, tuple[int, int, int, Any]]] = {}
        self._deltas: list[tuple[str, str, int, str]] = []
        self._sightings: dict[str, Sighting] = {}
        self._copies: dict[tuple[str, str], Copied] = {}
        self._costs: set[tuple[str, float, int]] = set()
        self._projects: dict[str, ProjectSeen] = {}
        self._sources: dict[str, str] = {}
        self._types: Counter[tuple[str, str, bool]] = Counter()
        self._rejects: list[tuple[str, int, int, str]] = []

    def positions(self) -> dict[str, tuple[int, int, int | None]]:
        """Of each log file the bytes and lines that were read, and the CRC of the last of them, if it was noted."""
        found = self.db.execute('SELECT name, "offset", lines, tail FROM log_files')
        return {name: (offset, lines, tail) for name, offset, lines, tail in found}

    def count(self, source: str, kind: str, *, known: bool) -> None:
        """Count an event by its type."""
        self._types[source, kind, known] += 1

    def reject(self, file: str, line: int, offset: int, reason: str) -> None:
        """Note a line of the log that could not be used."""
        self._rejects.append((file, line, offset, reason))

    def apply(self, change: Change, position: int) -> None:
        """Merge one change; `position` is the log's, by which the later of two equally good facts is known."""
        match change:
            case SessionSeen():
                self._session(change.session_id, change.source)
                for name, value in change.facts.items():
                    self._fact(change.session_id, name, change.rank, change.at, position, value)
            case MessageSeen():
                self._merge("messages", change, merge_message)
            case PartSeen():
                self._part(change)
            case PartDelta():
                self._part(change.part)
                self._deltas.append((change.id, change.part.id, position, change.text))
            case ToolOpened():
                self._merge("tools", change, merge_opened, owned=False)
            case ToolClosed():
                self._merge("tools", change, merge_closed, owned=False)
            case ErrorSeen():
                self._merge("session_errors", change, merge_error)
            case CompactionSeen():
                self._merge("compaction_events", change, merge_compaction)
            case Sighting():
                self._session(change.session_id, change.source)
                old = self._sightings.get(change.id)
                if old is None or change.created_at < old.created_at:
                    self._sightings[change.id] = change
            case TodosSeen():
                self._session(change.session_id, change.source)
                for todo in change.todos if change.one else ():
                    value = msgspec.json.encode([todo]).decode()
                    self._fact(change.session_id, f"todo:{todo.id}", change.rank, change.at, position, value)
                if not change.one:
                    value = msgspec.json.encode(change.todos).decode()
                    self._fact(change.session_id, "todos", change.rank, change.at, position, value)
            case CostSeen():
                self._session(change.session_id, change.source)
                self._costs.add((change.session_id, change.cost, change.output_tokens))
            case Copied():
                self._copies[change.id, change.session_id] = change
            case ProjectSeen():
                self._project(change)

    def commit(self, positions: Iterable[tuple[str, int, int, int | None]]) -> None:
        """Write everything applied since the last commit, and how far the log was read, in one transaction.

        Args:
            positions: of each log file read: its name, bytes and lines, and the CRC of its last bytes.

        Raises:
            OvertakenError: nothing was written; this store is of no more use.
        """
        self.db.execute("BEGIN IMMEDIATE")
        try:
            self._write()
            self.db.executemany(
                "INSERT INTO log_files VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
                '"offset" = excluded."offset", lines = excluded.lines, tail = excluded.tail',
                positions,
            )
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # a full disk has rolled it back already
                self.db.execute("ROLLBACK")
            raise
        self._clear()

    def _project(self, seen: ProjectSeen) -> None:
        """Of each property the last that was told."""
        if old := self._projects.get(seen.path):
            seen = ProjectSeen(seen.path, seen.source, seen.id or old.id, seen.name or old.name, seen.vcs or old.vcs)
        self._projects[seen.path] = seen

    def _session(self, session_id: str, source: str) -> dict[str, tuple[int, int, int, Any]]:
        facts = self._facts.get(session_id)
        if facts is None:
            rows = self.db.execute(
                "SELECT name, rank, at, position, value FROM session_facts WHERE session_id = ?", (session_id,)
            )
            facts = self._facts[session_id] = {name: (r, at, p, v) for name, r, at, p, v in rows}
            self._sources[session_id] = source
        return facts

    def _fact(self, session_id: str, name: str, rank: Rank, at: int, position: int, value: Any) -> None:
        facts = self._facts[session_id]
        if name in EARLIEST:
            at, position = -at, -position
        old = facts.get(name)
        if old is None or (rank, at, position) > old[:3]:
            facts[name] = (int(rank), at, position, value)

    def _row(self, table: str, id: str, session_id: str, source: str) -> Any:
        cache = self._rows[table]
        row = cache.get(id)
        if row is None:
            kind = _ROWS[table]
            found = self.db.execute(_SELECTS[table], (id,)).fetchone()
            row = cache[id] = kind(*found) if found else blank(kind, id, session_id, source)
        return row

    def _merge(self, table: str, change: Any, merge: Any, *, owned: bool = True) -> None:
        self._session(change.session_id, change.source)
        row = self._row(table, change.id, change.session_id, change.source)
        if owned and row.session_id != change.session_id:
            # Two sessions' records hold it: a fork copied it. Whose it is, is settled when both are known.
            for session in (row.session_id, change.session_id):
                self._copies.setdefault((change.id, session), Copied(change.id, session, session, 0))
                self._session(session, change.source)
        holder = row.session_id
        merge(row, change)
        if row.session_id != holder:  # a better source says whose call it was: both sessions' counts change
            self._session(holder, change.source)

    def _part(self, change: PartSeen) -> None:
        self._session(change.session_id, change.source)
        self._row("messages", change.message_id, change.session_id, change.source)
        cache = self._rows["parts"]
        row = cache.get(change.id)
        if row is None:
            found = self.db.execute(_SELECTS["parts"], (change.id,)).fetchone()
            row = PartRow(*found) if found else blank(PartRow, change.id, change.session_id, change.source)
            cache[change.id] = row
        row.message_id = change.message_id
        merge_part(row, change)

    def _write(self) -> None:
        db = self.db
        if db.pragma("data_version") != self._version:
            raise OvertakenError
        db.executemany(
            "INSERT INTO sessions (id, source) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", self._sources.items()
        )
        for table, rows in self._rows.items():
            if rows:
                db.executemany(_UPSERTS[table], map(astuple, rows.values()))
        db.executemany(
            "INSERT INTO session_facts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (session_id, name) DO UPDATE SET "
            "rank = excluded.rank, at = excluded.at, position = excluded.position, value = excluded.value",
            ((s, n, *fact) for s, facts in self._facts.items() for n, fact in facts.items()),
        )
        db.executemany("INSERT INTO part_deltas VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", self._deltas)
        db.executemany(
            "INSERT INTO sightings VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET "
            "created_at = min(created_at, excluded.created_at), shown = NULL",
            (
                (s.id, s.session_id, s.source, s.kind, s.same, s.text, s.created_at, s.synthetic)
                for s in self._sightings.values()
            ),
        )
        db.executemany(
            "INSERT INTO copies VALUES (?, ?, ?, ?) ON CONFLICT (session_id, id) DO UPDATE SET "
            "origin = excluded.origin, at = excluded.at WHERE excluded.origin <> excluded.session_id",
            ((c.id, c.session_id, c.origin, c.at) for c in self._copies.values()),
        )
        db.executemany("INSERT INTO cost_states VALUES (?, ?, ?) ON CONFLICT DO NOTHING", self._costs)
        db.executemany(
            "INSERT INTO projects VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET id = coalesce(excluded.id, id), "
            "name = coalesce(excluded.name, name), vcs = coalesce(excluded.vcs, vcs)",
            ((p.path, p.id, p.name, p.vcs) for p in self._projects.values()),
        )
        db.executemany(
            "INSERT INTO event_types VALUES (?, ?, ?, ?) ON CONFLICT (source, type) DO UPDATE SET "
            "events = events + excluded.events",
            ((source, kind, known, n) for (source, kind, known), n in self._types.items()),
        )
        db.executemany("INSERT OR REPLACE INTO rejects VALUES (?, ?, ?, ?)", self._rejects)
        settle(
            db,
            Touched(
                sessions=set(self._facts),
                messages={part.message_id for part in self._rows["parts"].values()} | set(self._rows["messages"]),
                parts={part_id for _, part_id, _, _ in self._deltas},
                tools=set(self._rows["tools"]),
                copies={c.session_id for c in self._copies.values()},
                billed={session for session, _, _ in self._costs},
            ),
        )
