"""The one way Markdown is read: as GitHub's, without HTML, and with links only to where a click does no harm."""

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML, RendererProtocol
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_LINK = re.compile(r"https?://|mailto:", re.IGNORECASE)


def parser(renderer: Callable[[MarkdownIt], RendererProtocol] = RendererHTML) -> MarkdownIt:
    """A parser for what models write. HTML is text; what looks like a link to anything else than the web stays text."""
    made = MarkdownIt("commonmark", {"html": False}, renderer_cls=renderer).enable(["table", "strikethrough"])
    made.core.ruler.after("inline", "images_are_links", _link_images)
    made.validateLink = lambda url: bool(_LINK.match(url))  # type: ignore[method-assign]
    return made


def _link_images(state: StateCore) -> None:
    """An image lies elsewhere: a link to it, called as it is."""
    for token in state.tokens:
        if token.children and any(child.type == "image" for child in token.children):
            token.children = [one for child in token.children for one in _as_link(child)]


def _as_link(token: Token) -> list[Token]:
    if token.type != "image":
        return [token]
    href = token.attrs["src"]
    text = Token("text", "", 0, content=token.content or str(href))
    return [Token("link_open", "a", 1, attrs={"href": href}), text, Token("link_close", "a", -1)]
