"""What a server has acknowledged, in `sync.db` in the data root: a rebuild of the database does not touch it.

For every row that was sent, its digest, by the server's URL: a rebuild sends nothing twice, because a row has changed
only if its digest has. The last batch that was compared is noted for each session too, to save comparing again; it is
worth nothing for another database.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apsw

from clankers.errors import EX_IO, ClankersError
from clankers.paths import create_private, make_private
from clankers.queries.changes import LogEnd
from projector.store.read_only import open_read_only
from projector.store.sqlite_file import BUSY_MS, UNWRITABLE

FILE = "sync.db"
MEMORY = ":memory:"
_VERSION = 1
# The names stay, because an older clankers opens the same file: `told` is what was sent, `looked` what was compared.
_SCHEMA = """
CREATE TABLE servers (
  id INTEGER PRIMARY KEY,
  url TEXT NOT NULL UNIQUE,
  database_id TEXT,  -- of the database that `batch` and `looked` are about
  batch INTEGER NOT NULL DEFAULT 0,  -- of `changes`: what that and those before it changed is acknowledged
  file TEXT,  -- of the log, up to which all is acknowledged
  "offset" INTEGER,  -- bytes
  lines INTEGER,  -- of the complete log up to there
  succeeded_at INTEGER,  -- epoch milliseconds of the last acknowledgement
  failed_at INTEGER,
  failure TEXT
);
CREATE TABLE told (
  server INTEGER NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  digest BLOB NOT NULL,
  status INTEGER,  -- NULL: acknowledged; else how the server refused it for good
  reason TEXT,
  at INTEGER NOT NULL,  -- epoch milliseconds
  PRIMARY KEY (server, kind, id)
) WITHOUT ROWID;
CREATE INDEX told_by_session ON told (server, session_id, kind);
CREATE INDEX set_aside ON told (server, status) WHERE status IS NOT NULL;
CREATE TABLE looked (
  server INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  batch INTEGER NOT NULL,  -- `changes.batch` of the database, as of which the session is acknowledged
  PRIMARY KEY (server, session_id)
) WITHOUT ROWID;
"""
_RESET = "update clankers, or run `clankers sync reset`, after which everything is sent again"
_LONGEST_REASON = 500  # characters


class ServerStatus(NamedTuple):
    """How far a server is, and whether the last try failed; times are epoch milliseconds."""

    position: LogEnd | None
    succeeded_at: int | None
    failed_at: int | None
    failure: str | None


class AcknowledgedRow(NamedTuple):
    """A row that the server has, or has refused for good: in which session, and its digest."""

    session_id: str
    digest: bytes


class StateError(ClankersError):
    """What is known of the servers cannot be used; the message says why, and what to do."""

    exit_code = EX_IO


class Acknowledged:
    """What the server at `url` has acknowledged.

    Args:
        path: of the file, which is made; `:memory:` for none.
        url: of the server.

    Raises:
        StateError: the file is damaged, made by a newer clankers, or cannot be written.
        apsw.BusyError: another process keeps it.
        OSError: it cannot be made.
    """

    def __init__(self, path: str, url: str) -> None:
        if path != MEMORY:
            make_private(os.path.dirname(path))
            with contextlib.suppress(FileExistsError):
                os.close(create_private(path))
        try:
            self._open(path, url)
        except UNWRITABLE as e:
            raise StateError(
                f"{path} cannot be written: {e}; check its owner, its directory's, and the free space"
            ) from e
        except (apsw.NotADBError, apsw.CorruptError, apsw.SQLError) as e:
            raise StateError(f"{path} is damaged: {e}; {_RESET}") from e

    def _open(self, path: str, url: str) -> None:
        self._db = db = apsw.Connection(path)
        db.set_busy_timeout(BUSY_MS)
        if (version := db.pragma("user_version")) not in (0, _VERSION):
            db.close()
            raise StateError(
                f"{path} was made by a newer clankers (version {version}, this one's is {_VERSION}); {_RESET}"
            )
        db.pragma("journal_mode", "WAL")
        db.pragma("synchronous", "NORMAL")  # a power loss takes acknowledgements: what they were of is sent again
        with db:
            if not version:
                db.execute(_SCHEMA)
                db.pragma("user_version", _VERSION)
            db.execute("SELECT 1 FROM told, looked LIMIT 0")  # the tables are there
            db.execute("INSERT INTO servers (url) VALUES (?) ON CONFLICT DO NOTHING", (url,))
        self._server: int = db.execute("SELECT id FROM servers WHERE url = ?", (url,)).get

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def since(self, database_id: str) -> int:
        """The last batch of this database up to which all changes are acknowledged."""
        found: Any = self._db.execute("SELECT database_id, batch FROM servers WHERE id = ?", (self._server,)).fetchone()
        if found[0] == database_id:
            return int(found[1])
        with self._db:
            self._db.execute("DELETE FROM looked WHERE server = ?", (self._server,))
            self._db.execute("UPDATE servers SET database_id = ?, batch = 0 WHERE id = ?", (database_id, self._server))
        return 0

    def session_batch(self, session: str) -> int:
        """As of which batch a session is acknowledged; 0 for none."""
        query = "SELECT batch FROM looked WHERE server = ? AND session_id = ?"
        return self._db.execute(query, (self._server, session)).get or 0

    def acknowledge_session(self, session: str, batch: int) -> None:
        """Note that a session is acknowledged as of `batch`."""
        self._db.execute("INSERT OR REPLACE INTO looked VALUES (?, ?, ?)", (self._server, session, batch))

    def reach(self, batch: int, position: LogEnd) -> None:
        """Note that all is acknowledged up to there."""
        with self._db:
            self._db.execute("DELETE FROM looked WHERE server = ? AND batch <= ?", (self._server, batch))
            self._db.execute(
                'UPDATE servers SET batch = ?, file = ?, "offset" = ?, lines = ? WHERE id = ?',
                (batch, *position, self._server),
            )

    def row(self, kind: str, id: str) -> AcknowledgedRow | None:
        """What was sent of a row; one that the server refused for good counts as sent."""
        query = "SELECT session_id, digest FROM told WHERE server = ? AND kind = ? AND id = ?"
        found: Any = self._db.execute(query, (self._server, kind, id)).fetchone()
        return AcknowledgedRow(*found) if found else None

    def row_counts(self, session: str) -> dict[str, int]:
        """How many rows of a session the server knows, by kind."""
        query = "SELECT kind, count(*) FROM told WHERE server = ? AND session_id = ? GROUP BY kind"
        found: Any = self._db.execute(query, (self._server, session))
        return dict(found)

    def rows(self, session: str, kinds: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Kind and id of the rows of a session that the server knows; nothing may be changed meanwhile."""
        for kind in kinds:
            query = "SELECT kind, id FROM told WHERE server = ? AND session_id = ? AND kind = ?"
            yield from self._db.execute(query, (self._server, session, kind))

    def acknowledge(
        self,
        session: str,
        rows: Iterable[tuple[str, str, bytes]],
        gone: Iterable[tuple[str, str]] = (),
        *,
        refused: tuple[int | None, str] | None = None,
    ) -> None:
        """Note what the server took, in one transaction.

        Args:
            session: whose rows.
            rows: kind, id and digest of each.
            gone: kind and id of the rows that it deleted.
            refused: it did not, and never will: the status that it gave, and why.
        """
        now = time.time_ns() // 1_000_000
        status, reason = (refused[0] or 0, refused[1][:_LONGEST_REASON]) if refused else (None, None)
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                ((self._server, kind, id, session, digest, status, reason, now) for kind, id, digest in rows),
            )
            self._db.executemany(
                "DELETE FROM told WHERE server = ? AND kind = ? AND id = ?", ((self._server, *one) for one in gone)
            )
            if not refused:
                self._db.execute("UPDATE servers SET succeeded_at = ? WHERE id = ?", (now, self._server))

    def fail(self, why: str) -> None:
        """Note that something could not be sent, and is to be sent again."""
        self._db.execute(
            "UPDATE servers SET failed_at = ?, failure = ? WHERE id = ?",
            (time.time_ns() // 1_000_000, why, self._server),
        )

    def status(self) -> ServerStatus:
        """How far the server is."""
        query = 'SELECT succeeded_at, failed_at, failure, file, "offset", lines FROM servers WHERE id = ?'
        found: Any = self._db.execute(query, (self._server,)).fetchone()
        position = LogEnd(*found[3:]) if found[3] is not None else None
        return ServerStatus(position, *found[:3])

    def set_aside(self) -> list[tuple[int, str, int, str]]:
        """What the server refused for good: status, kind, how many, and of one of them why. Status 0: it gave none."""
        query = (
            "SELECT status, kind, count(*), max(reason) FROM told WHERE server = ? AND status IS NOT NULL GROUP BY 1, 2"
        )
        found: Any = self._db.execute(query, (self._server,)).fetchall()
        return found  # type: ignore[no-any-return]

    def reset(self) -> None:
        """Forget all of it: everything is to be sent again."""
        with self._db:
            for table in ("told", "looked"):
                self._db.execute(f"DELETE FROM {table} WHERE server = ?", (self._server,))
            self._db.execute("DELETE FROM servers WHERE id = ?", (self._server,))


def unusable(path: str) -> str:
    """Why the file at `path` cannot be used; empty if it can, or if there is none. Changes nothing."""
    if not os.path.exists(path):
        return ""
    try:
        db = open_read_only(path)
        try:
            version = db.pragma("user_version")
            if version == _VERSION:
                db.execute("SELECT 1 FROM servers, told, looked LIMIT 0")
        finally:
            db.close()
    except apsw.Error as e:
        return f"{path} cannot be read: {e}"
    return f"{path} was made by a newer clankers (version {version})" if version > _VERSION else ""


def set_aside(path: str) -> str:
    """Rename the file at `path`, which cannot be used; returns its new name.

    Raises:
        OSError: it cannot be renamed.
    """
    kept = path + ".damaged"
    for end in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.replace(path + end, kept + end)
    return kept
