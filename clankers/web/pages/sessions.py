"""The list of sessions, the last active first."""

from dataclasses import dataclass

from clankers.queries.sessions import ListedSession, list_sessions
from clankers.web.page import Asked, Page

_AT_ONCE = 100  # sessions


@dataclass
class SessionsData:
    """The sessions of one page of the list."""

    sessions: list[ListedSession]


def find(asked: Asked) -> SessionsData:
    """The sessions that match."""
    return SessionsData([one for one in list_sessions(asked.db, _AT_ONCE, asked.filters) if not one.depth])


PAGE = Page("/sessions", "sessions.html", find, "Sessions", filtered=True)
