"""Takes a JSON object or list apart without changing the bytes of what is in it, and elides members.

Imported only when there is something to take apart, and then by hooks, too: so without `json` and `re`.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from hashlib import sha256

from clankers.log import strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_scan = strict_json.scanner(str)  # a constant that is no JSON concerns the value that it is in
_SHORT = 100  # bytes: an elision is as long
_SPACE = " \t\r\n"


def elided(raw: bytes, name: str) -> bytes:
    """The JSON object in `raw`, with every member `name` replaced by its elision.

    Raises:
        ValueError: it is no object.
    """
    return joined([(one, elision(value) if one == name else value) for one, value in items(raw, "{}")])


def elided_at(raw: bytes, paths: Collection[tuple[str, ...]]) -> bytes:
    """The JSON object in `raw`, with the values at these paths of members replaced by their elisions.

    Raises:
        ValueError: it is no object.
    """
    found = []
    for name, value in items(raw, "{}"):
        below = [path[1:] for path in paths if path[0] == name]
        if () in below and len(value) > _SHORT:
            found.append((name, elision(value)))
        elif below and value.startswith(b"{"):
            found.append((name, elided_at(value, [path for path in below if path])))
        else:
            found.append((name, value))
    return joined(found)


def elision(raw: bytes) -> bytes:
    """What stands for the value `raw` that is left out."""
    return b'{"elided":%d,"sha256":"%s"}' % (len(raw), sha256(raw).hexdigest().encode())


def joined(members: list[tuple[str, bytes]]) -> bytes:
    """The JSON object with these members."""
    return b"{%s}" % b",".join(strict_json.quote(name) + b":" + raw for name, raw in members)


def items(raw: bytes, brackets: str) -> list[tuple[str, bytes]]:
    """The elements of the JSON list in `raw`, or the members of the object, each with its name and bytes.

    What is wrong within one of them concerns that one: bytes that are not UTF-8, half of a character.

    Raises:
        ValueError: it is none.
    """
    text = raw.decode("utf-8", "surrogateescape")
    begin, end = brackets[0], brackets[1]

    def skip(at: int) -> int:
        while at < len(text) and text[at] in _SPACE:
            at += 1
        return at

    def scan(at: int) -> tuple[object, int]:
        try:
            return _scan(text, at)
        except StopIteration:
            raise ValueError(f"no value at character {at}") from None

    if not text.startswith(begin):
        raise ValueError(f"it does not begin with {begin}")
    items: list[tuple[str, bytes]] = []
    at = skip(1)
    while not text.startswith(end, at):
        name: object = ""
        try:
            if begin == "{":
                name, at = scan(at)
                at = skip(skip(at) + 1)
            start = at
            _, at = scan(at)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        items.append((str(name), text[start:at].encode("utf-8", "surrogateescape")))
        at = skip(at)
        if text.startswith(",", at):
            at = skip(at + 1)
        elif not text.startswith(end, at):
            raise ValueError(f"neither a comma nor {end} at character {at}")
    if skip(at + 1) != len(text):
        raise ValueError(f"more than one JSON document: the first ends at character {at + 1}")
    return items
