"""Writes rows into SQLite: a batch's rows, what is derived from them, and the log position, in one transaction."""

from typing import Any

import apsw
from msgspec.json import encode
from msgspec.structs import astuple

from projector.derived.inferred_times import note_untimed
from projector.derived.message_text import fill_text
from projector.derived.prices import CLIENT, Prices
from projector.derived.refresh import refresh
from projector.derived.response_lines import place_response_lines
from projector.derived.steps import place_calls, place_steps
from projector.model.batch import Batch, Fact
from projector.model.changes import MessageSeen, PartSeen, Rank
from projector.model.merge import KINDS, TABLES, Row, is_older
from projector.model.naming import call_key
from projector.store.base import ReadPosition, ReadRange, StalePositionError
from projector.store.meta import ADAPTER_PREFIX
from projector.store.replace_rows import delete_replaced, owners_of

# What we computed or inferred is not what the client reported: that is merged, and the rest follows from it again.
_REPORTED: dict[tuple[type[Row], str], str] = {
    (MessageSeen, "cost"): f"iif(cost_source = '{CLIENT}', cost, NULL)",
    (MessageSeen, "created_at"): "iif(time_inferred, NULL, created_at)",
    (MessageSeen, "time_inferred"): "0",
    (MessageSeen, "model"): "iif(model_inferred, NULL, model)",
    (MessageSeen, "provider"): "iif(model_inferred, NULL, provider)",
    (MessageSeen, "model_inferred"): "0",
}


def _upsert(kind: type[Row]) -> str:
    names = [f'"{n}"' for n in kind.__struct_fields__]
    updates = ", ".join(f"{n} = excluded.{n}" for n in names[1:])
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {TABLES[kind]} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {updates}"


def _select(kind: type[Row]) -> str:
    names = ", ".join(_REPORTED.get((kind, n), f'"{n}"') for n in kind.__struct_fields__)
    return f"SELECT {names} FROM {TABLES[kind]} WHERE id = ?"


_UPSERTS = {kind: _upsert(kind) for kind in TABLES}
_SELECTS = {kind: _select(kind) for kind in TABLES}
_SET_META = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2"


class SqliteStore:
    """A `Store` in an open SQLite database."""

    def __init__(self, db: apsw.Connection) -> None:
        self.db = db

    def positions(self) -> dict[str, ReadPosition]:
        """As `Store.positions`."""
        found = self.db.execute('SELECT name, "offset", lines, tail FROM log_files')
        return {name: ReadPosition(*position) for name, *position in found}

    def meta(self, key: str) -> str | None:
        """As `Store.meta`."""
        found: str | None = self.db.execute("SELECT value FROM meta WHERE key = ?", (key,)).get
        return found

    def set_meta(self, key: str, value: str) -> None:
        """As `Store.set_meta`."""
        self.db.execute(_SET_META, (key, value))

    def write(self, batch: Batch, read: ReadRange) -> None:
        """As `Store.write`."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            if (self.db.execute('SELECT "offset" FROM log_files WHERE name = ?', (read.file,)).get or 0) != read.start:
                raise StalePositionError  # noqa: TRY301 (the transaction is rolled back in one place)
            self._rows(batch)
            self._notes(batch)
            self.db.execute("INSERT OR REPLACE INTO log_files VALUES (?, ?, ?, ?)", (read.file, *read.end))
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # a full disk has rolled it back already
                self.db.execute("ROLLBACK")
            raise

    def _rows(self, batch: Batch) -> None:
        db = self.db
        self._drop_older(batch)
        placed = place_steps(db, batch)  # whose rows replace those of fewer steps, whatever their times
        place_response_lines(db, batch)
        replaced = delete_replaced(db, batch)  # the messages concerned
        note_untimed(db, batch)
        stored = {kind: self._merge_stored(batch, kind) for kind in TABLES}
        stale = fill_text(batch, stored[MessageSeen] | replaced)
        Prices(db).fill_in(batch.messages.values())
        db.executemany(
            "INSERT INTO sessions (id, source) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", batch.sources.items()
        )
        db.executemany(
            "INSERT INTO messages (id, session_id, source) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
            ((id, *owner) for id, owner in batch.parents.items()),
        )
        for kind in TABLES:
            db.executemany(_UPSERTS[kind], map(astuple, batch.rows(kind).values()))
        place_calls(db, placed)
        self._session_facts(batch)
        self._evidence(batch)
        self._projects(batch)
        refresh(db, batch, set(batch.sessions) | owners_of(db, replaced), stale)

    def _drop_older(self, batch: Batch) -> None:
        """Drop what would replace rows of the database that are newer, and that the batch does not delete before."""
        for (table, id), position in list(batch.replaced.items()):
            kind = KINDS[table]
            if (table, id) in batch.deleted or not (found := self.db.execute(_SELECTS[kind], (id,)).fetchone()):
                continue
            stored: Row = kind(*found)
            message = stored.message_id if isinstance(stored, PartSeen) else None
            is_gone = message is not None and batch.deleted.get(("messages", message), position) < position
            if not is_gone and is_older(batch.rows(kind)[id], stored):
                del batch.rows(kind)[id], batch.replaced[table, id]

    def _merge_stored(self, batch: Batch, kind: type[Any]) -> set[str]:
        """Merge the rows of `batch` with those in the database; returns the ids of these."""
        rows = batch.rows(kind)
        ids = [(id,) for id in rows if not batch.replaced or (TABLES[kind], id) not in batch.replaced]
        stored = set()
        for found in self.db.executemany(_SELECTS[kind], ids).fetchall():
            row = kind(*found)
            batch.merge(row, rows[row.id])
            rows[row.id] = row
            stored.add(row.id)
        return stored

    def _session_facts(self, batch: Batch) -> None:
        """Store the facts of `batch` that are better than those in the database."""
        select = "SELECT session_id, name, rank, at, position FROM session_facts WHERE session_id = ?"
        for session, name, *claim in self.db.executemany(select, [(session,) for session in batch.sessions]):
            fact: Fact | None = batch.sessions[session].get(name)
            if fact is not None and tuple(claim) >= fact[0]:
                del batch.sessions[session][name]
        self.db.executemany(
            "INSERT OR REPLACE INTO session_facts VALUES (?, ?, ?, ?, ?, ?)",
            (
                (session, name, *claim, value)
                for session, facts in batch.sessions.items()
                for name, (claim, value) in facts.items()
            ),
        )

    def _evidence(self, batch: Batch) -> None:
        """Store what rows are derived from later: deltas, reports of hooks, copies, prompts, usage, marks, bills."""
        db = self.db
        db.executemany("INSERT INTO part_deltas VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", batch.deltas)
        db.executemany(
            "INSERT INTO hook_reports VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET "
            "created_at = min(created_at, excluded.created_at), shown = NULL",
            map(astuple, batch.hook_reports.values()),
        )
        db.executemany(
            "INSERT INTO copies VALUES (?, ?, ?, ?, ?) ON CONFLICT (session_id, id) DO UPDATE SET "
            "origin = excluded.origin, at = excluded.at, copy_id = excluded.copy_id "
            "WHERE excluded.origin <> excluded.session_id",
            map(astuple, batch.copies.values()),
        )
        db.executemany(
            "INSERT INTO prompts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET parent_id = excluded.parent_id, "
            "at = excluded.at WHERE (excluded.at, excluded.parent_id) < (at, parent_id)",
            ((p.session_id, p.id, p.parent_id, p.at) for p in batch.prompts.values()),
        )
        db.executemany(
            "INSERT INTO request_usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            map(astuple, batch.usage.values()),
        )
        db.executemany(
            "INSERT INTO call_reports VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            (
                (
                    report.id,
                    report.session_id,
                    report.call.close_rank > Rank.UNREPORTED,
                    report.call.call_id or call_key(report.call.tool_name, report.call.tool_input),
                    report.at,
                    encode(report.call).decode(),
                )
                for report in batch.call_reports.values()
            ),
        )
        db.executemany(
            "INSERT INTO history_marks VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            ((m.session_id, m.position, m.kind, m.at, m.message, m.kept) for m in batch.history_marks),
        )
        db.executemany(
            "INSERT INTO saved_outputs VALUES (?, ?, ?, ?) ON CONFLICT (session_id, name) DO UPDATE SET "
            "tool_id = ifnull(min(tool_id, excluded.tool_id), coalesce(tool_id, excluded.tool_id)), "
            "text = iif((length(text), text) > (length(excluded.text), excluded.text) OR excluded.text IS NULL, "
            "text, excluded.text)",
            ((one.session_id, one.name, one.tool_id, one.text) for one in batch.outputs),
        )
        db.executemany(
            "INSERT INTO bills VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "usage = coalesce(max(usage, excluded.usage), usage, excluded.usage)",
            batch.bills,
        )

    def _projects(self, batch: Batch) -> None:
        self.db.executemany(
            "INSERT INTO projects VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET id = coalesce(excluded.id, id), "
            "name = coalesce(excluded.name, name), vcs = coalesce(excluded.vcs, vcs)",
            ((p.path, p.id, p.name, p.vcs) for p in batch.projects.values()),
        )
        self.db.executemany(
            "UPDATE projects SET name = ? WHERE path = ? AND name IS NULL",
            ((p.fallback, p.path) for p in batch.projects.values() if p.fallback),
        )

    def _notes(self, batch: Batch) -> None:
        """Store what is known of the log itself: types of events, lines that could not be used, adapters."""
        self.db.executemany(
            "INSERT INTO event_types VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET events = events + excluded.events",
            (
                (kind.source, kind.type, kind.known, n, kind.client_version, kind.other_client)
                for kind, n in batch.types.items()
            ),
        )
        self.db.executemany("INSERT OR REPLACE INTO rejects VALUES (?, ?, ?, ?, ?)", batch.rejects)
        self.db.executemany("INSERT OR REPLACE INTO ignored_values VALUES (?, ?, ?, ?, ?)", batch.ignored)
        self.db.executemany(
            _SET_META, ((ADAPTER_PREFIX + source, adapter) for source, adapter in batch.adapters.items())
        )
