"""A conversation as Markdown: readable as it is, and folded where GitHub and its like show it."""

import re
from collections.abc import Iterator
from functools import cache
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token

from clankers.formatting import clean, local_time, session_title
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

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
_FENCE = re.compile(r"`{3,}")
# What begins a tag, but for <https://...>.
_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!https?:|mailto:)")
# Code, blocks and spans of it, in which nothing begins one.
_CODE = re.compile(
    r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n(?s:.*?)(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?<!`)(?P<ticks>`+)(?!`)[^\n]+?(?<!`)(?P=ticks)(?!`)",
    re.MULTILINE,
)
_LANGUAGE = re.compile(r"[\w+-]+")


def markdown(found: Conversation) -> Iterator[str]:
    """The blocks of a document; an empty line belongs between two of them."""
    session = found.session
    yield f"# {_text(session_title(session.title))}"
    yield "\n".join(
        f"- {_text(fact)}" for fact in [*labels.facts(found.session, sessions_within(found)), clean(session.id)]
    )
    yield from _items(found, level=2)


def _items(found: Conversation, level: int) -> Iterator[str]:
    above: tuple[str, list[str]] = "", []
    for item in found.items:
        blocks = list(_item(item, level))
        if blocks and isinstance(item, Message):
            speaker, notes = heading = labels.speaker(item), labels.notes(item)
            if heading != above or item.role == "user":
                yield f"{'#' * level} {_text(', '.join([f'{speaker} · {local_time(item.created_at)}', *notes]))}"
            above = heading
        yield from blocks


def _item(item: Item, level: int) -> Iterator[str]:
    match item:
        case Message():
            for part in item.parts:
                yield from _tool(part, level) if isinstance(part, ToolCall) else _part(item, part)
            yield from map(_failure, item.errors)
        case ToolCall():
            yield from _tool(item, level)
        case Failure():
            yield _failure(item)
        case Compaction():
            yield f"---\n\n*{_text(labels.compacted(item))}*"
        case Conversation():
            yield from _subagent(item, level)


def _part(message: Message, part: Part) -> Iterator[str]:
    text = labels.said(part)
    if not text or labels.repeated_by_error(message, text):
        return
    if labels.is_taken_back(message, part):
        yield f"*({labels.TAKEN_BACK})*"
    if part.type == "reasoning":
        yield from _folded("Thinking", _quoted(text))
    elif message.synthetic or part.synthetic:
        yield from _folded("Added by the client", _fenced(text))
    elif message.role == "assistant" and part.type == "text":
        yield _answer(text)  # is Markdown
    else:
        yield _quoted(text)


def _tool(tool: ToolCall, level: int) -> Iterator[str]:
    mark = {"ok": "✓", "failed": "✗", "open": "…"}[labels.outcome(tool)]
    head = " · ".join(one for one in (clean(tool.tool_name or "tool"), labels.about(tool), labels.ended(tool)) if one)
    yield f"<details><summary>{mark} {escape(head)}</summary>"
    for given in labels.given(tool, full=True):
        if given.name:
            yield f"{_text(given.name)}:"
        yield _fenced(given.text, given.language)
    if result := labels.result(tool):
        yield _fenced(result)
    yield "</details>"
    for inner in tool.subagents:
        yield from _subagent(inner, level)


def _subagent(inner: Conversation, level: int) -> Iterator[str]:
    yield f"<details><summary>⤷ {escape(labels.of_subagent(inner))}</summary>"
    yield "\n".join(
        f"- {_text(fact)}" for fact in [*labels.sums(inner.session, sessions_within(inner)), clean(inner.session.id)]
    )
    yield from _items(inner, min(level + 1, 6))
    yield "</details>"


def _answer(text: str) -> str:
    """An answer's Markdown, in which what would be HTML is text, and that ends where it ends."""
    safe, end = "", 0
    for code in _CODE.finditer(text):
        safe += _TAG.sub("&lt;", text[end : code.start()]) + code[0]
        end = code.end()
    safe += _TAG.sub("&lt;", text[end:])
    tokens = _tokens(safe)
    if any(one.type.startswith("html_") for token in tokens for one in (token, *(token.children or ()))):
        safe = _TAG.sub("&lt;", text)  # what looked like code was none
        tokens = _tokens(safe)
    return f"{safe}\n{tokens[-1].markup}" if tokens[-1].type == "fence" else safe


def _tokens(text: str) -> list[Token]:
    """Of the text and what follows it."""
    return _commonmark().parse(f"{text}\n\nend")


@cache
def _commonmark() -> MarkdownIt:
    return MarkdownIt("commonmark")


def _failure(error: Failure) -> str:
    return _quoted(f"✗ {labels.failure(error)}")


def _folded(summary: str, text: str) -> Iterator[str]:
    yield f"<details><summary>{summary}</summary>"
    yield text
    yield "</details>"


def _text(text: str) -> str:
    r"""`text` in one line that means itself: `a\*b`."""
    return _SPECIAL.sub(r"\\\1", text)


def _quoted(text: str) -> str:
    """Somebody's words that are no Markdown, line by line."""
    return "\n".join(f"> {_text(line)}  ".rstrip() if not line else f"> {_text(line)}  " for line in text.split("\n"))


def _fenced(text: str, language: str = "") -> str:
    """Code, between more backticks than stand in it."""
    longest = max(map(len, _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    name = language.rsplit(".", 1)[-1] if language else ""
    return f"{fence}{name if _LANGUAGE.fullmatch(name) else ''}\n{text}\n{fence}"
