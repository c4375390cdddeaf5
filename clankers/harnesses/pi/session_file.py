"""The file of one session of pi: a line an entry, of which each names the one before it.

    <sessions>/--<directory>--/<time>_<session>.jsonl

Its first line is the header, `{"type":"session","id":...}`; the others bear 8 hex digits as an id. A record is a line,
its bytes the payload, its id `<session>@<offset>#<crc>`. Its type is `entry.` and the `type` of the line, such as

    entry.session  entry.message  entry.model_change  entry.compaction  entry.branch_summary  entry.session_info

pi makes the file when the first response begins, and writes a response before `turn_end`. What a killed client wrote
last is left to the sweep.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os

from clankers.harnesses.base import MAX_KIND, UNKNOWN
from clankers.harnesses.pi.harness import ENTRY, HARNESS, entry_level
from clankers.ingest.jsonl_tail import complete_lines
from clankers.ingest.line_files import LineFiles, place_id
from clankers.ingest.live import Announced
from clankers.ingest.source import Record, SourceError, absolute_path
from clankers.log import strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_LOOK = 4 << 10  # bytes that are read at first for the header
_MAX_ID = 128  # characters
_FILE = ""  # the only part


class SessionFile(LineFiles):
    """The file of one session, with an offset."""

    __slots__ = ()

    def __init__(self, session: str, path: str) -> None:
        super().__init__(HARNESS.name, session, path)

    def files(self, _offsets: Mapping[str, int]) -> dict[str, str]:
        """As `LineFiles.files`."""
        return {_FILE: self.path}

    def watched(self) -> list[str]:
        """As `Source.watched`: the file."""
        return [self.path]

    def owner(self, _part: str) -> str:
        """As `LineFiles.owner`: the session."""
        return self.session

    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record:
        """As `LineFiles.record`; every line is one."""
        kind = line.get("type")
        kind = ENTRY + (kind if isinstance(kind, str) and kind else UNKNOWN)[:MAX_KIND]
        return Record(place_id(self.owner(part), at, text), kind, entry_level(line), text)

    def is_record(self, line: dict[str, Any]) -> bool:
        """As `LineFiles.is_record`."""
        return isinstance(line.get("type"), str) and "id" in line and "timestamp" in line


def announce(event: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the file of the session of `event`, which may not be there yet; as `Announcer`."""
    if not event.get("session_file"):
        return  # --no-session writes none
    path, session = absolute_path(event["session_file"], "session_file"), event.get("session_id")
    named = isinstance(session, str) and session and os.path.basename(path).endswith(f"_{session}.jsonl")
    if not named or (os.path.lexists(path) and session_in(path) != session):
        raise SourceError(f"{path[:200]!r} is not the file of session {str(session)[:200]}")
    announced[str(session)] = Announced(SessionFile(str(session), path), ended=event.get("type") == "session_shutdown")


def session_in(path: str) -> str:
    """The session whose file is at `path`, as its header says.

    Raises:
        OSError: it cannot be read.
        SourceError: it has no header of a session.
    """
    for _, raw in complete_lines(path, 0, _LOOK):
        try:
            header = strict_json.parse(strict_json.trim(raw))
        except strict_json.NotJSONError:
            break
        if isinstance(header, dict) and header.get("type") == "session" and _is_id(id := header.get("id")):
            return str(id)
        break
    raise SourceError(f"{path[:200]!r} does not begin as a session of {HARNESS.title}")


def _is_id(value: Any) -> bool:
    """Whether `value` can be part of a record's id, in which other characters separate the session from the place."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_ID and value.replace("-", "").replace("_", "").isalnum()
