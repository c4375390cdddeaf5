"""A conversation as one HTML file that needs nothing else: no script, no image, nothing from anywhere.

What was recorded is text, and stays text. Should something get through all the same, the page's own policy lets nothing
run, load or style but the one style sheet, which it names by its hash.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from html import escape
from importlib.resources import files
from itertools import chain
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.util import ClassNotFound

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
from clankers.render.commonmark import parser

_LIGHT, _DARK = "xcode", "github-dark"  # Pygments' styles
_HIGHLIGHTED = 50_000  # characters; longer code stays in one colour
_MARKDOWN = 200_000  # characters; a longer answer is shown as it is
_MARKS = {"ok": "✓", "failed": "✗", "open": "…"}


def html(found: Iterable[Conversation], count: int) -> Iterator[str]:
    """The parts of a page with these conversations, `count` of them; each is taken when it is its turn."""
    conversations = iter(found)
    first = next(conversations)
    sheet = style("conversation", "export")
    digest = b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = session_title(first.session.title) if count == 1 else labels.count(count, "session")
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>{sheet}</style>\n</head>\n<body>\n"
    )
    for one in chain([first], conversations):
        facts = _facts([*labels.facts(one.session, sessions_within(one)), clean(one.session.id)])
        yield f'<header>\n<h1 dir="auto">{escape(session_title(one.session.title))}</h1>\n{facts}\n</header>\n<main>\n'
        yield from _items(one)
        yield "</main>\n"
    yield "</body>\n</html>\n"


def conversation_html(found: Conversation) -> str:
    """The items of a conversation, for a page that has the style sheet `conversation`."""
    return "".join(_items(found))


def _facts(facts: Sequence[str]) -> str:
    return f'<ul class="facts">{"".join(f"<li>{escape(fact)}</li>" for fact in facts)}</ul>'


def _items(found: Conversation) -> Iterator[str]:
    above: tuple[str, list[str]] = "", []
    if not found.items:
        yield '<p class="nothing">No messages.</p>\n'
    for item in found.items:
        parts = "".join(_item(item))
        if parts and isinstance(item, Message):
            speaker, notes = who = labels.speaker(item), labels.notes(item)
            heading = _heading(item, speaker, notes) if who != above or item.role == "user" else ""
            above = who
            kind = "you" if speaker == "You" else "model" if item.role == "assistant" else "client"
            yield f'<article class="{kind}">\n{heading}{parts}</article>\n'
        else:
            yield parts


def _heading(message: Message, speaker: str, notes: list[str]) -> str:
    noted = f" <small>{', '.join(notes)}</small>" if notes else ""
    return f'<h2 class="who">{escape(speaker)} {_time(message.created_at)}{noted}</h2>\n'


def _time(ms: int | None) -> str:
    try:
        exact = "" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        exact = ""
    return f'<time datetime="{exact}">{escape(local_time(ms))}</time>' if exact else escape(local_time(ms))


def _item(item: Item) -> Iterator[str]:
    match item:
        case Message():
            for part in item.parts:
                yield from _tool(part) if isinstance(part, ToolCall) else _part(item, part)
            yield from map(_failure, item.errors)
        case ToolCall():
            yield from _tool(item)
        case Failure():
            yield _failure(item)
        case Compaction():
            yield f'<div class="compacted">{escape(labels.compacted(item))}</div>\n'
        case Conversation():
            yield from _subagent(item)


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
        yield f'<div class="answer" dir="auto">{_markdown().render(text)}</div>\n'
    else:
        yield _said(text) + "\n"


def _said(text: str) -> str:
    return f'<div class="said" dir="auto">{escape(text)}</div>'


def _tool(tool: ToolCall) -> Iterator[str]:
    outcome = labels.outcome(tool)
    about, ended = labels.about(tool), labels.ended(tool)
    yield (
        f'<details class="tool {outcome}"><summary><span class="mark">{_MARKS[outcome]}</span> '
        f"<b>{escape(clean(tool.tool_name or 'tool'))}</b>"
        + (f" <code>{escape(about)}</code>" if about else "")
        + (f' <span class="ended">{escape(ended)}</span>' if ended else "")
        + "</summary>\n"
    )
    for given in labels.given(tool, full=True):
        yield f'<div class="name">{escape(given.name)}</div>\n' if given.name else ""
        yield _code(given.text, given.language)
    if result := labels.result(tool):
        yield '<div class="name">result</div>\n'
        yield _code(result)
    yield "</details>\n"
    for inner in tool.subagents:
        yield from _subagent(inner)


def _subagent(inner: Conversation) -> Iterator[str]:
    yield f'<details class="subagent"><summary>⤷ <b dir="auto">{escape(labels.of_subagent(inner))}</b></summary>\n'
    yield _facts([*labels.sums(inner.session, sessions_within(inner)), clean(inner.session.id)]) + "\n"
    yield from _items(inner)
    yield "</details>\n"


def _failure(error: Failure) -> str:
    again = " again" if error.will_retry else ""
    return f'<div class="failure{again}">✗ {escape(labels.failure(error))}</div>\n'


def _code(text: str, language: str = "") -> str:
    kind = ' class="hl"' if language else ""
    return f"<pre><code{kind}>{_coloured(text, language)}</code></pre>\n"


def _coloured(text: str, language: str) -> str:
    """Code as HTML, coloured where its language, an alias or a file's name, is known."""
    if language and len(text) <= _HIGHLIGHTED:
        try:
            find: Any = get_lexer_for_filename if "." in language else get_lexer_by_name
            lexer = find(language.lower(), stripnl=False, ensurenl=False)
            return str(highlight(text, lexer, _formatter()))
        except ClassNotFound:
            pass
    return escape(text)


@cache
def _formatter() -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True)


@cache
def style(*names: str) -> str:
    """The colours of code, and the style sheets of these names."""
    folder = files("clankers").joinpath("assets", "style")
    sheets = "\n".join(folder.joinpath(f"{name}.css").read_text("utf-8") for name in names)
    light, dark = ("\n".join(_colours(name)) for name in (_LIGHT, _DARK))
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n{sheets}"


def _colours(name: str) -> list[str]:
    formatter: Any = HtmlFormatter(style=name)
    return list(formatter.get_token_style_defs(".hl"))


class _Renderer(RendererHTML):
    """Markdown as HTML without inline styles, which the page's policy forbids."""

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        if not tokens[idx].attrs.get("href"):  # leads nowhere
            tokens[idx].attrs = {}
        else:
            tokens[idx].attrSet("rel", "noopener noreferrer nofollow")
        return self.renderToken(tokens, idx, options, env)

    def table_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return '<div class="table">' + self.renderToken(tokens, idx, options, env)

    def table_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        return self.renderToken(tokens, idx, options, env) + "</div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        style = str(tokens[idx].attrs.pop("style", ""))
        if style:
            tokens[idx].attrSet("class", f"to-{style.rpartition(':')[2]}")
        return self.renderToken(tokens, idx, options, env)

    td_open = th_open

    def fence(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        language = tokens[idx].info.strip().split(maxsplit=1)
        return _code(tokens[idx].content.rstrip("\n"), language[0].strip(".") if language else "")


@cache
def _markdown() -> MarkdownIt:
    return parser(_Renderer)
