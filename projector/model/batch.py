"""A batch: a range of the log as rows, each merged from all changes to it. No database is involved."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

import msgspec

from clankers.log.base import Position
from projector.model.changes import (
    CallReport,
    Change,
    CompactionSeen,
    ErrorSeen,
    MessageSeen,
    PartDelta,
    PartSeen,
    ProjectSeen,
    RowDeleted,
    RowReplaced,
    SessionSeen,
    TodosSeen,
    TodoStatusSeen,
    ToolSeen,
)
from projector.model.evidence import (
    HOOKS,
    BillSeen,
    Copied,
    HistoryMark,
    HookReport,
    OutputSaved,
    PromptSeen,
    ResponseLine,
    Step,
    UsageSeen,
)
from projector.model.merge import EARLIEST, KINDS, MERGE, TABLES, Row, is_older

# A property of a session: its claim (rank, time, position) and its value; None clears. The rank says how good the
# source is, the time (epoch milliseconds) when the value held, the position which of two equal claims is later in the
# log. The greatest claim wins; where the earliest counts, time and position are negated.
Fact = tuple[tuple[int, int, int], Any]


class EventType(NamedTuple):
    """What events are counted by, and what no adapter reads in events of a known type.

    Attributes:
        type: of the event; for something in it, `type: name`.
        known: an adapter has a case for the type.
        client_version: of the client that sent it, for a type that is not known or another client; else empty.
        other_client: the name of the client that sent it, if it is not the source's own; else empty.
    """

    source: str
    type: str
    known: bool
    client_version: str = ""
    other_client: str = ""


class Untimed(msgspec.Struct):
    """A message whose event has no time, and the times of its session around it in the log, in epoch milliseconds.

    Attributes:
        position: of the event in the log.
        before: the latest time in events before it.
        after: the earliest time in events after it.
    """

    position: int
    before: int | None
    after: int | None = None


class Delta(NamedTuple):
    """More text of a part, by `position` in the log."""

    id: str
    session_id: str
    part_id: str
    position: int
    text: str


class Reject(NamedTuple):
    """A line that could not be used, or a value that was left out of one that was used.

    Attributes:
        file: of the log.
        line: its number, counted from 1.
        offset: bytes before it.
        field: the JSON path of the value that is wrong, as `$.message.usage`; empty for the complete line.
        reason: what is wrong.
    """

    file: str
    line: int
    offset: int
    field: str
    reason: str


_ROWS: dict[type[Row], Callable[[Any], dict[str, Any]]] = {
    MessageSeen: attrgetter("messages"),
    PartSeen: attrgetter("parts"),
    ToolSeen: attrgetter("tools"),
    ErrorSeen: attrgetter("errors"),
    CompactionSeen: attrgetter("compactions"),
}


class Batch(msgspec.Struct):
    """Merges changes: `add` those of any number of events, then `Store.write` the batch.

    Attributes:
        messages: by id, like all rows.
        sessions: the facts of every session that a change names, by id and the fact's name.
        sources: of the sessions.
        copies: by id and session.
        prompts: by id and session.
        steps: by id.
        usage: by session and id.
        response_lines: by id.
        outputs: files with long outputs of tools.
        bills: session, US dollars, output tokens and usage of each.
        untimed: messages without a time, by session and id, in the order of the log.
        times: the earliest and the latest time of each session's messages.
        projects: by path.
        replaced: rows that replace those in the database, by table and id: the position of the replacement.
        deleted: rows to delete before any is written, with everything in the database about them, likewise.
        parents: messages that must exist because a replaced part names them, by id: their session and source.
        types: the number of events.
        rejects: lines that could not be used.
        ignored: values that were left out of lines that were used.
        adapters: by source, the name and version of the adapter that made the rows.
    """

    messages: dict[str, MessageSeen] = {}
    parts: dict[str, PartSeen] = {}
    tools: dict[str, ToolSeen] = {}
    errors: dict[str, ErrorSeen] = {}
    compactions: dict[str, CompactionSeen] = {}
    sessions: dict[str, dict[str, Fact]] = {}
    sources: dict[str, str] = {}
    deltas: list[Delta] = []
    hook_reports: dict[str, HookReport] = {}
    call_reports: dict[str, CallReport] = {}
    history_marks: set[HistoryMark] = set()
    copies: dict[tuple[str, str], Copied] = {}
    prompts: dict[tuple[str, str], PromptSeen] = {}
    steps: dict[str, Step] = {}
    usage: dict[tuple[str, str], UsageSeen] = {}
    response_lines: dict[str, ResponseLine] = {}
    bills: set[tuple[str, float, int, str | None]] = set()
    outputs: list[OutputSaved] = []
    untimed: dict[str, dict[str, Untimed]] = {}
    times: dict[str, tuple[int, int]] = {}
    projects: dict[str, ProjectSeen] = {}
    replaced: dict[tuple[str, str], int] = {}
    deleted: dict[tuple[str, str], int] = {}
    parents: dict[str, tuple[str, str]] = {}
    types: dict[EventType, int] = {}
    rejects: list[Reject] = []
    ignored: list[Reject] = []
    adapters: dict[str, str] = {}

    def rows(self, kind: type[Row]) -> dict[str, Any]:
        """The rows of a kind, by id."""
        return _ROWS[kind](self)

    def add(self, changes: Iterable[Change], position: Position) -> None:
        """Merge the changes of the event at `position` in the log."""
        adders = self._adders
        for change in changes:
            adders[type(change)](self, change, position)

    def merge(self, row: Row, seen: Row) -> None:
        """Merge `seen` into `row`. If two sessions' records hold the row, note that one of them is a copy."""
        kind = type(row)
        if row.session_id != seen.session_id:
            for session in (row.session_id, seen.session_id):
                self.touch(session, seen.source)  # a better source decides whose call it was: both totals change
                if kind is not ToolSeen and kind is not PartSeen:
                    # A fork copied it. `derived.forks` finds the owner once both records are known.
                    self.copies.setdefault((row.id, session), Copied(row.id, session, session, 0))
        MERGE[kind](row, seen)

    def touch(self, session_id: str, source: str) -> dict[str, Fact]:
        """Note that the session exists and that its row must be refreshed; returns its facts."""
        facts = self.sessions.get(session_id)
        if facts is None:
            facts = self.sessions[session_id] = {}
            self.sources[session_id] = source
        return facts

    def _session(self, change: SessionSeen, position: int) -> None:
        facts = self.touch(change.session_id, change.source)
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
            self.touch(change.session_id, change.source)

    def _message(self, change: MessageSeen, position: int) -> None:
        session, at = change.session_id, change.created_at
        if at is not None:
            first, last = self.times.get(session, (at, at))
            self.times[session] = min(first, at), max(last, at, change.completed_at or 0)
            for one in reversed(self.untimed.get(session, {}).values()):
                if one.after is not None and one.after <= at:
                    break  # and so are those of all before it
                one.after = at
        elif change.role is not None:
            before = self.times.get(session, (0, None))[1]
            self.untimed.setdefault(session, {}).setdefault(change.id, Untimed(position, before))
        self._row(change, position)

    def _part(self, change: PartSeen, position: int) -> None:
        self._row(change, position)
        if change.message_id not in self.messages:
            self.messages[change.message_id] = MessageSeen(change.message_id, change.session_id, change.source)

    def _delta(self, change: PartDelta, position: int) -> None:
        self._part(change.part, position)
        self.deltas.append(Delta(change.id, change.part.session_id, change.part.id, position, change.text))

    def _hook_report(self, change: HookReport, _: int) -> None:
        self.touch(change.session_id, change.source)
        old = self.hook_reports.get(change.id)
        if old is None or change.created_at < old.created_at:
            self.hook_reports[change.id] = change

    def _call_report(self, change: CallReport, _: int) -> None:
        self.touch(change.session_id, change.call.source)
        self.call_reports[change.id] = change

    def _history_mark(self, change: HistoryMark, _: int) -> None:
        self.touch(change.session_id, change.source)
        self.history_marks.add(change)

    def _todos(self, change: TodosSeen, position: int) -> None:
        lists = {f"todo:{todo.id}": [todo] for todo in change.todos} if change.one else {"todos": change.todos}
        facts = {name: msgspec.json.encode(todos).decode() for name, todos in lists.items()}
        self._session(SessionSeen(change.session_id, change.source, change.at, change.rank, facts), position)

    def _todo_status(self, change: TodoStatusSeen, position: int) -> None:
        facts = {f"todo_status:{change.id}": change.status}
        self._session(SessionSeen(change.session_id, change.source, change.at, change.rank, facts), position)

    def _bill(self, change: BillSeen, _: int) -> None:
        self.touch(change.session_id, change.source)
        self.bills.add((change.session_id, change.cost, change.output_tokens, change.usage))

    def _output(self, change: OutputSaved, _: int) -> None:
        if change.text is not None:  # else the session is what a path says, which may be none
            self.touch(change.session_id, change.source)
        self.outputs.append(change)

    def _copied(self, change: Copied, _: int) -> None:
        self.copies[change.id, change.session_id] = change

    def _prompt(self, change: PromptSeen, _: int) -> None:
        old = self.prompts.setdefault((change.id, change.session_id), change)
        if (change.at, change.parent_id) < (old.at, old.parent_id):
            self.prompts[change.id, change.session_id] = change

    def _step(self, change: Step, position: int) -> None:
        self.touch(change.session_id, change.source)
        if change.file == HOOKS:
            change.place = position
        self.steps.setdefault(change.id, change)

    def _usage(self, change: UsageSeen, _: int) -> None:
        self.touch(change.session_id, change.source)
        self.usage.setdefault((change.session_id, change.id), change)

    def _response_line(self, change: ResponseLine, _: int) -> None:
        self.touch(change.session_id, change.source)
        self.response_lines[change.id] = change

    def _project(self, seen: ProjectSeen, _: int) -> None:
        """The latest reported value of each property wins."""
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
        self.touch(row.session_id, row.source)
        old = self.rows(type(row)).get(row.id)
        if old is not None and not self.deleted_since(old) and is_older(row, old):
            return
        self.rows(type(row))[row.id] = row
        self.replaced[TABLES[type(row)], row.id] = position
        if isinstance(row, PartSeen):
            self.parents.setdefault(row.message_id, (row.session_id, row.source))

    def deleted_since(self, row: Row) -> bool:
        """Whether the message of a part was deleted after the part was sent, and the part with it."""
        if not isinstance(row, PartSeen):
            return False
        sent = self.replaced.get(("parts", row.id), -1)
        return self.deleted.get(("messages", row.message_id), -1) > sent

    def _row_deleted(self, change: RowDeleted, position: int) -> None:
        self.rows(KINDS[change.table]).pop(change.id, None)
        self.replaced.pop((change.table, change.id), None)
        self.deleted[change.table, change.id] = position
        self.touch(change.session_id, change.source)
        if change.table == "messages":
            self.parents.pop(change.id, None)

    _adders: ClassVar[dict[type[Change], Callable[[Any, Any, int], None]]] = {
        SessionSeen: _session,
        MessageSeen: _message,
        PartSeen: _part,
        PartDelta: _delta,
        ToolSeen: _row,
        ErrorSeen: _row,
        CompactionSeen: _row,
        HookReport: _hook_report,
        CallReport: _call_report,
        HistoryMark: _history_mark,
        TodosSeen: _todos,
        TodoStatusSeen: _todo_status,
        BillSeen: _bill,
        OutputSaved: _output,
        Copied: _copied,
        PromptSeen: _prompt,
        Step: _step,
        UsageSeen: _usage,
        ResponseLine: _response_line,
        ProjectSeen: _project,
        RowReplaced: _row_replaced,
        RowDeleted: _row_deleted,
    }
