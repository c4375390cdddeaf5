r"""Finds credentials in text, and masks them with as many bytes. Never imported on the append path.

A text may be a line of the log, and may hold JSON within JSON: where a detector expects a space or a quote, it may have
`\n`, `\"`, `\\\"` or a terminal colour. So detectors search a view of the text, as long as the text, in which such
escapes are what they mean.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from detect_secrets.plugins.jwt import JwtTokenDetector

from clankers.secrets.patterns import SHAPES, Shape

_BEFORE, _AFTER = 128, 1024  # characters around a literal in which the patterns that are not anchored look
_LONGEST = 32_768  # characters of a credential
_ROUNDS = 20  # of masking: a mask may uncover another credential
_SHORT = 2  # bytes of a literal
_TOKEN = re.compile(r"[A-Za-z0-9_-]*")
_JWT_REST = re.compile(r"[A-Za-z0-9_.+/=-]*")
_NO_PASSWORD = re.compile(r"""["'<>{}\\*]|\A%[sdv]\Z""")  # a placeholder, or the end of a string
_ESCAPE = re.compile(
    r"(?P<mask>\[secret:[a-z-]+\]\**)"
    r"|\x1b\[[0-9;?]*[A-Za-z]"  # a colour
    # Only from the first of many backslashes, and never fewer than all: else a run of them would take for ever.
    r"|(?<!\\)\\++(?:u001[bB]\[[0-9;?]*[A-Za-z]|u00(?P<ascii>[2-7][0-9a-fA-F])|u[0-9a-fA-F]{4}|(?P<char>[\"'nrtbf/]))"
)
_CHARS = {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " ", "/": "/", '"': "'", "'": "'"}


class Hint(NamedTuple):
    """A cheap test of bytes: a literal in or before a credential, and a pattern that must match as well."""

    literal: bytes
    confirm: re.Pattern[bytes] | None


HINTS = (
    *dict.fromkeys(Hint(literal.encode(), shape.confirm) for shape in SHAPES for literal in shape.literals),
    Hint(b"\\u00", re.compile(rb"\\u00[2-7]")),  # ASCII, escaped: it may be part of anything
)


def _grouped() -> list[tuple[re.Pattern[bytes], list[Hint]]]:
    """The hints by how they begin, each group with a pattern of all its literals.

    Such a pattern is a search for one byte, and as fast as that for a single literal. The shortest stand in most texts,
    and would make a look at each of their group: they are groups of their own.
    """
    groups: dict[bytes, list[Hint]] = {}
    for hint in HINTS:
        groups.setdefault(hint.literal[: 1 if len(hint.literal) > _SHORT else _SHORT], []).append(hint)
    return [
        (re.compile(re.escape(start[:1]) + b"(?:%s)" % b"|".join(re.escape(one.literal[1:]) for one in group)), group)
        for start, group in groups.items()
    ]


class Credential(NamedTuple):
    """A credential: its first character in the text, the one behind its last, and its kind."""

    start: int
    end: int
    kind: str


_GROUPS = _grouped()


def mask(kind: str, size: int) -> str:
    """The mask of a credential of `size` bytes."""
    tag = f"[secret:{kind}]"
    return tag.ljust(size, "*") if len(tag) <= size else "*" * size


def mask_text(text: str, *, json: bool = False, errors: str = "surrogatepass") -> tuple[str, Counter[str]]:
    """`text` with masks in place of credentials, as many bytes in UTF-8 as before, and how many of each kind.

    Args:
        text: any text.
        json: whether it is JSON: then no credential extends beyond the quotes of a string.
        errors: how lone surrogates in `text` are encoded.
    """
    counts: Counter[str] = Counter()
    for _ in range(_ROUNDS):
        credentials = find_credentials(text, json=json)
        if not credentials:
            break
        parts, done = [], 0
        for start, end, kind in credentials:
            size = len(text[start:end].encode("utf-8", errors))
            parts += [text[done:start], mask(kind, size)]
            done = end
            counts[kind] += 1
        text = "".join([*parts, text[done:]])
    return text, counts


def hints(raw: bytes, among: Sequence[Hint] | None = None) -> list[Hint]:
    """Which hints, of all or of `among`, match `raw`, one line or many. In most texts none do, and the search ends."""
    if among is None:
        among = [hint for group, its_hints in _GROUPS if group.search(raw) for hint in its_hints]
    return [hint for hint in among if hint.literal in raw and (hint.confirm is None or hint.confirm.search(raw))]


def find_credentials(text: str, *, json: bool = False) -> list[Credential]:
    """The credentials in `text`, in order, none within another.

    Args:
        text: any text.
        json: whether it is JSON: then no credential extends beyond the quotes of a string.
    """
    view, places = _view(text, json=json)
    credentials = sorted({one for shape in SHAPES for one in _of(shape, view)}, key=lambda one: (one.start, -one.end))
    chosen: list[Credential] = []
    for one in credentials:
        start, end = _place(places, one.start), _place(places, one.end)
        if not chosen or start >= chosen[-1].end:
            chosen.append(Credential(start, end, one.kind))
        elif end > chosen[-1].end:
            chosen[-1] = Credential(chosen[-1].start, end, chosen[-1].kind)
    return chosen


def _view(text: str, *, json: bool) -> tuple[str, list[tuple[int, int]]]:
    """The view of `text`; and places in it with those in the text, from each of which on both go on in step."""
    places = [(0, 0)]
    shift = 0

    def plain(m: re.Match[str]) -> str:
        nonlocal shift
        if m["ascii"]:
            shift += len(m[0]) - 1
            places.append((m.end() - shift, m.end()))
            char = chr(int(m["ascii"], 16))
            return "'" if char == '"' else char
        return (_CHARS[m["char"]] if m["char"] else "\0") * len(m[0])

    view = _ESCAPE.sub(plain, text)
    return (view if json else view.replace('"', "'")), places


def _place(places: list[tuple[int, int]], at: int) -> int:
    seen, meant = places[bisect_right(places, (at, 1 << 60)) - 1]
    return meant + at - seen


def _of(shape: Shape, view: str) -> Iterator[Credential]:
    for at, end in _windows(shape, view):
        for pattern in shape.detector.denylist:
            if not shape.anchored:
                for m in pattern.finditer(view, at, end):
                    if _is_one(shape.kind, view, *m.span(1 if m.re.groups else 0)):
                        yield Credential(*m.span(1 if m.re.groups else 0), shape.kind)
            elif hit := pattern.match(view, at, end):
                if not isinstance(shape.detector, JwtTokenDetector):
                    yield Credential(
                        at, _behind(_TOKEN if view[hit.end() - 1].isalnum() else None, view, hit.end()), shape.kind
                    )
                elif shape.detector.is_formally_valid(hit[0]):
                    yield Credential(at, _behind(_JWT_REST, view, hit.end()), shape.kind)


def _behind(rest: re.Pattern[str] | None, view: str, at: int) -> int:
    """Where what goes on at `at` ends."""
    m = rest.match(view, at) if rest else None
    return m.end() if m else at


def _windows(shape: Shape, view: str) -> Iterator[tuple[int, int]]:
    """Where to match an anchored shape; for others where to search, not beyond a line, and each place once."""
    low = high = -1
    for at in sorted(at for literal in shape.literals for at in _all(literal, view)):
        if shape.anchored:
            if not at or not _part_of_token(view[at - 1]) or view[max(at - 3, 0)] == "%":
                yield at, min(at + _LONGEST, len(view))
            continue
        if shape.kind == "discord" and not _is_dotted(view, at):
            continue
        start = max(view.rfind("\n", max(at - _BEFORE, 0), at) + 1, at - _BEFORE, 0)
        newline = view.find("\n", at, at + _AFTER)
        end = newline if newline >= 0 else min(at + _AFTER, len(view))
        if start > high:
            if high > low:
                yield low, high
            low = start
        high = max(high, end)
    if high > low:
        yield low, high


def _is_dotted(view: str, at: int) -> bool:
    """Whether the dot at `at` is the first of the two of a Discord token; dots are too many to look around each."""
    return view[at + 7 : at + 8] == "."


def _all(literal: str, view: str) -> Iterator[int]:
    at = view.find(literal)
    while at >= 0:
        yield at
        at = view.find(literal, at + 1)


def _part_of_token(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char in "_-")


def _is_one(kind: str, view: str, start: int, end: int) -> bool:
    """Whether what a pattern found by what stands around it is a credential, and all of one."""
    if kind == "basic-auth":
        return "\0" * (end - start) != view[start:end] and not _NO_PASSWORD.search(view, start, end)
    before, after = view[start - 1 : start] if start else "", view[end : end + 1]
    return not (before and _part_of_token(before)) and not (after and _part_of_token(after))
