"""A session: the conversation, a window of it at a time, and what it came to."""

from __future__ import annotations

from functools import cached_property

from msgspec import Struct

from clankers import paths
from clankers.queries.commits import RecordedCommit
from clankers.queries.conversation import Item, Session
from clankers.queries.conversation_reader import ConversationReader, OutlineEntry, message_of
from clankers.queries.dialect import Database
from clankers.queries.failures import FailedCall, failed_calls
from clankers.queries.resume import resume_command
from clankers.queries.session_rows import TodoRow, todo_rows
from clankers.queries.timeline import EditedFile, Timeline, TimelineSpan, TimelineTurn, edited_files, timeline
from clankers.render import labels
from clankers.render.timeline_svg import timeline_svg
from clankers.web.conversation_page import LONGEST, ConversationPage
from clankers.web.links import call_url, session_url
from clankers.web.page import Asked, NotFoundError, Page

_WINDOW = 50  # items
_BEFORE = 3  # of them before the one that is asked for
_FAILURES = 100


class SessionData(Struct, kw_only=True, dict=True):
    """A session.

    Attributes:
        session: its row.
        subagents: how many are below it.
        items: of the conversation, from the position `start` on; texts are cut.
        start: from 0.
        count: items of the whole conversation.
        failures: failed calls, the last first, at most 100, each with the call that recovered it.
        resume: a line for a shell that resumes the session in its client; None where there is none.
    """

    session: Session
    subagents: int
    items: list[Item]
    start: int
    count: int
    timeline: Timeline
    failures: list[FailedCall]
    files: list[EditedFile]
    todos: list[TodoRow]
    commits: list[RecordedCommit]
    resume: str | None

    @property
    def html(self) -> str:
        """The items as HTML; what was recorded is escaped."""
        forms = ConversationPage(self.session.id, {turn.id: turn for turn in self.timeline.turns})
        return "".join(forms.items(self.items))

    @property
    def picture(self) -> str:
        """The timeline as SVG."""
        return timeline_svg(self.timeline, self._link)

    @cached_property
    def facts(self) -> list[str]:
        """What the session is, each in a few words."""
        return labels.facts(self.session, ())

    @property
    def end(self) -> int:
        """The position behind the last item."""
        return self.start + len(self.items)

    @property
    def earlier(self) -> int | None:
        """Where the window before begins; None: this is the first."""
        return max(self.start - _WINDOW, 0) if self.start else None

    @property
    def later(self) -> int | None:
        """Where the next window begins; None: this is the last."""
        return self.end if self.end < self.count else None

    def _link(self, one: TimelineTurn | TimelineSpan) -> str:
        if isinstance(one, TimelineSpan) and one.kind == "subagent":
            return session_url(one.id)
        return call_url(self.session.id, one.id)


def find(asked: Asked) -> SessionData:
    """The session that the path names, at the position `at` or around the item `item`.

    Raises:
        NotFoundError: there is none.
    """
    id = asked.place["id"]
    try:
        reader = ConversationReader(asked.db, id, longest=LONGEST, inner=False)
    except LookupError:
        raise NotFoundError(f"No session {id} is recorded. It may have been removed with `clankers forget`.") from None
    outline = reader.outline
    start = asked.number("at", 0, 0, max(len(outline) - 1, 0))
    if item := asked.one("item"):
        start = max(_position(asked.db, outline, item) - _BEFORE, 0)
    elif asked.one("at") == "last":
        start = max(len(outline) - _WINDOW, 0)
    resume = resume_command(asked.db, paths.data_root(), id)
    return SessionData(
        session=reader.session,
        subagents=len(reader.descendants),
        items=reader.read(outline[start : start + _WINDOW]),
        start=start,
        count=len(outline),
        timeline=timeline(asked.db, id),
        failures=failed_calls(asked.db, _FAILURES, session=id),
        files=edited_files(asked.db, id),
        todos=todo_rows(asked.db, id),
        commits=reader.commits,
        resume=resume.shell if resume else None,
    )


def _position(db: Database, outline: list[OutlineEntry], item: str) -> int:
    """Where the item with this id is: itself, or the message that it stands in; 0 where it is gone."""
    ids = {item, message_of(db, item)}
    return next((position for position, entry in enumerate(outline) if entry.id in ids), 0)


PAGE = Page(
    "/sessions/{id:path}",
    "session.html",
    find,
    parameters={
        "at": "The position in the conversation where to begin, from 0; `last` for its end.",
        "item": "Begin near the message, call or error with this id.",
    },
)
