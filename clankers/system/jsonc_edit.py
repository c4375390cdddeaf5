"""JSON with comments as a text to edit: every byte that is not asked to change stays as it is.

Read are JSON, `//` and `/* */` comments and a comma behind the last item; nothing else that other dialects allow.

Deleting an item is the exact inverse of inserting it. It is put right behind the token before it, so that all the
whitespace between the two came with it, and goes with it. A comma that had to be added is the one before the item;
where there was one behind the last item already, the new item has one behind it too. One case cannot be reversed: text
of nothing but whitespace counts as an empty object and is replaced by one; deleting leaves `{` and `}` on two lines.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from clankers.errors import ClankersError

MAX_DEPTH = 200  # objects and arrays within each other
_BOM = "\ufeff"
_NEWLINE = re.compile(r"\r\n|\n|\r")
_SPACE = re.compile(r"[ \t\r\n]+")
_COMMENT = re.compile(r"[ \t\r\n]*(?:(//)[^\r\n]*|/\*(?s:.*?)\*/)")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+(")?')
_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_MARGIN = re.compile(r"[ \t]*")
_LINE_END = re.compile(r"[ \t]*[\r\n]")
_INDENTED_KEY = re.compile(r'[\r\n]([ \t]+)"(?:[^"\\\r\n]|\\.)*+"[ \t]*:')


class JSONCError(ClankersError):
    """The text is not what it has to be, at one place.

    Attributes:
        line: counted from 1.
        column: in characters, counted from 1; a byte order mark does not count.
    """

    def __init__(self, text: str, offset: int, problem: str) -> None:
        """`problem` in plain words, at `offset` in `text`."""
        lines = _NEWLINE.split(text[:offset].removeprefix(_BOM))
        self.line = len(lines)
        self.column = len(lines[-1]) + 1
        super().__init__(f"line {self.line}, column {self.column}: {problem}")


class Value(NamedTuple):
    """A JSON value and where it stands.

    Attributes:
        start: offset of its first character.
        end: offset behind its last one; `start` where the text is nothing but whitespace.
        plain: what Python's json makes of it; of a key that stands twice, the last counts.
        items: what an object or an array holds.
        tail: of an object or an array: offset behind the last token (bracket, item, comma, comment) before its end.
    """

    start: int
    end: int
    plain: Any
    items: "tuple[Item, ...]" = ()
    tail: int = 0


class Item(NamedTuple):
    """A member of an object or an element of an array.

    Attributes:
        key: None in an array.
        value: the value alone.
        start: offset of the key, or of the value where there is none.
        gap: offset behind the token before: whitespace from there to `start`.
        after_line_comment: that token is a `//` comment.
        comma_before: offset of the comma before; None for the first item.
        comma: offset of the comma behind; None where there is none.
    """

    key: str | None
    value: Value
    start: int
    gap: int
    after_line_comment: bool
    comma_before: int | None
    comma: int | None


def parse(text: str) -> Value:
    """The document in `text`.

    Raises:
        JSONCError: it is malformed, or nested deeper than MAX_DEPTH.
    """
    return _Parser(text).document()


def insert_member(text: str, target: Value, key: str, value: object, levels: int = 0) -> str:
    """`text` with `key` as the last member of the object `target`, which was parsed from it.

    Args:
        text: the document.
        target: the object; also what `parse` returned for text of nothing but whitespace.
        key: not in the object yet.
        value: whatever Python's json can write.
        levels: how many outer levels of `value` have each item on a line of its own; the rest is on one line.
    """
    return _insert(text, target, f"{json.dumps(key)}: ", value, levels)


def append_element(text: str, target: Value, value: object, levels: int = 0) -> str:
    """`text` with `value` as the last element of the array `target`; else as `insert_member`."""
    return _insert(text, target, "", value, levels)


def delete(text: str, item: Item) -> str:
    """`text` without `item`, which was parsed from it; comments around it stay."""
    stop = item.value.end
    if item.comma is not None:
        if text[stop : item.comma].strip():  # a comment
            text = text[: item.comma] + text[item.comma + 1 :]
        else:
            stop = item.comma + 1
    # What follows on the line must not become part of the comment before it.
    start = item.start if item.after_line_comment and not _LINE_END.match(text, stop) else item.gap
    text = text[:start] + text[stop:]
    if item.comma is None and item.comma_before is not None:
        text = text[: item.comma_before] + text[item.comma_before + 1 :]
    return text


def _insert(text: str, target: Value, head: str, value: object, levels: int) -> str:
    first_newline = _NEWLINE.search(text)
    newline = "\r\n" if first_newline and first_newline[0] == "\r\n" else "\n"
    if target.start == target.end:
        text = f"{_BOM if text.startswith(_BOM) else ''}{{{newline}}}{newline}"
        target = parse(text)
    indented = _INDENTED_KEY.search(text)
    unit = indented[1] if indented else "  "
    last = target.items[-1] if target.items else None
    if _on_lines(text, target):
        margin = _margin(text, target.start) + unit
        if last and not (lead := text[_line_start(text, last.start) : last.start]).strip():
            margin = lead
        gap = newline + margin
    else:
        margin = _margin(text, target.tail)
        gap = "" if target.tail == target.start + 1 else " "
    comma = "," if last and last.comma is not None else ""
    written = gap + head + _written(value, levels, newline + margin, unit) + comma
    text = text[: target.tail] + written + text[target.tail :]
    if last and not comma:
        text = text[: last.value.end] + "," + text[last.value.end :]
    return text


def _on_lines(text: str, target: Value) -> bool:
    """Whether the items of `target` have lines of their own.

    Behind a `//` comment there is a newline before the end, so an item on a line of its own never lands in the comment.
    """
    first = target.items[0].start if target.items else target.end
    return bool(_NEWLINE.search(text, target.start, first) or _NEWLINE.search(text, target.tail, target.end))


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _margin(text: str, offset: int) -> str:
    """The whitespace that the line at `offset` begins with."""
    m = _MARGIN.match(text, _line_start(text, offset))
    return m[0] if m else ""


def _written(value: object, levels: int, newline: str, unit: str) -> str:
    """`value` as JSON; `newline` starts a line at the margin of the line that it begins on."""
    inner = newline + unit
    if levels and value and isinstance(value, Mapping):
        rows = [f"{json.dumps(key)}: {_written(one, levels - 1, inner, unit)}" for key, one in value.items()]
        return "{" + inner + f",{inner}".join(rows) + newline + "}"
    if levels and value and isinstance(value, list):
        rows = [_written(one, levels - 1, inner, unit) for one in value]
        return "[" + inner + f",{inner}".join(rows) + newline + "]"
    return json.dumps(value)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def document(self) -> Value:
        self.at = len(_BOM) if self.text.startswith(_BOM) else 0
        start = self.at
        self.space()
        if self.at == len(self.text) and not self.text[start:].strip():
            return Value(start, start, {})
        value = self.value(0)
        self.space()
        if self.at < len(self.text):
            raise self.wrong("expected nothing more")
        return value

    def wrong(self, problem: str) -> JSONCError:
        return JSONCError(self.text, self.at, problem)

    def space(self) -> tuple[int, bool]:
        """Skips whitespace and comments: where the last token before ended, and whether that is a `//` comment."""
        end = self.at
        line_comment = False
        while m := _COMMENT.match(self.text, self.at):
            self.at = end = m.end()
            line_comment = m[1] is not None
        if m := _SPACE.match(self.text, self.at):
            self.at = m.end()
        if self.text.startswith("/*", self.at):
            raise self.wrong("the comment has no end")
        return end, line_comment

    def take(self, mark: str) -> bool:
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def value(self, depth: int) -> Value:
        start = self.at
        if self.text.startswith(("{", "["), start):
            return self.container(depth)
        if self.text.startswith('"', start):
            plain: Any = self.string()
        elif m := _SCALAR.match(self.text, start):
            self.at = m.end()
            try:
                plain = json.loads(m[0])
            except ValueError:  # an integer of more digits than Python likes to read
                plain = float(m[0])
        else:
            raise self.wrong("expected a value")
        return Value(start, self.at, plain)

    def string(self) -> str:
        start = self.at
        m = _STRING.match(self.text, start)
        if not m:
            raise self.wrong("expected a key in double quotes or '}'")
        self.at = m.end()
        if m[1]:
            plain: str = json.loads(m[0])
            return plain
        if self.text.startswith("\\", self.at):
            raise self.wrong("not an escape that JSON knows")
        if self.text[self.at : self.at + 1] in ("", "\r", "\n"):
            raise self.wrong("the string has no end")
        raise self.wrong("a control character in a string")

    def container(self, depth: int) -> Value:
        if depth == MAX_DEPTH:
            raise self.wrong(f"nested deeper than {MAX_DEPTH}")
        start = self.at
        is_object = self.text.startswith("{", start)
        end = "}" if is_object else "]"
        self.at += 1
        items: list[Item] = []
        comma: int | None = None
        while True:
            tail, line_comment = self.space()
            if self.take(end):
                break
            if items and comma is None:
                raise self.wrong(f"expected ',' or '{end}'")
            first = self.at
            key = self.key() if is_object else None
            value = self.value(depth + 1)
            comma_before = comma
            self.space()
            comma = self.at
            if not self.take(","):
                comma = None
                self.at = value.end  # the comments behind the last item are looked at again, for `tail`
            items.append(Item(key, value, first, tail, line_comment, comma_before, comma))
        plain = {item.key: item.value.plain for item in items} if is_object else [item.value.plain for item in items]
        return Value(start, self.at, plain, tuple(items), tail)

    def key(self) -> str:
        key = self.string()
        self.space()
        if not self.take(":"):
            raise self.wrong("expected ':'")
        self.space()
        return key
