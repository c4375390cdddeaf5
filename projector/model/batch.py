"""A batch: what a stretch of the log says, each row merged from all that tells of it; no database behind it."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, ClassVar

import msgspec

from projector.model.changes import (
    Change,
    CompactionSeen,
    Copied,
    CostSeen,
    ErrorSeen,
    HookReport,
    MessageSeen,
    PartDelta,
    PartSeen,
    ProjectSeen,
    RowDeleted,
    RowReplaced,
    SessionSeen,
    TodosSeen,
    ToolSeen,
)
from projector.model.merge import EARLIEST, KINDS, MERGE, TABLES, Row

# A property of a session: its claim (rank, time and position) and its value. The rank says how good its source is, the
# time (epoch milliseconds) when it held, the position in the log which of two equally good ones was told later. The
# greatest claim is the best; where the first counts, time and position are negative. None as value clears.
Fact = tuple[tuple[int, int, int], Any]


_ROWS: dict[type[Row], Callable[[Any], dict[str, Any]]] = {
    MessageSeen: attrgetter("messages"),
    PartSeen: attrgetter("parts"),
    ToolSeen: attrgetter("tools"),
    ErrorSeen: attrgetter("errors"),
    CompactionSeen: attrgetter("compactions"),
}


class Batch(msgspec.Struct):
    """Gathers changes: `add` those of any number of events; then `Store.write` it.

    Attributes:
        messages: by id, like all rows.
        sessions: the facts of every session that is named, by id and the fact's name.
        sources: of the sessions.
        deltas: id, part, position and text of each.
        copies: by id and session.
        costs: session, US dollars and output tokens of each bill.
        projects: by path.
        replaced: rows that replace what stands of them, by table and id: the position at which that was told.
        deleted: rows that go before any is written, with all that stands of them, in the same way.
        parents: messages that must be there for their pieces, by id: their session and source.
        types: how many events there were, by source, type, and whether the type is known.
        rejects: file, line, offset and reason of the lines that could not be used.
    """

    messages: dict[str, MessageSeen] = {}
    parts: dict[str, PartSeen] = {}
    tools: dict[str, ToolSeen] = {}
    errors: dict[str, ErrorSeen] = {}
    compactions: dict[str, CompactionSeen] = {}
    sessions: dict[str, dict[str, Fact]] = {}
    sources: dict[str, str] = {}
    deltas: list[tuple[str, str, int, str]] = []
    hook_reports: dict[str, HookReport] = {}
    copies: dict[tuple[str, str], Copied] = {}
    costs: set[tuple[str, float, int]] = set()
    projects: dict[str, ProjectSeen] = {}
    replaced: dict[tuple[str, str], int] = {}
    deleted: dict[tuple[str, str], int] = {}
    parents: dict[str, tuple[str, str]] = {}
    types: dict[tuple[str, str, bool], int] = {}
    rejects: list[tuple[str, int, int, str]] = []

    def rows(self, kind: type[Row]) -> dict[str, Any]:
        """The rows of a kind, by id."""
        return _ROWS[kind](self)

    def add(self, changes: list[Change], position: int) -> None:
        """Merge what the event at `position` in the log tells."""
        adders = self._adders
        for change in changes:
            adders[type(change)](self, change, position)

    def merge(self, row: Row, seen: Row) -> None:
        """Merge into `row` what `seen` says of it, and note where two sessions' records hold it."""
        kind = type(row)
        if row.session_id != seen.session_id:
            for session in (row.session_id, seen.session_id):
                self.name(session, seen.source)  # a better source says whose call it was: both's counts change
                if kind is not ToolSeen and kind is not PartSeen:
                    # A fork copied it. Whose it is, is settled when both are known.
                    self.copies.setdefault((row.id, session), Copied(row.id, session, session, 0))
        MERGE[kind](row, seen)

    def name(self, session_id: str, source: str) -> dict[str, Fact]:
        """Note that there is a session, whose row is to be worked out anew; returns its facts."""
        facts = self.sessions.get(session_id)
        if facts is None:
            facts = self.sessions[session_id] = {}
            self.sources[session_id] = source
        return facts

    def _session(self, change: SessionSeen, position: int) -> None:
        facts = self.name(change.session_id, change.source)
        first, last = (change.rank, -change.at, -position), (change.rank, change.at, position)
        for name, value in change.facts.items():
            claim = first if name in EARLIEST and not change.latest else last
            old = facts.get(name)
            if old is None or claim > old[0]:
                facts[name] = (claim, value)

    def _row(self, change: Row, _: int) -> None:
        rows = _ROWS[type(change)](self)
        row = rows.get(change.id)
        if row is not None:
            self.merge(row, change)
        else:
            rows[change.id] = change
            self.name(change.session_id, change.source)

    def _part(self, change: PartSeen, position: int) -> None:
        self._row(change, position)
        if change.message_id not in self.messages:
            self.messages[change.message_id] = MessageSeen(change.message_id, change.session_id, change.source)

    def _delta(self, change: PartDelta, position: int) -> None:
        self._part(change.part, position)
        self.deltas.append((change.id, change.part.id, position, change.text))

    def _hook_report(self, change: HookReport, _: int) -> None:
        self.name(change.session_id, change.source)
        old = self.hook_reports.get(change.id)
        if old is None or change.created_at < old.created_at:
            self.hook_reports[change.id] = change

    def _todos(self, change: TodosSeen, position: int) -> None:
        one_by_one = {f"todo:{todo.id}": [todo] for todo in change.todos} if change.one else {"todos": change.todos}
        facts = {name: msgspec.json.encode(todos).decode() for name, todos in one_by_one.items()}
        self._session(SessionSeen(change.session_id, change.source, change.at, change.rank, facts), position)

    def _cost(self, change: CostSeen, _: int) -> None:
        self.name(change.session_id, change.source)
        self.costs.add((change.session_id, change.cost, change.output_tokens))

    def _copied(self, change: Copied, _: int) -> None:
        self.copies[change.id, change.session_id] = change

    def _project(self, seen: ProjectSeen, _: int) -> None:
        """Of each property the last that was told."""
        old = self.projects.get(seen.path)
        if old == seen:
            return
        if old:
            seen = ProjectSeen(
                seen.path,
                seen.source,
                seen.id or old.id,
                seen.name or old.name,
                seen.vcs or old.vcs,
                seen.fallback or old.fallback,
            )
        self.projects[seen.path] = seen

    def _row_replaced(self, change: RowReplaced, position: int) -> None:
        row = change.row
        self.rows(type(row))[row.id] = row
        self.replaced[TABLES[type(row)], row.id] = position
        self.name(row.session_id, row.source)
        if isinstance(row, PartSeen):
            self.parents.setdefault(row.message_id, (row.session_id, row.source))

    def _row_deleted(self, change: RowDeleted, position: int) -> None:
        self.rows(KINDS[change.table]).pop(change.id, None)
        self.replaced.pop((change.table, change.id), None)
        self.deleted[change.table, change.id] = position
        self.name(change.session_id, change.source)
        if change.table == "messages":
            self.parents.pop(change.id, None)

    _adders: ClassVar[dict[type[Change], Callable[[Any, Any, int], None]]] = {
        SessionSeen: _session,
        MessageSeen: _row,
        PartSeen: _part,
        PartDelta: _delta,
        ToolSeen: _row,
        ErrorSeen: _row,
        CompactionSeen: _row,
        HookReport: _hook_report,
        TodosSeen: _todos,
        CostSeen: _cost,
        Copied: _copied,
        ProjectSeen: _project,
        RowReplaced: _row_replaced,
        RowDeleted: _row_deleted,
    }
