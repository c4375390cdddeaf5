"""The directory of one session of Vibe 2.x, `session_<time>_<id>/`, or of its subagent, `agents/<name>_<time>_<id>/`.

Its messages.jsonl is a file of lines, each a record of the type `message`; its meta.json is one of the type `meta`:
{"sessionId":...,"parentSessionId":...,"meta":{...}}. The parent is the session whose directory a subagent's is in.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
from zlib import crc32

from clankers.harnesses.vibe.harness import HARNESS
from clankers.harnesses.vibe.session_store import META
from clankers.ingest.line_files import LineFiles, place_id
from clankers.ingest.source import Record, SourceError
from clankers.ingest.whole_file import content, signature
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

MESSAGE = "message"
MESSAGES_FILE, META_FILE, AGENTS = "messages.jsonl", "meta.json", "agents"

# Of meta.json: what each session repeats, and where credentials of other servers may stand.
ELIDED = (("tools_available",), ("system_prompt",), ("config", "mcp_servers"), ("config", "connectors"))

_MAX_BYTES = 64 << 20  # of meta.json


class OldSession(LineFiles):
    """The messages of one session, and its head as the part `meta`.

    Args:
        session: its id.
        path: its directory.
    """

    __slots__ = ()

    def __init__(self, session: str, path: str) -> None:
        super().__init__(HARNESS.name, session, path)

    def watched(self) -> list[str]:
        """As `Source.watched`: the head and the messages."""
        return [os.path.join(self.path, name) for name in (META_FILE, MESSAGES_FILE)]

    def compare(self, offsets: Mapping[str, int], versions: Mapping[str, str]) -> list[str] | None:
        """As `Source.compare`; another head is a change, too."""
        rewritten = super().compare(offsets, versions)
        is_new = self._signature() != versions.get(META, "").partition("#")[0]
        return [] if rewritten is None and is_new else rewritten

    def read(
        self, offsets: Mapping[str, int], versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`: the head, then the messages."""
        before, _, old = versions.get(META, "").partition("#")
        if (now := self._signature()) != before:
            record, crc = self._head()
            yield (None if crc == old else record), META, f"{now}#{crc}"
        yield from super().read(offsets, versions)

    def files(self, _offsets: Mapping[str, int]) -> dict[str, str]:
        """As `LineFiles.files`."""
        return {"": os.path.join(self.path, MESSAGES_FILE)}

    def owner(self, _part: str) -> str:
        """As `LineFiles.owner`."""
        return f"{self.session}/agent" if is_subagent(self.path) else self.session

    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record:
        """As `LineFiles.record`, of which every line is one."""
        said = line.get("content")
        failed = isinstance(said, str) and said.startswith("<tool_error>")
        level = envelope.WARN if failed else envelope.INFO
        return Record(place_id(self.owner(part), at, text), MESSAGE, level, text)

    def is_record(self, line: dict[str, Any]) -> bool:
        """As `LineFiles.is_record`."""
        return "role" in line and "content" in line

    def created(self) -> str:
        """As `Source.created`."""
        try:
            start = meta(self.path).get("start_time")
        except (OSError, SourceError):
            return ""
        return start if isinstance(start, str) else ""

    def _signature(self) -> str:
        return signature(os.path.join(self.path, META_FILE))

    def _head(self) -> tuple[Record, str]:
        """The record of the head, and the checksum in its id."""
        from clankers.ingest.json_items import elided_at

        quote = strict_json.quote
        meta(self.path)  # refuses what is no object
        head = elided_at(strict_json.trim(content(os.path.join(self.path, META_FILE), _MAX_BYTES)), ELIDED)
        parent = quote(parent_of(self.path)) if is_subagent(self.path) else b"null"
        payload = b'{"sessionId":%s,"parentSessionId":%s,"meta":%s}' % (quote(self.session), parent, head)
        crc = f"{crc32(payload):08x}"
        return Record(f"{self.session}/{META}#{crc}", META, envelope.INFO, payload), crc


def meta(folder: str) -> dict[str, Any]:
    """The head of the session in `folder`.

    Raises:
        OSError: it cannot be read.
        SourceError: it is not a JSON object.
    """
    path = os.path.join(folder, META_FILE)
    try:
        head = strict_json.parse(strict_json.trim(content(path, _MAX_BYTES)))
    except strict_json.NotJSONError as e:
        raise SourceError(f"{path!r}: {e}") from None
    if not isinstance(head, dict):
        raise SourceError(f"{path!r}: not a JSON object")
    return head


def session_in(folder: str) -> str:
    """The session whose directory `folder` is, by its head.

    Raises:
        OSError: it cannot be read.
        SourceError: it does not say.
    """
    session = meta(folder).get("session_id")
    if not isinstance(session, str):
        raise SourceError(f"{folder!r}: meta.json names no session")
    return session


def is_old(path: str) -> bool:
    """Whether the directory at `path` is a session of 2.x."""
    return os.path.basename(os.path.dirname(path)) == AGENTS or os.path.lexists(os.path.join(path, MESSAGES_FILE))


def is_subagent(path: str) -> bool:
    """Whether the directory at `path` is a subagent's."""
    return os.path.basename(os.path.dirname(path)) == AGENTS


def parent_of(path: str) -> str:
    """The session that started the subagent in `path`; empty where its head does not say."""
    try:
        return session_in(os.path.dirname(os.path.dirname(path)))
    except (OSError, SourceError):
        return ""
