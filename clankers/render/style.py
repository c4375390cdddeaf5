"""The style sheets of pages, with the colours of code in light and dark."""

from functools import cache
from importlib.resources import files
from typing import Any

from pygments.formatters.html import HtmlFormatter

_LIGHT, _DARK = "xcode", "github-dark"  # Pygments' styles


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
