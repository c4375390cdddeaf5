"""The pages, in the order of the navigation; a file each. May import what `web` may."""

from clankers.web.page import Page
from clankers.web.pages import ask, errors, files, health, log, models, overview, search, session, sessions, tools

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    sessions.PAGE,
    session.PAGE,
    search.PAGE,
    tools.PAGE,
    files.FILE,
    files.PAGE,
    errors.PAGE,
    models.PAGE,
    ask.PAGE,
    health.PAGE,
    log.PAGE,
)
