"""Reads a conversation from the database: all of it, or a few items at a time, however long it is.

No statement stays open between two calls: one would keep the database's WAL from being emptied.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from clankers.queries.commits import RecordedCommit, recorded_commits
from clankers.queries.conversation import (
    Compaction,
    Conversation,
    Failure,
    Item,
    Message,
    Part,
    Session,
    ToolCall,
)
from clankers.queries.dialect import Database, listed

_DEPTH = 20  # of subagents within subagents
_AT_ONCE = 50  # items
_WORD = re.compile(r"\w+")

_Row = TypeVar("_Row", bound=Struct)
_TEXTS = {"text", "data", "tool_input", "tool_output", "error_message"}  # fields that may be very long
_NOT_COLUMNS = {"parts", "errors", "subagents", "failed_calls"}  # fields that are no columns
_FAILED_CALLS = "(SELECT count(*) FROM tools AS t WHERE t.session_id = sessions.id AND t.success = 0)"

_DESCENDANTS = """
id <> :id AND id IN (
  WITH RECURSIVE within(id) AS (
    SELECT id FROM sessions WHERE parent_id = :id
    UNION SELECT s.id FROM sessions AS s JOIN within AS w ON s.parent_id = w.id
  ) SELECT id FROM within
)
"""
_CHILDREN = """
SELECT s.id, s.created_at, t.id FROM sessions AS s
LEFT JOIN session_facts AS f ON f.session_id = s.id AND f.name = 'spawned_by'
LEFT JOIN tools AS t ON t.id = f.value AND t.session_id = :id
WHERE s.parent_id = :id ORDER BY s.created_at, s.id
"""
_CALLS_WITHOUT_MESSAGE = """
SELECT t.id, t.created_at FROM tools AS t LEFT JOIN messages AS m ON m.id = t.message_id AND m.session_id = t.session_id
WHERE t.session_id = :id AND m.id IS NULL ORDER BY t.created_at, t.id
"""
_CALLS_OF_MESSAGES = f"""
SELECT id, message_id FROM tools WHERE message_id IN {listed("ids")} ORDER BY created_at, id
"""
_ERRORS = """
SELECT e.id, e.created_at, m.id FROM session_errors AS e
LEFT JOIN messages AS m ON m.id = e.message_id AND m.session_id = e.session_id
WHERE e.session_id = :id ORDER BY e.created_at, e.id
"""
_RESULTS = "SELECT id, tool_output FROM tools WHERE session_id = :id AND tool_output > '' ORDER BY created_at, id"
_PARTS_OF_SESSION = """
SELECT p.id, p.type, CASE WHEN p.type = 'tool' THEN p.data END FROM parts AS p
JOIN messages AS m ON m.id = p.message_id WHERE m.session_id = :id
"""


class OutlineEntry(NamedTuple):
    """An item of a conversation, by which it is read.

    Attributes:
        kind: what it is, as in JSON.
        id: of its row.
        created_at: when it happened, or began, in epoch milliseconds.
    """

    kind: Literal["message", "tool", "error", "compaction", "conversation"]
    id: str
    created_at: int | None


class ConversationReader:
    """Reads the conversation of the session `id`, as `outline` lists it.

    Args:
        db: the database.
        id: of the session.
        within: the sessions whose subagent this is.
        longest: characters of a text that are read, at most; None for all.
        inner: whether subagents are read with what happened in them; else only their rows.

    Raises:
        LookupError: there is no such session.

    Attributes:
        session: its row.
    """

    def __init__(
        self,
        db: Database,
        id: str,
        within: tuple[str, ...] = (),
        *,
        longest: int | None = None,
        inner: bool = True,
    ) -> None:
        found = next(_sessions(db, "id = :id", {"id": id}), None)
        if found is None:
            raise LookupError(id)
        self._db = db
        self._within = (*within, id)
        self._longest = longest
        self._inner = inner
        self.session = found

    @cached_property
    def descendants(self) -> list[Session]:
        """Its subagents, and theirs."""
        return [*_sessions(self._db, _DESCENDANTS, self._id)]

    @cached_property
    def commits(self) -> list[RecordedCommit]:
        """The commits that its calls and its subagents' made, the first first."""
        return recorded_commits(self._db, [self.session.id, *(one.id for one in self.descendants)])

    @cached_property
    def outline(self) -> list[OutlineEntry]:
        """All items, in their order; subagents whose call is not known stand among them, where they began."""
        messages = self._db.execute(
            "SELECT id, created_at FROM messages WHERE session_id = :id ORDER BY created_at, id", self._id
        )
        found = [OutlineEntry("message", id, at) for id, at in messages]
        alone = self._db.execute(_CALLS_WITHOUT_MESSAGE, self._id).fetchall()
        found += [OutlineEntry("tool", id, at) for id, at in alone if id not in self._calls_in_parts]
        found += [OutlineEntry("error", id, at) for id, at, message in self._errors if message is None]
        compactions = "SELECT id, created_at FROM compaction_events WHERE session_id = :id ORDER BY created_at, id"
        found += [OutlineEntry("compaction", id, at) for id, at in self._db.execute(compactions, self._id)]
        found += [OutlineEntry("conversation", id, at) for id, at, call in self._children if call is None]
        found.sort(key=lambda entry: entry.created_at or 0)
        return found

    def items(self) -> Iterator[Item]:
        """All items, a few in memory at a time."""
        entries = iter(self.outline)
        while some := list(islice(entries, _AT_ONCE)):
            yield from self.read(some)

    def read(self, entries: Sequence[OutlineEntry]) -> list[Item]:
        """The items of some entries, in their order; what is no longer there is left out."""
        found: dict[tuple[str, str], Item] = {}
        for kind, read in (
            ("message", self._messages),
            ("tool", self._calls),
            ("error", self._failures),
            ("compaction", self._compactions),
            ("conversation", self._conversations),
        ):
            found |= {(kind, id): row for id, row in read([one.id for one in entries if one.kind == kind]).items()}
        return [found[entry.kind, entry.id] for entry in entries if (entry.kind, entry.id) in found]

    @property
    def _id(self) -> dict[str, str]:
        return {"id": self.session.id}

    def _messages(self, ids: list[str]) -> dict[str, Message]:
        """Messages with their parts, calls and errors: calls where they were made, those without a part at the end."""
        messages = {row.id: row for row, _ in self._of(Message, "messages", ids)}
        parts = list(self._of(Part, "parts", ids, "message_id", also="message_id", order="seq, created_at, id"))
        for part, _ in parts:
            part.data = _decoded(part.data)
        theirs = dict(self._db.execute(_CALLS_OF_MESSAGES, _listed(ids)))
        calls = self._calls([*theirs, *(call for part, _ in parts if (call := _call(part)) not in theirs)])
        placed = set()
        for part, message in parts:
            call = _call(part)
            placed.add(call)
            messages[message].parts.append(calls.get(call, part))
        for id, message in theirs.items():
            if id in calls and id not in placed and id not in self._calls_in_parts:
                messages[message].parts.append(calls[id])
        errors = {error: message for error, _, message in self._errors if message in messages}
        for id, failure in self._failures(list(errors)).items():
            messages[errors[id]].errors.append(failure)
        return messages

    def _failures(self, ids: list[str]) -> dict[str, Failure]:
        return {row.id: row for row, _ in self._of(Failure, "session_errors", ids)}

    def _compactions(self, ids: list[str]) -> dict[str, Compaction]:
        return {row.id: row for row, _ in self._of(Compaction, "compaction_events", ids)}

    def _calls(self, ids: list[str]) -> dict[str, ToolCall]:
        """Calls of this session, with the subagents that they began."""
        found = {}
        for tool, session in self._of(ToolCall, "tools", ids, also="session_id"):
            if session == self.session.id:
                tool.tool_input = _decoded(tool.tool_input)
                found[tool.id] = tool
        inner = self._conversations([child for child, _, call in self._children if call in found])
        for child, _, call in self._children:
            if child in inner and call is not None:
                found[call].subagents.append(inner[child])
        return found

    def _conversations(self, ids: list[str]) -> dict[str, Conversation]:
        if self._inner:
            return {id: _conversation(self._db, id, self._within) for id in ids}
        return {row.id: Conversation(session=row) for row, _ in self._of(Session, "sessions", ids)}

    @cached_property
    def _errors(self) -> list[tuple[str, int | None, str | None]]:
        """The errors, and the messages of this session in which they stand."""
        return self._db.execute(_ERRORS, self._id).fetchall()

    @cached_property
    def _calls_in_parts(self) -> set[str]:
        """The ids of the calls that parts of messages stand for. Asked for only where a call has none beside it."""
        parts = self._db.execute(_PARTS_OF_SESSION, self._id)
        return {_call_id(id, type, _decoded(data)) for id, type, data in parts}

    @cached_property
    def _children(self) -> list[tuple[str, int | None, str | None]]:
        """The subagents: id, when each began, and the call that began it, where that is known."""
        if len(self._within) > _DEPTH:
            return []
        found = self._db.execute(_CHILDREN, self._id).fetchall()
        found = [one for one in found if one[0] not in self._within]  # a damaged log may make it its own grandparent
        calls = self._named_in_results([child for child, _, call in found if call is None])
        return [(child, at, call or calls.get(child)) for child, at, call in found]

    def _named_in_results(self, children: list[str]) -> dict[str, str]:
        """The first call in whose result each subagent stands: there the client names it to the model."""
        by_word: dict[str, list[str]] = {}
        for child in children:
            by_word.setdefault(max(_WORD.findall(child), key=len, default=child), []).append(child)
        found: dict[str, str] = {}
        if not children:
            return found
        for call, output in self._db.execute(_RESULTS, self._id):
            for word in by_word.keys() & set(_WORD.findall(output)):
                for child in by_word[word]:
                    if child in output:
                        found.setdefault(child, call)
        return found

    def _of(
        self,
        kind: type[_Row],
        table: str,
        ids: list[str],
        column: str = "id",
        *,
        also: str = "NULL",
        order: str = "created_at, id",
    ) -> Iterator[tuple[_Row, Any]]:
        """The rows of `table` with one of `ids` in `column`."""
        if not ids:
            return iter(())
        where = f"{column} IN {listed('ids')}"
        return _rows(self._db, kind, table, where, _listed(ids), also=also, order=order, longest=self._longest)


def message_of(db: Database, item: str) -> str | None:
    """The message in which a tool call or error stands; None where it stands in none."""
    for table in ("tools", "session_errors"):
        row = db.execute(f"SELECT message_id FROM {table} WHERE id = :id", {"id": item}).fetchone()
        if row:
            return None if row[0] is None else str(row[0])
    return None


def conversation(db: Database, id: str) -> Conversation:
    """The complete conversation of the session `id`.

    Raises:
        LookupError: there is no such session.
    """
    return _conversation(db, id, ())


def _conversation(db: Database, id: str, within: tuple[str, ...]) -> Conversation:
    reader = ConversationReader(db, id, within)
    return Conversation(session=reader.session, items=list(reader.items()))


def _listed(ids: list[str]) -> dict[str, str]:
    return {"ids": msgspec.json.encode(ids).decode()}


def _call(part: Part) -> str:
    return _call_id(part.id, part.type, part.data)


def _call_id(id: str, type: str | None, data: Any) -> str:
    """The id of the call that a part stands for: Claude Code's name it, OpenCode's are it."""
    named = data.get("id") if isinstance(data, dict) and type == "tool" else None
    return named if isinstance(named, str) else id


def _rows(
    db: Database,
    kind: type[_Row],
    table: str,
    where: str,
    parameters: dict[str, str],
    *,
    also: str = "NULL",
    order: str = "created_at, id",
    longest: int | None = None,
) -> Iterator[tuple[_Row, Any]]:
    """The rows of a table as structs whose fields are its columns, each with the column `also`."""
    columns = [name for name in kind.__struct_fields__ if name not in _NOT_COLUMNS]
    names = ", ".join(
        f'substr("{name}", 1, {longest})' if longest is not None and name in _TEXTS else f'"{name}"' for name in columns
    )
    for *values, more in db.execute(f"SELECT {names}, {also} FROM {table} WHERE {where} ORDER BY {order}", parameters):
        yield kind(**dict(zip(columns, values, strict=True))), more


def _sessions(db: Database, where: str, parameters: dict[str, str]) -> Iterator[Session]:
    """The rows of `sessions`, with how many of their calls failed."""
    for row, failed in _rows(db, Session, "sessions", where, parameters, also=_FAILED_CALLS):
        row.failed_calls = failed
        yield row


def _decoded(text: str | None) -> Any:
    """What the JSON in `text` means; the text itself where it is none."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
