"""The pages, in the order of the navigation; a file each. May import what `web` may."""

from clankers.web.page import Page
from clankers.web.pages import log, session, sessions

PAGES: tuple[Page, ...] = (sessions.PAGE, session.PAGE, log.PAGE)
