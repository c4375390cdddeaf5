"""Compares the live database with a fresh replay of the log: every table, column and row."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Self

import apsw
import msgspec

from clankers.errors import BusyError, ClankersError
from clankers.system.locks import NamedLock
from projector.derived.price_table import VERSION_KEY
from projector.replay.rebuild import build
from projector.replay.replay import LogChangedError, replay
from projector.store.read_only import uri
from projector.store.sqlite_file import BUSY_MS, open_database
from projector.store.sqlite_writer import SqliteStore

# `changes` depends on the cuts between batches.
_NOT_OF_THE_LOG = frozenset({"meta", "prices", "changes"})
_NOT_COMPARED = frozenset({"tail"})  # archived files have none
# Not compared while a watcher still uses another price table.
_OF_THE_PRICES = frozenset({"cost", "cost_source", "cost_split", "unpriced_messages", "cost_rate", "token_rate"})
_SHOWN = 3  # ids of each kind
_POLL = 0.05  # seconds between two checks whether both are at the same position in the log
_STILL = 5.0  # seconds after which a live database that stays at another position will not move any more
_PATIENCE = 120.0  # seconds to wait for a moment without writes to the log


class Difference(msgspec.Struct):
    """How a table differs from a fresh replay.

    Attributes:
        table: its name; empty for the database as a whole.
        missing: the number of rows that it lacks.
        extra: that it should not have.
        changed: with other values.
        ids: of a few of these rows.
        problem: what else is wrong; None for nothing.
    """

    table: str
    missing: int = 0
    extra: int = 0
    changed: int = 0
    ids: list[str] = []
    problem: str | None = None


class FreshReplay:
    """A fresh replay: `with FreshReplay(path, root) as fresh: fresh.build(); fresh.differences(...)`.

    Its file is beside the live database, where a rebuild needs the same space; if nothing can be written there, as in a
    mounted backup, it is a temporary file.

    Args:
        path: of the live database, which is only read.
        root: the data root.

    Raises:
        BusyError: from `with`, if another comparison is running.
    """

    def __init__(self, path: str, root: str) -> None:
        self._live, self._root = path, root
        self._path = path + ".verify"
        self._lock = NamedLock(self._path + ".lock", "verify", "another comparison of this database is running")
        self._left = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._left.enter_context(self._lock)
        except OSError:
            self._path = os.path.join(self._left.enter_context(tempfile.TemporaryDirectory()), "verify")
        return self

    def __exit__(self, *_: object) -> None:
        with self._left, contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)

    def build(self, *, progress: Callable[[int], object] | None = None) -> None:
        """Replay the log; `progress` is called with the number of bytes read.

        Raises:
            RebuildError: the result is not sound.
        """
        build(self._path, self._root, progress=progress)

    def differences(
        self, bring_up_to_date: Callable[[], object], *, step: Callable[[int], object] = lambda _: None
    ) -> list[Difference]:
        """How the live database differs from the replay.

        Args:
            bring_up_to_date: brings the live one to the log's end, or returns if another projector is doing that.
            step: called for each table that is compared.

        Raises:
            BusyError: the log is written to all the time.
            ClankersError: the log was truncated meanwhile.
            apsw.Error: the database cannot be read.
        """
        try:
            with _at_one_position(self._live, self._path, self._root, bring_up_to_date) as db:
                return list(_differences(db, step))
        except LogChangedError as e:
            raise ClankersError(f"the log was truncated while it was being replayed: {e}; run this again") from e


@contextlib.contextmanager
def _at_one_position(
    path: str, fresh: str, root: str, bring_up_to_date: Callable[[], object]
) -> Iterator[apsw.Connection]:
    """Both databases in one connection and transaction, as `live` and `main`, at the same position of the log."""
    deadline = time.monotonic() + _PATIENCE
    still_since, seen = time.monotonic(), None
    while True:
        bring_up_to_date()
        new = open_database(fresh, durable=False)
        try:
            replay(SqliteStore(new), root)
        finally:
            new.close()
        with contextlib.closing(_both(path, fresh)) as db:
            db.execute("BEGIN")
            at = [_positions(db, name) for name in ("main", "live")]
            if at != seen:
                still_since, seen = time.monotonic(), at
            if at[0] == at[1] or time.monotonic() - still_since > _STILL:
                yield db
                return
        if time.monotonic() > deadline:
            raise BusyError("the log is written to faster than it can be compared; try again later")
        time.sleep(_POLL)


def _both(path: str, fresh: str) -> apsw.Connection:
    db = apsw.Connection(uri(fresh), flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.execute("ATTACH ? AS live", (uri(path),))
    except apsw.Error:
        db.close()
        raise
    return db


def _positions(db: apsw.Connection, name: str) -> list[tuple[str, object]] | str:
    try:
        return [(str(file), at) for file, at in db.execute(f'SELECT name, "offset" FROM {name}.log_files ORDER BY 1')]
    except apsw.SQLError as e:  # the table is missing
        return str(e)


def _price_table(db: apsw.Connection, name: str) -> str | None:
    try:
        version: str | None = db.execute(f"SELECT value FROM {name}.meta WHERE key = ?", (VERSION_KEY,)).get
    except apsw.SQLError:  # the table is missing
        return None
    return version


def _differences(db: apsw.Connection, step: Callable[[int], object]) -> Iterator[Difference]:
    found = [problem for (problem,) in db.execute("PRAGMA live.integrity_check(10)")]
    if found != ["ok"]:
        yield Difference("", problem="it is damaged: " + "; ".join(map(str, found)))
    step(1)
    for (what,) in db.execute(
        "SELECT type || ' ' || name FROM main.sqlite_schema WHERE sql IS NOT NULL "
        "EXCEPT SELECT type || ' ' || name FROM live.sqlite_schema"
    ):
        yield Difference("", problem=f"the {what} is missing")
    fresh, live = (_price_table(db, name) for name in ("main", "live"))
    other_prices = fresh is not None and live is not None and fresh != live
    left_out = _NOT_COMPARED | (_OF_THE_PRICES if other_prices else frozenset())
    tables = [t for (t,) in db.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table' ORDER BY rowid")]
    for table in tables:
        if table not in _NOT_OF_THE_LOG:
            try:
                difference = _difference(db, table, left_out)
            except apsw.Error as e:
                difference = Difference(table, problem=str(e))
            if difference:
                yield difference
        step(1)


def _difference(db: apsw.Connection, table: str, left_out: frozenset[str]) -> Difference | None:
    info = db.execute(f"SELECT name, pk FROM pragma_table_info('{table}', 'main')").fetchall()
    values = [f'"{name}"' for name, pk in info if not pk and name not in left_out]
    keys = [f'"{name}"' for name, pk in info if pk] or values  # a copy of another table has no key of its own
    same = " AND ".join(f"a.{k} IS b.{k}" for k in keys)
    shown = " || ' ' || ".join(f"coalesce(a.{k}, '')" for k in keys)
    shown = f"CAST({shown} AS BLOB)"  # whatever bytes it is
    only = f"SELECT {shown} FROM %s.{table} AS a WHERE NOT EXISTS (SELECT 1 FROM %s.{table} AS b WHERE {same})"
    other = " OR ".join(f"a.{v} IS NOT b.{v}" for v in values)
    changed = f"SELECT {shown} FROM main.{table} AS a JOIN live.{table} AS b ON {same} WHERE {other or 0}"
    counts: list[int] = []
    ids: list[str] = []
    for query in (only % ("main", "live"), only % ("live", "main"), changed):
        count = 0
        for (id,) in db.execute(query):
            count += 1
            if count <= _SHOWN:
                ids.append(bytes(id).decode("utf-8", "replace"))
        counts.append(count)
    missing, extra, different = counts
    return Difference(table, missing, extra, different, ids) if ids else None
