"""A session as a conversation."""

from dataclasses import dataclass

from clankers.queries.conversation import Conversation
from clankers.queries.conversation_reader import conversation
from clankers.web.page import Asked, NotFoundError, Page


@dataclass
class SessionData:
    """A session and what was said and done in it."""

    conversation: Conversation


def find(asked: Asked) -> SessionData:
    """The session that the path names.

    Raises:
        NotFoundError: there is none.
    """
    id = asked.place["id"]
    try:
        return SessionData(conversation(asked.db, id))
    except LookupError:
        raise NotFoundError(f"No session {id} is recorded. It may have been removed with `clankers forget`.") from None


PAGE = Page("/sessions/{id:path}", "session.html", find)
