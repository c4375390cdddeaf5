"""Texts as they are searched: of JSON the values, and scripts without spaces between words a character a word."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

TOKENIZER = "unicode61 remove_diacritics 2"  # FTS5's: letters and digits are words, in capitals or not

# Han, kana, hangul: to the tokenizer a whole clause is one word. Between its characters goes what nobody sees.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_GAP = "\u200b"


def spaced(text: str) -> str:
    """`text` for the tokenizer."""
    return text if text.isascii() else _UNSPACED.sub(rf"{_GAP}\g<0>{_GAP}", text)


def unspaced(text: str) -> str:
    """What `spaced` made of a text, for people."""
    return text.replace(_GAP, "")


def readable(text: str) -> str:
    r"""The texts and numbers in `text`, if that is JSON, a line each; else itself.

    As JSON a line break is `\n`, which would stick to the next word, and every call would be found by its keys.
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
