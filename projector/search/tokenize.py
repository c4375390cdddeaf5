"""Texts as the index searches them: the values of JSON, and one word per character of scripts without spaces."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

TOKENIZER = "unicode61 remove_diacritics 2"  # FTS5's: words of letters and digits, case-insensitive

# Han, kana, hangul: the tokenizer takes a clause for one word. An invisible character separates its characters.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_GAP = "\u200b"


def spaced(text: str) -> str:
    """`text` with gaps between characters of such scripts, for the tokenizer."""
    return text if text.isascii() else _UNSPACED.sub(rf"{_GAP}\g<0>{_GAP}", text)


def unspaced(text: str) -> str:
    """The text without the gaps of `spaced`."""
    return text.replace(_GAP, "")


def readable(text: str) -> str:
    r"""The strings and numbers in `text`, one per line, if it is JSON; else `text`.

    In JSON a line break is `\n`, whose `n` would become part of the next word, and keys would match every call.
    """
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return text
    try:
        return "\n".join(_values(msgspec.json.decode(text)))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return text


def _values(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _values(one)
    elif isinstance(value, list):
        for one in value:
            yield from _values(one)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
