"""Texts as HTML: code in colours, and Markdown without inline styles, which the pages' policy forbids."""

from collections.abc import Sequence
from functools import cache, lru_cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import find_lexer_class_by_name, find_lexer_class_for_filename
from pygments.util import ClassNotFound

from clankers.render.commonmark import parser

_HIGHLIGHTED = 50_000  # characters; longer code stays in one colour


def code(text: str, language: str = "") -> str:
    """A block of code; `language` is a Pygments alias or a file's name, empty where it is not known."""
    kind = ' class="hl"' if language else ""
    return f'<pre tabindex="0"><code{kind}>{_coloured(text, language)}</code></pre>\n'


def _coloured(text: str, language: str) -> str:
    """Code as HTML, coloured where its language, an alias or a file's name, is known."""
    if language and len(text) <= _HIGHLIGHTED and (lexer := _lexer(language.lower())):
        return str(highlight(text, lexer(stripnl=False, ensurenl=False), _formatter()))
    return escape(text)


@lru_cache(256)  # a search matches each pattern of each lexer
def _lexer(language: str) -> Any:
    """The class of the lexer for an alias or a file's name; None: none is known."""
    if "." in language:
        return find_lexer_class_for_filename(language)
    try:
        return find_lexer_class_by_name(language)
    except ClassNotFound:
        return None


@cache
def _formatter() -> HtmlFormatter[str]:
    return HtmlFormatter(nowrap=True)


def markdown_html(text: str) -> str:
    """An answer, which models write as Markdown."""
    return str(_markdown().render(text))


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
        return code(tokens[idx].content.rstrip("\n"), language[0].strip(".") if language else "")


@cache
def _markdown() -> MarkdownIt:
    return parser(_Renderer)
