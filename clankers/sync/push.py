"""Sends a server what it does not have yet: session by session, each in its order, several requests a session.

Only what is acknowledged is noted. After a kill the last request is sent again; a server that stores rows by their ids
then has each once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
from msgspec import Raw

from clankers.queries.changes import changes_after, database_id, last_batch, log_end, row_counts
from clankers.queries.dialect import Database
from clankers.sync.acknowledged import Acknowledged
from clankers.sync.encode import KINDS, EncodedRow, Encoder, Head
from clankers.sync.errors import RefusedError

_BODY = 1 << 20  # bytes of rows in a request, about; one row may be larger
_GONE = 1000  # rows that are no more, in a request
SESSIONS, TODOS = "sessions", "todos"  # kinds of what is sent complete for a session


class Sends(Protocol):
    """What takes a body to its server."""

    def send(self, body: bytes) -> None:
        """Come back once it is acknowledged.

        Raises:
            SendError: it is not.
        """


@dataclass
class Sent:
    """What was sent, counts of rows by kind.

    Attributes:
        sessions: of which something was sent.
        aside: rows that the server refused for good.
        bytes: of the bodies.
    """

    sessions: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    aside: int = 0
    requests: int = 0
    bytes: int = 0


@dataclass
class _Body:
    """What goes in one request.

    Attributes:
        digests: of the rows.
        gone: kind and id.
    """

    head: Head
    rows: list[EncodedRow] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
    size: int = 0
    messages: int = 0

    def add(self, row: EncodedRow, digest: bytes) -> None:
        self.rows.append(row)
        self.digests.append(digest)
        self.size += row.size
        self.messages += row.kind == "messages"

    def parts(self) -> Iterator["_Body"]:
        """The same in two requests."""
        half = len(self.rows) // 2
        first, second = _Body(self.head), _Body(self.head, gone=self.gone)
        for i, (row, digest) in enumerate(zip(self.rows, self.digests, strict=True)):
            (first if i < half else second).add(row, digest)
        yield first
        yield second

    def encode(self) -> bytes:
        """As `wire.Body`."""
        arrays: dict[str, list[Raw]] = {}
        edits: list[Raw] = []
        messages = {}
        for row in self.rows:
            if row.kind != TODOS:
                arrays.setdefault(row.kind, []).append(Raw(row.json))
            if row.kind == "tools" and row.more:
                edits += msgspec.json.decode(row.more, type=list[Raw])
            elif row.kind == "messages":
                messages[row.id] = Raw(row.more)
        session = dict(self.head.session)
        more = dict(session["metadata"]["clankers"])
        more |= {"messages": messages} if messages else {}
        more |= {"compactions": arrays["compactions"]} if "compactions" in arrays else {}
        if self.gone:
            more["gone"] = {}
            for kind, id in self.gone:
                more["gone"].setdefault(kind, []).append(id)
        session["metadata"] = {**session["metadata"], "clankers": more}
        body: dict[str, Any] = {"session": session}
        for name, kind in (("messages", "messages"), ("parts", "parts"), ("tool_executions", "tools")):
            if kind in arrays:
                body[name] = arrays[kind]
        todos = [row.json for row in self.rows if row.kind == TODOS]
        body |= {"todos": Raw(todos[-1])} if todos else {}
        body |= {"file_edits": edits} if edits else {}
        body |= {"vcs_info": self.head.vcs_info} if self.head.vcs_info else {}
        body |= {"project_info": self.head.project_info} if self.head.project_info else {}
        body |= {"errors": arrays["errors"]} if "errors" in arrays else {}
        return msgspec.json.encode(body)


class Push:
    """Brings a server up to date with a database.

    Args:
        db: open for reading.
        encoder: of the rows of `db`.
        known: what the server has acknowledged.
        sender: to it.
        batch_size: messages in a request, at most.
        step: called with how many more rows were sent.
        say: gets what SESSION_SYNC_DEBUG asks for, a line each.
    """

    def __init__(
        self,
        db: Database,
        encoder: Encoder,
        known: Acknowledged,
        sender: Sends,
        *,
        batch_size: int,
        step: Callable[[int], object] = int,
        say: Callable[[str], object] = str,
    ) -> None:
        self._db = db
        self._encoder = encoder
        self._known = known
        self._sender = sender
        self._batch_size = batch_size
        self._step = step
        self._say = say
        self.sent = Sent()

    def push(self, which: Callable[[str], bool] | None = None) -> bool:
        """Send what is pending, or of it the sessions `which` says; returns whether nothing is left.

        Raises:
            SendError: something was not acknowledged.
        """
        top, end = last_batch(self._db), log_end(self._db)  # in this order: a batch that comes between is sent twice
        left = False
        for session, batch in pending(self._db, self._known):
            if which is None or which(session):
                self._session(session)
                self._known.acknowledge_session(session, batch)
            else:
                left = True
        if not left and end:
            self._known.reach(top, end)
        return not left

    def _session(self, id: str) -> None:
        head = self._encoder.head(id)
        if head is None:  # taken out meanwhile
            return
        before = replace(self.sent, rows=dict(self.sent.rows))
        body = _Body(head)
        there = 0
        for row in self._encoder.rows(id):
            there += row.kind != TODOS
            digest = row.digest()
            sent = self._known.row(row.kind, row.id)
            if sent == (id, digest) or (sent is None and row.kind == TODOS and row.json == b"[]"):
                continue
            if body.rows and (
                body.size + row.size > _BODY or (row.kind == "messages" and body.messages == self._batch_size)
            ):
                self._send(id, body)
                body = _Body(head)
            body.add(row, digest)
        if body.rows:
            self._send(id, body)
        sent = self._known.row(SESSIONS, id)  # acknowledged with the last row, unless the server refused that one
        if sent is None or sent.digest != head.digest():
            self._send(id, _Body(head))
        if sum(n for kind, n in self._known.row_counts(id).items() if kind in KINDS) != there:
            self._send_gone(id, head)
        if self.sent.requests > before.requests:
            self.sent.sessions += 1
            counts = {kind: n - before.rows.get(kind, 0) for kind, n in self.sent.rows.items()}
            shown = ", ".join(f"{kind}: {n}" for kind, n in counts.items() if n)
            self._say(f"Synced session {id}: {{ {shown} }}")

    def _send_gone(self, id: str, head: Head) -> None:
        """Tell the server which rows are gone: what only hooks saw is replaced once the client's record has it."""
        gone = [one for one in self._known.rows(id, KINDS) if not self._encoder.has(*one, id)]
        for i in range(0, len(gone), _GONE):
            self._send(id, _Body(head, gone=gone[i : i + _GONE]))

    def _send(self, session: str, body: _Body) -> None:
        data = body.encode()
        self.sent.requests += 1
        self.sent.bytes += len(data)
        refused = None
        try:
            self._sender.send(data)
        except RefusedError as e:
            if len(body.rows) > 1:  # it is one of them: the others are not to wait for it
                for part in body.parts():
                    self._send(session, part)
                return
            refused = (e.status, str(e))
            self.sent.aside += len(body.rows) or 1
        rows = [(row.kind, row.id, digest) for row, digest in zip(body.rows, body.digests, strict=True)]
        if not refused or not rows:  # a refused row says nothing about the head, which is sent again alone
            rows.append((SESSIONS, session, body.head.digest()))
        self._known.acknowledge(session, rows, body.gone, refused=refused)
        if not refused:
            for row in body.rows:
                self.sent.rows[row.kind] = self.sent.rows.get(row.kind, 0) + 1
            self._step(len(body.rows))


def pending(db: Database, known: Acknowledged) -> Iterator[tuple[str, int]]:
    """The sessions of which the server may lack something, with the last batch that changed each; the oldest first."""
    for session, batch in changes_after(db, known.since(database_id(db))):
        if known.session_batch(session) < batch:
            yield session, batch


def count_pending(db: Database, known: Acknowledged) -> dict[str, int]:
    """How many sessions may have something new, and how many of their rows were never sent, by kind."""
    counts = {SESSIONS: 0, "messages": 0, "parts": 0, "tools": 0}
    for session, _ in pending(db, known):
        counts[SESSIONS] += 1
        sent = known.row_counts(session)
        for kind, stored in row_counts(db, session).items():
            counts[kind] += max(0, stored - sent.get(kind, 0))
    return counts
