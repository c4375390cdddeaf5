"""The files of one session of Droid: its conversation, and its settings, which have what it used so far.

    sessions/<directory>/<session>.jsonl
    sessions/<directory>/<session>.settings.json

A line is a record, its bytes the payload, its id `<session>@<offset>#<crc>`, its type `line.` and the line's `type`.
The settings are one whenever they changed: `<session>/settings#<crc>`,
{"sessionId":...,"at":...,"settings":{...}}, with the time of the last line of the conversation, for they have none.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
from zlib import crc32

from clankers.harnesses.base import MAX_KIND, UNKNOWN
from clankers.harnesses.droid.harness import HARNESS, LINE, line_level
from clankers.ingest.line_files import LineFiles, place_id
from clankers.ingest.live import Announced
from clankers.ingest.source import Record, SourceError, absolute_path
from clankers.ingest.whole_file import content, open_file, signature
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

ENDING = ".jsonl"
SETTINGS = "settings"

SETTINGS_ENDING = ".settings.json"
_MAX_BYTES = 16 << 20  # of the settings
_LAST = 1 << 16  # bytes at the end of the conversation in which the last time is
_TIME = b'"timestamp":"'


class DroidSession(LineFiles):
    """The conversation of one session, and its settings as the part `settings`."""

    __slots__ = ()

    def __init__(self, session: str, path: str) -> None:
        super().__init__(HARNESS.name, session, path)

    def others(self, versions: Mapping[str, str]) -> Iterator[tuple[str, Iterator[tuple[Record | None, str]]]]:
        """As `LineFiles.others`: the settings."""
        if now := self._changed(versions):
            yield SETTINGS, self._read_settings(now, versions.get(SETTINGS, ""))

    def _read_settings(self, now: str, before: str) -> Iterator[tuple[Record | None, str]]:
        text = strict_json.trim(content(self._settings(), _MAX_BYTES))
        crc = f"{crc32(text):08x}"
        if _is_json(text):  # else it is being written, or damaged: the next look finds it complete, or no change
            yield None if before.endswith(f"#{crc}") else self._record(text, crc), f"{now}#{crc}"

    def files(self, _offsets: Mapping[str, int]) -> dict[str, str]:
        """As `LineFiles.files`."""
        return {"": self.path}

    def watched(self) -> list[str]:
        """As `Source.watched`: the conversation and the settings."""
        return [self.path, self._settings()]

    def owner(self, _part: str) -> str:
        """As `LineFiles.owner`."""
        return self.session

    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record:
        """As `LineFiles.record`, of which every line is one."""
        kind = line.get("type")
        kind = LINE + (kind if isinstance(kind, str) and kind else UNKNOWN)[:MAX_KIND]
        return Record(place_id(self.owner(part), at, text), kind, line_level(line), text)

    def is_record(self, line: dict[str, Any]) -> bool:
        """As `LineFiles.is_record`."""
        return isinstance(line.get("type"), str) and ("id" in line or "turnId" in line)

    def _settings(self) -> str:
        return self.path.removesuffix(ENDING) + SETTINGS_ENDING

    def _changed(self, versions: Mapping[str, str]) -> str:
        """The signature of the settings, if they are new or changed."""
        now = signature(self._settings())
        return now if now != versions.get(SETTINGS, "").partition("#")[0] else ""

    def _record(self, text: bytes, crc: str) -> Record:
        quote = strict_json.quote
        payload = b'{"sessionId":%s,"at":%s,"settings":%s}' % (
            quote(self.session),
            quote(_last_time(self.path)),
            text,
        )
        return Record(f"{self.session}/{SETTINGS}#{crc}", SETTINGS, envelope.INFO, payload)


def announce(hook: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the files of the session of `hook`; as `Announcer`.

    The last line of a turn is on the disk when Stop starts in 5 of 6 cases measured; else SessionEnd finds it.
    """
    if path := hook.get("transcript_path"):
        session = str(hook.get("session_id"))
        source = DroidSession(session, checked(session, path))
        announced[session] = Announced(source, ended=hook.get("hook_event_name") == "SessionEnd")


def checked(session: str, path: Any) -> str:
    """`path`, if it has the shape of a file of `session`: `.../sessions/<directory>/<session>.jsonl`.

    Raises:
        SourceError: it has not.
    """
    file = absolute_path(path, "transcript_path")
    folder, name = os.path.split(file)
    if name != session + ENDING or os.path.basename(os.path.dirname(folder)) != "sessions":
        raise SourceError(f"{file[:200]!r} is not the file of session {session[:200]}")
    return file


def _is_json(text: bytes) -> bool:
    try:
        strict_json.parse(text)
    except strict_json.NotJSONError:
        return False
    return True


def _last_time(path: str) -> str:
    """The time of the last line that has one; empty where none has."""
    try:
        with open_file(path) as file:
            file.seek(max(os.fstat(file.fileno()).st_size - _LAST, 0))
            last = file.readall()
    except (OSError, SourceError):
        return ""
    _, found, rest = last.rpartition(_TIME)
    return rest[:40].partition(b'"')[0].decode("ascii", "replace") if found else ""
