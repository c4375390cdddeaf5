"""Files of lines, made from their records."""

import base64
import binascii
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clankers.ingest.json_items import items, joined
from clankers.log import envelope, strict_json
from clankers.restore.records import LoggedRecord

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|(?<!:) +', re.DOTALL)
_MAX_BLANK = 1 << 30  # bytes of blanks in a file: an offset in the log may be any number

# What the client is given in the place of what was elided, by the type of the record and the path of the member.
StandIns = Mapping[str, Mapping[tuple[str, ...], bytes]]


class _Line(NamedTuple):
    """A line without its newline, and its byte offset; -1 where the log has none."""

    at: int
    text: bytes
    is_cut: bool = False

    @property
    def end(self) -> int:
        return self.at + len(self.text)


def lines_file(
    records: Sequence[LoggedRecord],
    lacking: Counter[str],
    end: int | None = None,
    stand_ins: StandIns | None = None,
) -> bytes:
    """The file of lines that `records` are of.

    Each line is where it was, so that it has the same record when the file is imported: a blank line stands for what is
    not in the log.

    Args:
        records: of one file, in the order of the log.
        lacking: gets what the file lacks.
        end: bytes of the file when it was last read; None if that is not known.
        stand_ins: as `StandIns`.

    Raises:
        ValueError: an offset is beyond what a client writes.
    """
    lines = [_line(record, lacking, stand_ins or {}) for record in records]
    placed = _last_written(lines, lacking, end) if all(record.place for record in records) else _in_order(lines)
    out = bytearray()
    after_cut, blanks = False, 0
    for line in placed:
        gap = line.at - len(out)
        if (blanks := blanks + max(gap, 0)) > _MAX_BLANK:
            raise ValueError(f"a line at byte {line.at}")
        if after_cut and gap > 0:
            out += b" " * (gap - 1) + b"\n"  # the line is as long as it was
        else:
            is_lacking = gap > (1 if out else 0)
            lacking["places where lines were not recorded, with a blank line instead"] += is_lacking
            out += _blank(gap, begins=not out)
        out += line.text
        after_cut = line.is_cut
    return bytes(out) + b"\n" * bool(out)


def _blank(size: int, *, begins: bool) -> bytes:
    """The end of a line, and a blank line, of `size` bytes together."""
    if begins or size < 2:
        return b" " * (size - 1) + b"\n" * (size > 0)
    return b"\n" + b" " * (size - 2) + b"\n"


def _last_written(lines: list[_Line], lacking: Counter[str], end: int | None) -> list[_Line]:
    """The lines by their offsets; of two in one place the later one, for the client has written the file again.

    Lines of the earlier version that are at `end` or beyond it are left out. A file that only became shorter, which may
    be damage, keeps them.
    """
    placed: list[_Line] = []
    rewritten = 0  # the last line that replaced others
    for n, line in enumerate(lines):
        first = bisect_left(placed, line.at, key=lambda one: one.at)
        if first and placed[first - 1].end > line.at:
            first -= 1
        behind = bisect_left(placed, max(line.end, line.at + 1), key=lambda one: one.at)
        if placed[first:behind]:
            rewritten = n
        placed[first:behind] = [line]
    latest = {line.at for line in lines[rewritten:]}
    last = max(latest, default=0)
    if end is None:
        may_follow = any(line.at > last for line in placed)
        lacking["where the file ended; lines of an earlier version may follow"] += may_follow
        return placed
    return [line for line in placed if line.at < end or line.at in latest]


def _in_order(lines: list[_Line]) -> list[_Line]:
    """The lines, of which some have no offset and follow the line before them.

    Where offsets go back, an import has filled in what the log had lost: these lines stand before the others.
    """
    runs: list[list[_Line]] = [[]]
    last = -1
    for line in lines:
        if line.at >= 0:
            if line.at <= last:
                runs.append([])
            last = line.at
        runs[-1].append(line)
    placed, end = [], 0
    for run in sorted(runs, key=lambda run: next((line.at for line in run if line.at >= 0), 0)):
        for line in run:
            placed.append(line._replace(at=max(line.at, end)))
            end = placed[-1].end + 1
    return placed


def _line(record: LoggedRecord, lacking: Counter[str], stand_ins: StandIns) -> _Line:
    """The line that `record` was made of."""
    at = record.place[1] if record.place else -1
    text = raw_text(record.value()) if record.kind == envelope.INVALID else record.payload
    if record.is_intact(text):
        return _Line(at, text)
    if stands := stand_ins.get(record.kind):
        names = ", ".join(sorted({".".join(path) for path in stands}))
        lacking[f"lines of type {record.kind} without {names}"] += 1
        return _Line(at, replaced(text, stands), is_cut=True)
    lacking["lines with masked credentials"] += 1
    return _Line(at, text)


def raw_text(value: Any) -> bytes:
    """The bytes of a line that was not JSON."""
    if isinstance(value, dict):
        if isinstance(value.get("raw"), str):
            return str(value["raw"]).encode("utf-8", "surrogatepass")
        if isinstance(value.get("raw_b64"), str):
            try:
                return base64.b64decode(value["raw_b64"])
            except binascii.Error:
                pass
    return b""


def replaced(text: bytes, stands: Mapping[tuple[str, ...], bytes]) -> bytes:
    """The JSON object in `text`, with other values where an elision is at one of the paths in `stands`."""
    found = []
    for name, value in items(text, "{}"):
        below = {path[1:]: stand for path, stand in stands.items() if path[0] == name}
        if () in below and is_elision(value):
            found.append((name, below[()]))
        elif below and value.startswith(b"{"):
            found.append((name, replaced(value, {path: stand for path, stand in below.items() if path})))
        else:
            found.append((name, value))
    return joined(found)


def is_elision(value: bytes) -> bool:
    """Whether the JSON in `value` says that something was left out."""
    if not value.startswith(b'{"elided":'):
        return False
    return set(strict_json.parse(value)) == {"elided", "sha256"}


def saved_text(value: Any) -> bytes | None:
    """The content of the file whose text is in the payload `value`; None where it was elided."""
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return str(value["text"]).encode("utf-8", "surrogatepass")
    if isinstance(value, dict) and isinstance(value.get("text_b64"), str):
        return raw_text({"raw_b64": value["text_b64"]})
    return None


def with_newlines(record: LoggedRecord, raw: bytes) -> bytes:
    """The JSON in `raw` with the newlines between tokens that are spaces in the log, if `record` was made of that."""
    if record.is_intact(raw):
        return raw
    indented = _TOKENS.sub(lambda found: found[0] if found[0][:1] == b'"' else b"\n" + found[0][1:], raw)
    return indented if record.is_intact(indented) else raw
