"""The only place that writes rows: a batch in, rows and the log position out, in one transaction."""

from typing import Any

import apsw
from msgspec.structs import astuple

from projector.derived.message_text import fill_text
from projector.derived.prices import CLIENT, Prices
from projector.derived.refresh import Touched, refresh
from projector.model.batch import Batch, Fact
from projector.model.changes import MessageSeen, PartSeen
from projector.model.merge import TABLES, Row, edits
from projector.store.replace_rows import delete_replaced, owners_of


class StalePositionError(Exception):
    """Another projector wrote meanwhile: read the log again, from the position that stands in the database."""


_TOLD_COST = f"iif(cost_source = '{CLIENT}', cost, NULL)"


def _upsert(kind: type[Row]) -> str:
    names = [f'"{n}"' for n in kind.__struct_fields__]
    updates = ", ".join(f"{n} = excluded.{n}" for n in names[1:])
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {TABLES[kind]} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}"


def _select(kind: type[Row]) -> str:
    # A cost that was worked out is not what was told: it is worked out again from the merged row.
    names = ", ".join(_TOLD_COST if n == "cost" else f'"{n}"' for n in kind.__struct_fields__)
    return f"SELECT {names} FROM {TABLES[kind]} WHERE id = ?"


_UPSERTS = {kind: _upsert(kind) for kind in TABLES}
_SELECTS = {kind: _select(kind) for kind in TABLES}


def _finished(batch: Batch, known: set[str]) -> set[str]:
    """Of the parts that are `known` those that are final now: of them there may be deltas, which are no more needed."""
    return {id for id in known if batch.parts[id].completed_at is not None}


class SqliteStore:
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
            StalePositionError: nothing was written: `start` is not where the database stands.
        """
        self.db.execute("BEGIN IMMEDIATE")
        try:
            if (self.db.execute('SELECT "offset" FROM log_files WHERE name = ?', (file,)).get or 0) != start:
                raise StalePositionError  # noqa: TRY301 (the transaction is rolled back in one place)
            self._write(batch)
            self.db.execute("INSERT OR REPLACE INTO log_files VALUES (?, ?, ?, ?)", (file, offset, lines, tail))
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # a full disk has rolled it back already
                self.db.execute("ROLLBACK")
            raise

    def _write(self, batch: Batch) -> None:
        db = self.db
        replaced_messages = delete_replaced(db, batch)
        known = {kind: self._join(batch, kind) for kind in TABLES}
        unworded = fill_text(batch, known[MessageSeen] | replaced_messages)
        Prices(db).fill_in(batch.messages.values())
        db.executemany(
            "INSERT INTO sessions (id, source) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", batch.sources.items()
        )
        db.executemany(
            "INSERT INTO messages (id, session_id, source) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
            ((id, *host) for id, host in batch.parents.items()),
        )
        for kind in TABLES:
            db.executemany(_UPSERTS[kind], map(astuple, batch.rows(kind).values()))
        self._facts(batch)
        db.executemany("INSERT INTO part_deltas VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", batch.deltas)
        db.executemany(
            "INSERT INTO hook_reports VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET "
            "created_at = min(created_at, excluded.created_at), shown = NULL",
            (
                (s.id, s.session_id, s.source, s.kind, s.same, s.text, s.created_at, s.synthetic)
                for s in batch.hook_reports.values()
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
            "UPDATE projects SET name = ? WHERE path = ? AND name IS NULL",
            ((p.fallback, p.path) for p in batch.projects.values() if p.fallback),
        )
        db.executemany(
            "INSERT INTO event_types VALUES (?, ?, ?, ?) ON CONFLICT (source, type) DO UPDATE SET "
            "events = events + excluded.events",
            ((source, kind, known, n) for (source, kind, known), n in batch.types.items()),
        )
        db.executemany("INSERT OR REPLACE INTO rejects VALUES (?, ?, ?, ?)", batch.rejects)
        refresh(
            db,
            Touched(
                sessions=set(batch.sessions) | owners_of(db, replaced_messages),
                messages=unworded,
                parts={part_id for _, part_id, _, _ in batch.deltas} | _finished(batch, known[PartSeen]),
                tools=set(batch.tools),
                edits={id for id, tool in batch.tools.items() if edits(tool)},
                copies={c.session_id for c in batch.copies.values()},
                billed={session for session, _, _ in batch.costs},
                replaced_messages=replaced_messages,
            ),
        )

    def _join(self, batch: Batch, kind: type[Any]) -> set[str]:
        """Merge the rows of `batch` with what stands of them; returns the ids of those."""
        rows = batch.rows(kind)
        ids = (
            [(id,) for id in rows if (TABLES[kind], id) not in batch.replaced]
            if batch.replaced
            else [(id,) for id in rows]
        )
        known = set()
        for found in self.db.executemany(_SELECTS[kind], ids).fetchall():
            row = kind(*found)
            batch.merge(row, rows[row.id])
            rows[row.id] = row
            known.add(row.id)
        return known

    def _facts(self, batch: Batch) -> None:
        """Of each fact the better one: the one that stands or that of `batch`."""
        known = "SELECT session_id, name, rank, at, position FROM session_facts WHERE session_id = ?"
        for session, name, *rank in self.db.executemany(known, [(session,) for session in batch.sessions]):
            fact: Fact | None = batch.sessions[session].get(name)
            if fact is not None and tuple(rank) >= fact[0]:
                del batch.sessions[session][name]
        self.db.executemany(
            "INSERT OR REPLACE INTO session_facts VALUES (?, ?, ?, ?, ?, ?)",
            (
                (session, name, *claim, value)
                for session, facts in batch.sessions.items()
                for name, (claim, value) in facts.items()
            ),
        )
