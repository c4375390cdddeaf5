"""A source of files of lines that grow: each complete line is a record, its bytes the payload.

The place of a line is in the record's id, so the lines of a file can be put back in order:

    <owner>@<offset>#<crc>  by the line's byte offset in its file, and its content

where the owner is the session or `<session>/<part>`. A line that is not JSON is kept as type `invalid`; complete
records within it are records of their own. A file that was rewritten or got shorter is read from its start: its new
lines have other ids, and a line that is where it was keeps its id.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
from abc import abstractmethod
from zlib import crc32

from clankers.ingest.jsonl_tail import complete_lines, continues, end_mark, file_size
from clankers.ingest.source import Record, Source, SourceError
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

_NOTHING = b" \t\r\n\0"  # around records in a damaged line
_LOOK = 16 << 10  # bytes that are read at first for a line or two


class LineFiles(Source):
    """Files of lines of one session.

    Its parts are the files. The mark of each is the offset of its next line, and its version says what its last line
    was, which shows whether the file still continues what was read (`jsonl_tail.end_mark`).

    Args:
        harness: as `Source.harness`.
        session: as `Source.session`.
        path: as `Source.path`.
        parse: what is looked at of a line; as `strict_json.parse`.
    """

    __slots__ = ("_parse",)

    def __init__(
        self, harness: str, session: str, path: str, *, parse: Callable[[bytes], Any] = strict_json.parse
    ) -> None:
        super().__init__(harness, session, path, (session,))
        self._parse = parse

    @abstractmethod
    def files(self, offsets: Mapping[str, int]) -> Mapping[str, str]:
        """The path of each part; `offsets` names those that were read before. There may be no file at a path."""

    @abstractmethod
    def owner(self, part: str) -> str:
        """How the ids of a part's records begin."""

    @abstractmethod
    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record | None:
        """The record of the JSON object `line`, whose bytes are `text`; None for what the log leaves out.

        Args:
            part: of the file.
            at: the line's byte offset in it.
            text: the line without white space around it.
            line: its value, as `parse` returns it.
        """

    @abstractmethod
    def is_record(self, line: dict[str, Any]) -> bool:
        """Whether an object within a damaged line is a record, and not a part of one."""

    def others(self, _versions: Mapping[str, str]) -> Iterator[tuple[str, Iterator[tuple[Record | None, str]]]]:
        """The parts that are not lines and are not of these versions: their records, each with a version behind it."""
        return iter(())

    def compare(self, offsets: Mapping[str, int], versions: Mapping[str, str]) -> list[str] | None:
        """As `Source.compare`: files that are shorter, or in which what was read last is not where it was."""
        files = self._grown(offsets)
        if not files and next(self.others(versions), None) is None:
            return None
        return [
            part for part, path in files.items() if not continues(path, offsets.get(part, 0), versions.get(part, ""))
        ]

    def read(
        self, offsets: Mapping[str, int], versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`: the lines, then the other parts; one that cannot be read stops no other."""
        failure: SourceError | None = None
        for part, path in self._grown(offsets).items():
            try:
                yield from self.read_lines(part, path, complete_lines(path, offsets.get(part, 0)))
            except SourceError as e:
                failure = failure or e
        for part, records in self.others(versions):
            try:
                for record, version in records:
                    yield record, part, version
            except SourceError as e:
                failure = failure or e
        if failure:
            raise failure

    def created(self) -> str:
        """As `Source.created`: the first time in the files."""
        for path in self.files({}).values():
            try:
                if time := first_time(complete_lines(path, 0, _LOOK)):
                    return time
            except SourceError:
                continue
        return ""

    def changed_at(self) -> float:
        """As `Source.changed_at`."""
        return max(os.stat(path).st_mtime for path in self.files({}).values())

    def read_lines(
        self, part: str, path: str, lines: Iterator[tuple[int, bytes]]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """The records of `lines`, each with its offset, as `read` gives them; then the version of the part."""
        version = ""
        for at, raw in lines:
            # The line is read only once all of its records are.
            *others, last = self._records(part, path, at, raw)
            for record in others:
                yield record, part, at
            yield last, part, at + len(raw)
            version = end_mark(at, raw)
        if version:
            yield None, part, version

    def _grown(self, offsets: Mapping[str, int]) -> dict[str, str]:
        """The parts that have another size than what was read of them, and their paths.

        A file that is gone or empty has nothing new; what was read of it counts if it is restored.
        """
        files = self.files(offsets).items()
        return {part: path for part, path in files if file_size(path) not in (0, offsets.get(part, 0))}

    def _records(self, part: str, path: str, at: int, raw: bytes) -> list[Record | None]:
        """The record of one line, of a damaged line several; None for what is left out."""
        text = strict_json.trim(raw)
        if not text:
            return [None]
        try:
            line, error = self._parse(text), "not a JSON object"
        except strict_json.NotJSONError as e:
            line, error = None, str(e)
        if isinstance(line, dict):
            return [self.record(part, at, text, line)]
        from clankers.ingest.embedded_records import embedded_records

        found: list[Record | None] = []
        left = text
        for start, document, embedded in embedded_records(text, self.is_record):
            found.append(self.record(part, at + start, document, embedded))
            left = left.replace(document, b"", 1)
        if not found or left.strip(_NOTHING):
            payload = envelope.invalid(text, f"{path} at byte {at}: {error}")
            found.append(Record(place_id(self.owner(part), at, text), envelope.INVALID, envelope.ERROR, payload))
        return found


def place_id(owner: str, at: int, text: bytes) -> str:
    """The id of a record whose identity is its place in a file, and its content."""
    return f"{owner}@{at}#{crc32(text):08x}"


def first_time(lines: Iterator[tuple[int, bytes]]) -> str:
    """The first `timestamp` that lines say; empty where they say none."""
    for _, raw in lines:
        _, key, rest = raw.partition(b'"timestamp":"')
        time, end, _ = rest[:40].partition(b'"')
        if key and end and time[:10].replace(b"-", b"").isdigit():
            return time.decode("ascii", "replace")
    return ""
