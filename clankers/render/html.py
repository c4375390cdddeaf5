"""A conversation as one HTML file that needs nothing else: no script, no image, nothing from anywhere.

What was recorded is text, and stays text. Should something get through all the same, the page's own policy lets nothing
run, load or style but the one style sheet, which it names by its hash.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from itertools import chain

from clankers.formatting import clean, session_title
from clankers.queries.conversation import Conversation, sessions_within
from clankers.render import labels
from clankers.render.conversation_html import ConversationHtml, facts_html
from clankers.render.style import style


def html(found: Iterable[Conversation], count: int) -> Iterator[str]:
    """The parts of a page with these conversations, `count` of them; each is taken when it is its turn."""
    conversations = iter(found)
    first = next(conversations)
    sheet = style("conversation", "export")
    digest = b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = session_title(first.session.title) if count == 1 else labels.count(count, "session")
    forms = ConversationHtml()
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{sheet}</style>\n</head>\n<body>\n"
    )
    for one in chain([first], conversations):
        facts = facts_html([*labels.facts(one.session, sessions_within(one)), clean(one.session.id)])
        yield f'<header>\n<h1 dir="auto">{escape(session_title(one.session.title))}</h1>\n{facts}\n</header>\n'
        yield '<main class="conversation">\n'
        yield from forms.items(one.items)
        yield "</main>\n"
    yield "</body>\n</html>\n"
