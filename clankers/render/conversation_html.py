"""The items of a conversation as HTML, for every page that has the style sheet `conversation`.

What was recorded is text, and stays text.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from clankers.formatting import clean, local_time
from clankers.queries.conversation import (
    Compaction,
    Conversation,
    Failure,
    Item,
    Message,
    Part,
    ToolCall,
    sessions_within,
)
from clankers.render import labels
from clankers.render.text_html import code, markdown_html

_MARKDOWN = 200_000  # characters; a longer answer is shown as it is
_MARKS = {"ok": "✓", "failed": "✗", "open": "…"}


class ConversationHtml:
    """Items as HTML. A page that shows more of them overrides the methods without an underscore."""

    def items(self, items: Iterable[Item]) -> Iterator[str]:
        """The items, in their order; a speaker is named where another one spoke before."""
        above: tuple[str, list[str]] = "", []
        is_empty = True
        for item in items:
            is_empty = False
            parts = "".join(self._item(item))
            if parts and isinstance(item, Message):
                speaker, notes = who = labels.speaker(item), labels.notes(item)
                heading = self._heading(item, speaker, notes) if who != above or item.role == "user" else ""
                above = who
                kind = "you" if speaker == "You" else "model" if item.role == "assistant" else "client"
                yield f'<article class="{kind}"{self.attributes(item)}>\n{heading}{parts}{self.more(item)}</article>\n'
            else:
                yield parts
        if is_empty:
            yield '<p class="nothing">No messages.</p>\n'

    def attributes(self, item: Message | ToolCall | Failure | Compaction) -> str:
        """Attributes of the item's element, each behind a space."""
        del item
        return ""

    def beside(self, message: Message) -> str:
        """HTML at the end of a message's heading."""
        del message
        return ""

    def more(self, item: Message | ToolCall) -> str:
        """HTML behind a message's parts, or at the end of a call."""
        del item
        return ""

    def subagents(self, tool: ToolCall) -> Iterator[str]:
        """The conversations that a call began."""
        for inner in tool.subagents:
            yield from self.subagent(inner)

    def subagent(self, inner: Conversation) -> Iterator[str]:
        """A conversation within."""
        yield f'<details class="subagent"><summary>⤷ <b dir="auto">{escape(labels.of_subagent(inner))}</b></summary>\n'
        yield facts_html([*labels.sums(inner.session, sessions_within(inner)), clean(inner.session.id)]) + "\n"
        yield from self.items(inner.items)
        yield "</details>\n"

    def _heading(self, message: Message, speaker: str, notes: list[str]) -> str:
        noted = f" <small>{', '.join(notes)}</small>" if notes else ""
        return f'<h2 class="who">{escape(speaker)} {_time(message.created_at)}{noted}{self.beside(message)}</h2>\n'

    def _item(self, item: Item) -> Iterator[str]:
        match item:
            case Message():
                for part in item.parts:
                    yield from self._tool(part) if isinstance(part, ToolCall) else _part(item, part)
                for error in item.errors:
                    yield self._failure(error)
            case ToolCall():
                yield from self._tool(item)
            case Failure():
                yield self._failure(item)
            case Compaction():
                yield f'<div class="compacted"{self.attributes(item)}>{escape(labels.compacted(item))}</div>\n'
            case Conversation():
                yield from self.subagent(item)

    def _tool(self, tool: ToolCall) -> Iterator[str]:
        outcome = labels.outcome(tool)
        about, ended = labels.about(tool), labels.ended(tool)
        yield (
            f'<details class="tool {outcome}"{self.attributes(tool)}>'
            f'<summary><span class="mark">{_MARKS[outcome]}</span> <b>{escape(clean(tool.tool_name or "tool"))}</b>'
            + (f" <code>{escape(about)}</code>" if about else "")
            + (f' <span class="ended">{escape(ended)}</span>' if ended else "")
            + "</summary>\n"
        )
        for given in labels.given(tool, full=True):
            yield f'<div class="name">{escape(given.name)}</div>\n' if given.name else ""
            yield code(given.text, given.language)
        if result := labels.result(tool):
            yield '<div class="name">result</div>\n'
            yield code(result)
        yield f"{self.more(tool)}</details>\n"
        yield from self.subagents(tool)

    def _failure(self, error: Failure) -> str:
        again = " again" if error.will_retry else ""
        return f'<div class="failure{again}"{self.attributes(error)}>✗ {escape(labels.failure(error))}</div>\n'


def facts_html(facts: Sequence[str]) -> str:
    """Facts in a row, each in a few words."""
    return f'<ul class="facts">{"".join(f"<li>{escape(fact)}</li>" for fact in facts)}</ul>'


def _time(ms: int | None) -> str:
    try:
        exact = "" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        exact = ""
    return f'<time datetime="{exact}">{escape(local_time(ms))}</time>' if exact else escape(local_time(ms))


def _part(message: Message, part: Part) -> Iterator[str]:
    text = labels.said(part)
    if not text or labels.repeated_by_error(message, text):
        return
    if labels.is_taken_back(message, part):
        yield f"<p><small>({labels.TAKEN_BACK})</small></p>\n"
    if part.type == "reasoning":
        yield f'<details class="thinking"><summary>Thinking</summary>{_said(text)}</details>\n'
    elif message.synthetic or part.synthetic:
        yield f'<details class="made-up"><summary>Added by the client</summary>{_said(text)}</details>\n'
    elif message.role == "assistant" and part.type == "text" and len(text) <= _MARKDOWN:
        yield f'<div class="answer" dir="auto">{markdown_html(text)}</div>\n'
    else:
        yield _said(text) + "\n"


def _said(text: str) -> str:
    return f'<div class="said" dir="auto">{escape(text)}</div>'
