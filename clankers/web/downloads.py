"""A session as a file, and the complete output of a call as text."""

from collections.abc import Iterator

import apsw

from clankers.queries.conversation_reader import conversation
from clankers.queries.session_rows import call_row
from clankers.render.html import html
from clankers.render.markdown import markdown
from clankers.render.redact import Masks
from clankers.web.page import NotFoundError

TYPES = {"md": "text/markdown", "html": "text/html"}


def export(db: apsw.Connection, id: str, form: str) -> Iterator[str]:
    """The parts of a file with the session `id` and its subagents; credentials are masked.

    Args:
        db: the database.
        id: of the session.
        form: one of `TYPES`.

    Raises:
        NotFoundError: there is no such session.
    """
    try:
        found = Masks().conversation(conversation(db, id))
    except LookupError:
        raise NotFoundError(f"No session {id} is recorded.") from None
    return html([found], 1) if form == "html" else (f"{block}\n\n" for block in markdown(found))


def output(db: apsw.Connection, id: str) -> str:
    """The complete input, output and error of the tool call `id`.

    Raises:
        NotFoundError: there is no such call.
    """
    call = call_row(db, id)
    if call is None:
        raise NotFoundError(f"No call {id} is recorded.")
    return "\n\n".join(text for text in (call.tool_input, call.error_message, call.tool_output) if text)
