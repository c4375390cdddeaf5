"""The live database against a fresh replay of the log: every table, every column, every row."""

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

# `changes` follows how the log was cut into batches.
_NOT_OF_THE_LOG = frozenset({"meta", "prices", "changes"})
_NOT_COMPARED = frozenset({"tail"})  # which an archived day has not
# Not compared where a watcher still prices with another table.
_OF_THE_PRICES = frozenset({"cost", "cost_source", "cost_split", "unpriced_messages", "cost_rate", "token_rate"})
_SHOWN = 3  # ids of each kind
_POLL = 0.05  # seconds between two looks whether both are of the same position in the log
_STILL = 5.0  # seconds after which a live database that stays at another position will not get there by itself
_PATIENCE = 120.0  # seconds to wait for the log to stand still for a moment


class Difference(msgspec.Struct):
    """How a table is not what the log says.

    Attributes:
        table: its name; empty where it is the database as a whole.
        missing: rows that it lacks.
        extra: rows that it should not have.
        changed: rows with other values.
        ids: of a few of these rows.
        problem: what else is wrong; None where nothing is.
    """

    table: str
    missing: int = 0
    extra: int = 0
    changed: int = 0
    ids: list[str] = []
    problem: str | None = None


class FreshReplay:
    """A fresh replay, to compare with: `with FreshReplay(path, root) as fresh: fresh.build(); fresh.differences(...)`.

    It stands beside the live database, where there is room for a rebuild too, until it was compared; where nothing can
    be written there, as in a backup that is mounted, among the temporary files.

    Args:
        path: of the live database, which is not changed.
        root: the data root.

    Raises:
        BusyError: from `with`, when another comparison is under way.
    """

    def __init__(self, path: str, root: str) -> None:
        self._live, self._root = path, root
        self._path = path + ".verify"
        self._lock = NamedLock(self._path + ".lock", "verify", "the database is being compared already")
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
        """Replay the log; `progress` is told of the bytes read, now and then.

        Raises:
            RebuildError: what comes out is not sound.
        """
        build(self._path, self._root, progress=progress)

    def differences(
        self, bring_up_to_date: Callable[[], object], *, step: Callable[[int], object] = lambda _: None
    ) -> list[Difference]:
        """Where the live database is not what the replay makes.

        Args:
            bring_up_to_date: brings the live one up to the log's end, or returns when another projector is doing so.
            step: told of each table that is compared.

        Raises:
            BusyError: the log does not stand still for a moment.
            ClankersError: the log was cut meanwhile.
            apsw.Error: the database cannot be read at all.
        """
        try:
            with _at_one_position(self._live, self._path, self._root, bring_up_to_date) as db:
                return list(_differences(db, step))
        except LogChangedError as e:
            raise ClankersError(f"the log was cut while it was being replayed: {e}; run this again") from e


@contextlib.contextmanager
def _at_one_position(
    path: str, fresh: str, root: str, bring_up_to_date: Callable[[], object]
) -> Iterator[apsw.Connection]:
    """Both databases in one connection and transaction, as `live` and `main`, made from the same bytes of the log."""
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
            raise BusyError("the log is written to faster than it can be compared; try again when less is going on")
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
    except apsw.SQLError as e:  # somebody dropped it
        return str(e)


def _price_table(db: apsw.Connection, name: str) -> str | None:
    try:
        version: str | None = db.execute(f"SELECT value FROM {name}.meta WHERE key = ?", (VERSION_KEY,)).get
    except apsw.SQLError:  # somebody dropped it
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
    keys = [f'"{name}"' for name, pk in info if pk]
    values = [f'"{name}"' for name, pk in info if not pk and name not in left_out]
    same = " AND ".join(f"a.{k} = b.{k}" for k in keys)
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
