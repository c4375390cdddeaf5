"""The file of one session of Continue, and its entry in the index.

    sessions/<session>.json   a document, written at the end of a turn
    sessions/sessions.json    a list of all sessions, each with the time at which it was first written

    <session>#<crc>, <session>[<ordinal>]<name>#<crc>   the head, and each entry (`clankers.ingest.document`)
    <session>/index#<crc>                               the entry in the index, of the type `session_index`

An entry of the history has neither an id nor a time. A fork has a copy of its origin's history, without a mark. So an
entry is named by what it, all before it and the next answer hold, and by the directory that the session works in: equal
names are copies. Entries that no answer follows are named by their session.
"""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import sha256
from zlib import crc32

from clankers.harnesses.base import nested
from clankers.harnesses.continue_cli.harness import HARNESS, entry_level
from clankers.harnesses.continue_cli.history import INDEX
from clankers.ingest.document import Document
from clankers.ingest.json_items import items
from clankers.ingest.source import Record, Source, SourceError
from clankers.ingest.whole_file import content, signature
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

INDEX_RECORD = "session_index"

_HISTORY, _INDEX = "", "index"  # parts
_NAME = 24  # characters of a digest in an entry's name
_MAX_INDEX = 64 << 20  # bytes


class HistoryFile(Source):
    """The file of one session, with a version, and its entry in the index."""

    __slots__ = ("_document",)

    def __init__(self, session: str, path: str) -> None:
        super().__init__(HARNESS.name, session, path, (session,))
        self._document = Document(path, session, session, messages="history", level=entry_level, named=self._names)

    def watched(self) -> list[str]:
        """As `Source.watched`: the history and the index of all."""
        return [self.path, os.path.join(os.path.dirname(self.path), INDEX)]

    def compare(self, _offsets: Mapping[str, int], versions: Mapping[str, str]) -> Collection[str] | None:
        """As `Source.compare`."""
        if self._document.changed(versions.get(_HISTORY, "")) or self._new_entry(versions):
            return ()
        return None

    def read(
        self, _offsets: Mapping[str, int], versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`."""
        if digest := self._new_entry(versions):
            id = f"{self.session}/{_INDEX}#{digest}"
            yield Record(id, INDEX_RECORD, envelope.INFO, self._entry()), _INDEX, digest
        version = versions.get(_HISTORY, "")
        if self._document.changed(version):
            for record, mark in self._document.read(version):
                yield record, _HISTORY, mark

    def created(self) -> str:
        """As `Source.created`."""
        return ""

    def changed_at(self) -> float:
        """As `Source.changed_at`."""
        return os.stat(self.path).st_mtime

    def _entry(self) -> bytes:
        index = os.path.join(os.path.dirname(self.path), INDEX)
        return _index(index, signature(index)).get(self.session, b"")

    def _entry_digest(self) -> str:
        entry = self._entry()
        return f"{crc32(entry):08x}" if entry else ""

    def _new_entry(self, versions: Mapping[str, str]) -> str:
        """The digest of the entry, if that is there and another one than `versions` says; else empty."""
        digest = self._entry_digest()
        return digest if digest != versions.get(_INDEX, "") else ""

    def _names(self, head: bytes, entries: list[Any]) -> list[str]:
        """The name of each entry of the history."""
        digest = sha256(repr(nested(strict_json.parse(head), "workspaceDirectory")).encode("utf-8", "replace"))
        names: list[str] = []
        for n, entry in enumerate(entries):
            digest.update(repr(nested(entry, "message")).encode("utf-8", "replace"))
            if nested(entry, "message", "role") == "assistant":
                names += [f"{digest.hexdigest()[:_NAME]}.{i}" for i in range(len(names), n + 1)]
        return names + [f"{self.session}.{n}" for n in range(len(names), len(entries))]


@lru_cache(1)
def _index(path: str, _signature: str) -> dict[str, bytes]:
    """The entries of the index by session; `_signature` changes with it. Empty where it cannot be read."""
    found = {}
    try:
        for _, raw in items(strict_json.trim(content(path, _MAX_INDEX)), "[]"):
            entry = strict_json.parse(raw)
            if isinstance(session := nested(entry, "sessionId"), str):
                found[session] = raw
    except (OSError, SourceError, ValueError, strict_json.NotJSONError):
        pass  # it is being written, or damaged: the documents have all but a time
    return found
