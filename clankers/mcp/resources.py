"""Resources: a session as Markdown, and the documentation of the tables."""

from importlib.resources import files
from typing import NamedTuple

from clankers.mcp.paging import ToolError
from clankers.mcp.recorded import NOTICE, timestamp
from clankers.mcp.scope import FilterInput
from clankers.mcp.tool import Lookup
from clankers.queries.conversation import Conversation, Message, ToolCall
from clankers.queries.conversation_reader import conversation
from clankers.queries.sessions import list_sessions
from clankers.render.markdown import markdown
from clankers.render.redact import Masks

TABLES = "clankers://tables"
SESSION = "clankers://session/"
TEMPLATE = SESSION + "{id}"
MARKDOWN = "text/markdown"

_LISTED = 20  # sessions
_LONGEST = 400_000  # characters of a session


class ListedResource(NamedTuple):
    """A resource that can be read."""

    uri: str
    name: str
    description: str


def listed(lookup: Lookup) -> list[ListedResource]:
    """The tables' documentation, and the sessions that were active last."""
    found = [ListedResource(TABLES, "tables", "What the tables of the database mean.")]
    sessions = list_sessions(lookup.db, _LISTED, lookup.filters(FilterInput()))
    for one in lookup.outermost(sessions)[:_LISTED]:
        title = lookup.recorded.short(one.title) or "Untitled session"
        found.append(ListedResource(SESSION + one.id, title, f"{one.source}, {timestamp(one.last_active)}"))
    return found


def text(lookup: Lookup, uri: str) -> str:
    """The Markdown of the resource `uri`.

    Raises:
        ToolError: there is none in the scope.
    """
    if uri == TABLES:
        return files("clankers").joinpath("docs", "tables.md").read_text("utf-8")
    if not uri.startswith(SESSION):
        raise ToolError(f"there is no resource {uri!r}; there are {TABLES} and {TEMPLATE}")
    whole = conversation(lookup.db, lookup.session(uri.removeprefix(SESSION)))
    found = Masks().conversation(_within(lookup, whole))
    blocks, size = [f"> {NOTICE}"], 0
    for block in markdown(found):
        safe = lookup.recorded.text(block)
        size += len(safe)
        if size > _LONGEST:
            blocks.append("*The session goes on; the tool read_session reads all of it.*")
            break
        blocks.append(safe)
    return "\n\n".join(blocks)


def _within(lookup: Lookup, one: Conversation) -> Conversation:
    """`one` without its subagents outside the scope, and what is within those."""

    def kept(inner: Conversation) -> bool:
        return _within(lookup, inner).session.id in lookup.in_scope

    one.items = [item for item in one.items if not isinstance(item, Conversation) or kept(item)]
    for item in one.items:
        for call in item.parts if isinstance(item, Message) else [item]:
            if isinstance(call, ToolCall):
                call.subagents = [inner for inner in call.subagents if kept(inner)]
    return one
