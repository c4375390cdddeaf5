"""A session as a file, and the complete text of a call or a message."""

from collections.abc import Iterator

import apsw

from clankers.queries.conversation_reader import conversation
from clankers.queries.session_rows import call_row, part_rows
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


def whole_text(db: apsw.Connection, id: str) -> str:
    """The complete input, error and output of the tool call `id`, or the complete text of the message.

    Raises:
        NotFoundError: there is neither.
    """
    if call := call_row(db, id):
        texts = [call.tool_input, call.error_message, call.tool_output]
    elif parts := part_rows(db, id):
        texts = [part.text for part in parts]
    else:
        raise NotFoundError(f"No call or message {id} is recorded.")
    return "\n\n".join(text for text in texts if text)
