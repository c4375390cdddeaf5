"""A conversation on its page: items have anchors, long texts are cut, subagents have pages of their own."""

from collections.abc import Iterator, Mapping
from html import escape
from urllib.parse import urlencode

from clankers.formatting import counted, short_cost, short_duration, short_number
from clankers.queries.conversation import Compaction, Conversation, Failure, Message, Part, ToolCall
from clankers.queries.timeline import TimelineTurn
from clankers.render import labels
from clankers.render.conversation_html import ConversationHtml, facts_html
from clankers.web.links import anchor, log_url, session_url, text_url

LONGEST = 16_000  # characters of a text on the page
_SUBAGENTS = 25  # of one call; the rest is on a page of its own


class ConversationPage(ConversationHtml):
    """The items of the session `session`.

    Args:
        session: its id.
        turns: by the ids of their prompts.
    """

    def __init__(self, session: str, turns: Mapping[str, TimelineTurn]) -> None:
        self._session = session
        self._turns = turns

    def attributes(self, item: Message | ToolCall | Failure | Compaction) -> str:
        """Its anchor."""
        return f' id="{escape(anchor(item.id))}"'

    def beside(self, message: Message) -> str:
        """What a turn came to, beside its prompt; the log's lines behind the message."""
        raw = f'<a class="raw" href="{escape(log_url(self._session, message.id))}">Log</a>'
        turn = self._turns.get(message.id)
        return f' <span class="turn">{escape(" · ".join(_sums(turn)))}</span>{raw}' if turn else raw

    def more(self, item: Message | ToolCall) -> str:
        """The log's lines behind a call; where a text was cut, the way to all of it."""
        links = [f'<a href="{escape(log_url(self._session, item.id))}">Log</a>'] if isinstance(item, ToolCall) else []
        if _is_cut(item):
            links.append(f'Cut here: <a href="{escape(text_url(item.id))}">show all of it</a>')
        return f'<p class="more">{" · ".join(links)}</p>\n' if links else ""

    def subagent(self, inner: Conversation) -> Iterator[str]:
        """What it came to, and the way to its page; a script shows the conversation here once it is unfolded."""
        session, url = inner.session, escape(session_url(inner.session.id))
        yield (
            f'<details class="subagent" id="{escape(anchor(session.id))}" data-load="{url}">'
            f'<summary>⤷ <b dir="auto">{escape(labels.of_subagent(inner))}</b></summary>\n'
            f"{facts_html(labels.sums(session, ()))}\n"
            f'<p class="more"><a href="{url}">On a page of its own</a></p></details>\n'
        )

    def subagents(self, tool: ToolCall) -> Iterator[str]:
        """The first of them; the way to the others."""
        for inner in tool.subagents[:_SUBAGENTS]:
            yield from self.subagent(inner)
        more = len(tool.subagents) - _SUBAGENTS
        if more > 0:
            there = f"/sessions?{urlencode({'parent': self._session})}"
            yield f'<p class="more"><a href="{escape(there)}">{counted(more, "more subagent")}</a></p>\n'


def _is_cut(item: Message | ToolCall) -> bool:
    """Whether a text of an item is as long as what is read of one."""
    if isinstance(item, ToolCall):
        texts = [item.tool_input, item.tool_output, item.error_message]
    else:
        texts = [part.text for part in item.parts if isinstance(part, Part)]
    return any(isinstance(text, str) and len(text) >= LONGEST for text in texts)


def _sums(turn: TimelineTurn) -> list[str]:
    said = [
        short_duration(turn.ended_at - turn.started_at),
        counted(turn.calls, "call") if turn.calls else "",
        f"{turn.failed} failed" if turn.failed else "",
        f"{short_number(turn.tokens)} tokens" if turn.tokens else "",
        short_cost(turn.cost, turn.cost_source),
    ]
    return [one for one in said if one]
