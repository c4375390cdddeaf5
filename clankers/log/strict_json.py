"""Is this one JSON document? Answered without the `json` package, whose import costs a hook a third of its time.

CPython's own C scanner does the work (`json.scanner` uses the same); where it is missing, `json` steps in.
"""

from __future__ import annotations  # typing is a third of what a hook would import

try:
    from _json import encode_basestring_ascii
except ImportError:  # pragma: no cover (not CPython)
    from json.encoder import py_encode_basestring_ascii as encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_DEPTH = 200  # levels of nesting in one document; jq 1.6, an audit tool of ours, gives up at 256
_WHITESPACE = b" \t\r\n"  # RFC 8259, section 2
_BOM = b"\xef\xbb\xbf"


class NotJSONError(ValueError):
    """The bytes are not one JSON document; the message says why."""


def _no_constant(name: str) -> Any:
    raise NotJSONError(f"{name} is not a JSON number")


def scanner(constant: Callable[[str], Any]) -> Callable[[str, int], tuple[Any, int]]:
    """A function from a text and a place in it to the JSON value there and where it ends.

    Numbers stay text: nobody here computes, and they may be of any size. Without a value there it raises StopIteration.

    Args:
        constant: makes the value of NaN and the like, which are no JSON.
    """
    try:
        from _json import make_scanner
    except ImportError:
        from json.decoder import JSONDecoder

        return JSONDecoder(
            parse_float=str, parse_int=str, parse_constant=constant
        ).raw_decode  # pragma: no cover (not CPython)

    class Context:
        """What the C scanner asks its decoder for."""

        strict = True
        object_hook = None
        object_pairs_hook = None
        parse_float = str.encode
        parse_int = str.encode
        parse_constant = staticmethod(constant)
        memo: dict[str, str] = {}  # noqa: RUF012 (the C scanner clears it itself)

    context: Any = Context
    scan: Callable[[str, int], tuple[Any, int]] = make_scanner(context)
    return scan


_scan = scanner(_no_constant)


def trim(raw: bytes) -> bytes:
    """`raw` without the white space around the document and without a byte order mark."""
    return raw.removeprefix(_BOM).strip(_WHITESPACE)


def parse(raw: bytes) -> Any:
    """The value of the one JSON document in `raw`, which `trim` has seen. Numbers come as text.

    Raises:
        NotJSONError: not UTF-8, not JSON, more than one document, or nested deeper than `MAX_DEPTH`.
    """
    if not raw:
        raise NotJSONError("the input is empty")
    try:
        text = raw.decode()
    except UnicodeDecodeError as e:
        raise NotJSONError(f"not UTF-8: {e.reason} at byte {e.start}") from None
    try:
        value, end = _scan(text, 0)
    except NotJSONError:
        raise
    except RecursionError:
        raise NotJSONError(f"nested deeper than {MAX_DEPTH} levels") from None
    except (ValueError, StopIteration, SystemError):
        raise NotJSONError(_why(text)) from None
    if end != len(text):
        raise NotJSONError(f"more than one JSON document: the first ends at character {end}")
    if may_be_deep(raw) and _deeper_than(value, MAX_DEPTH):
        raise NotJSONError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def first_object(raw: bytes) -> tuple[bytes, dict[str, Any]] | None:
    """The JSON object that `raw` begins with, as bytes and value, whatever follows it; None if there is none."""
    try:
        text = raw.decode("utf-8", "surrogateescape")
        document = text[: _scan(text, 0)[1]].encode("utf-8", "surrogateescape")
        value = parse(document)
    except (ValueError, StopIteration, SystemError, RecursionError):
        return None
    return (document, value) if isinstance(value, dict) else None


def may_be_deep(raw: bytes) -> bool:
    """Whether the document in `raw` has brackets enough to be nested deeper than `MAX_DEPTH`."""
    # As `count` would tell, which looks at byte after byte and takes three times as long.
    return 2 * len(raw) - len(raw.replace(b"[", b"")) - len(raw.replace(b"{", b"")) > MAX_DEPTH


def _why(text: str) -> str:
    """The reason in words; the C scanner leaves them to this package, which is imported only now."""
    import json

    try:
        json.loads(text)
    except ValueError as e:
        return f"not JSON: {e}"
    return "not JSON"


def _deeper_than(value: Any, limit: int) -> bool:
    layer = [value]
    for _ in range(limit):
        below: list[Any] = []
        for v in layer:
            if isinstance(v, dict):
                below.extend(x for x in v.values() if isinstance(x, dict | list))
            elif isinstance(v, list):
                below.extend(x for x in v if isinstance(x, dict | list))
        if not below:
            return False
        layer = below
    return True


def quote(text: str) -> bytes:
    """`text` as a JSON string in ASCII."""
    quoted: str = encode_basestring_ascii(text)
    return quoted.encode("ascii")
