"""The files of one session of Cline: its own, its subagents', and the rows of the database that list these.

    <sessions>/<session>/<session>.json              the manifest, a document without messages
    <sessions>/<session>/<session>.messages.json     the messages
    <sessions>/<session>/<session>.compaction.json   summaries of earlier messages, and copies of the later ones
    <sessions>/<session>/<agent>.messages.json       a subagent's messages; in a team <agent>__<task>.messages.json
    <db>/sessions.db                                 a row for each session and subagent

A record's id comes from its source, so the same record imported twice bears the same id (`clankers.ingest.document`):

    <session>#<crc>, <session>[<ordinal>]<own id>#<crc>    the head of the messages, and each message
    <session>/<agent>#<crc>, ...                           the same of a subagent
    <session>/compaction#<crc>, ...                        the same of the summaries
    <session>/manifest#<crc>
    <session>/db:<subagent>#<crc>                          a row, of the type `db.session`

The heads lack `system_prompt`, the client's instructions to the model.

The client's hooks name the session, but no path. The last message of a turn is written 15 to 109 ms after the time in
the payload of TaskComplete or TaskError (15 measured). The end of a session has no hook: it is left to the sweep.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import sys
import time
from zlib import crc32

from clankers.harnesses.base import nested
from clankers.harnesses.cline.directories import DATABASE, database, sessions
from clankers.harnesses.cline.harness import HARNESS, message_level
from clankers.ingest.document import Document
from clankers.ingest.live import Announced
from clankers.ingest.source import Record, Source, SourceError, absolute_path, database_files, is_plain
from clankers.ingest.whole_file import beginning, signature
from clankers.log import envelope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

MANIFEST, MESSAGES, COMPACTION = ".json", ".messages.json", ".compaction.json"
ROW = "db.session"

_OWN, _ROWS = "", ".db"  # parts; the others are named as the files end, or as a subagent's file begins
_TEAM_TASK = "__teamtask__"  # in the id of a subagent that worked on a task of a team
_ELIDED = ("system_prompt",)
_LOOK = 4 << 10  # bytes at the beginning of a document that hold its times
_PATIENCE = 1.0  # seconds that the hook at the end of a turn waits for the last message
_POLL = 0.01  # seconds


class SessionFiles(Source):
    """The documents of one session, each with a version, and its subagents' rows.

    Args:
        session: its id.
        path: its directory.
    """

    __slots__ = ()

    def __init__(self, session: str, path: str) -> None:
        super().__init__(HARNESS.name, session, path, (session,))

    def watched(self) -> list[str]:
        """As `Source.watched`: the documents, and the database of all sessions."""
        return [self.path, *(one.path for one in self._documents().values()), *database_files(self._database())]

    def compare(self, _offsets: Mapping[str, int], versions: Mapping[str, str]) -> Collection[str] | None:
        """As `Source.compare`: a document's records say themselves how its list changed."""
        changed = (one.changed(versions.get(part, "")) for part, one in self._documents().items())
        return () if any(changed) or self._rows_changed(versions) else None

    def read(
        self, _offsets: Mapping[str, int], versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`; a document that cannot be read does not keep the others from being read."""
        failure: SourceError | None = None
        for part, document in self._documents().items():
            version = versions.get(part, "")
            if document.changed(version):
                try:
                    for record, mark in document.read(version):
                        yield record, part, mark
                except SourceError as e:
                    failure = failure or e
        if self._rows_changed(versions):
            yield from self._new_rows(versions.get(_ROWS, ""))
        if failure:
            raise failure

    def created(self) -> str:
        """As `Source.created`."""
        return _member(self._file(MANIFEST), b"started_at")

    def changed_at(self) -> float:
        """As `Source.changed_at`."""
        times = [os.stat(document.path).st_mtime for document in self._documents().values()]
        if not times:
            raise FileNotFoundError(self.path)
        return max(times)

    def session_of(self, part: str) -> str:
        """As `Source.session_of`."""
        return self._subagent(part) if part and not part.startswith(".") else self.session

    def sessions(self) -> Collection[str]:
        """As `Source.sessions`."""
        return {self.session, *map(self.session_of, self._documents())}

    def await_message(self, ended: str) -> None:
        """Wait, for a short time, until the messages were written at the time `ended` (RFC 3339, UTC) or later."""
        deadline = time.monotonic() + _PATIENCE
        while _member(self._file(MESSAGES), b"updated_at") < ended and time.monotonic() < deadline:
            time.sleep(_POLL)

    def _documents(self) -> dict[str, Document]:
        """The documents that are there, by part."""
        try:
            names = sorted(os.listdir(self.path))
        except OSError:
            return {}
        found = {}
        for name in names:
            path, stem = os.path.join(self.path, name), name.removesuffix(MESSAGES)
            if name == self.session + MANIFEST:
                found[MANIFEST] = Document(path, f"{self.session}/manifest", self.session)
            elif name == self.session + COMPACTION:
                owner = f"{self.session}/compaction"
                found[COMPACTION] = Document(path, owner, self.session, elided=_ELIDED, wanted=_is_summary)
            elif stem != name and _is_clean(stem) and "_" in stem:
                part = _OWN if stem == self.session else stem
                owner = f"{self.session}/{part}" if part else self.session
                found[part] = Document(path, owner, self.session_of(part), level=message_level, elided=_ELIDED)
        return found

    def _subagent(self, stem: str) -> str:
        """The id of the subagent whose file is named `stem`."""
        agent, separator, task = stem.rpartition("__")
        return f"{self.session}{_TEAM_TASK}{agent}__{task}" if separator else f"{self.session}__{stem}"

    def _file(self, ending: str) -> str:
        return os.path.join(self.path, self.session + ending)

    def _database(self) -> str:
        """The database: beside the sessions, whatever the variables of this process say; else where these say."""
        beside = os.path.join(os.path.dirname(os.path.dirname(self.path)), "db", DATABASE)
        return beside if os.path.lexists(beside) else database()

    def _rows_changed(self, versions: Mapping[str, str]) -> bool:
        # A hook does not load SQLite for it: each command that reads has done so.
        if "apsw" not in sys.modules:
            return False
        now = _version_of(self._database())
        return bool(now) and now != versions.get(_ROWS, "").partition("#")[0]

    def _new_rows(self, version: str) -> Iterator[tuple[Record | None, str, str]]:
        """The rows that are new since `version`, which has a digest of each that was read.

        Raises:
            SourceError: the database cannot be read.
        """
        from clankers.harnesses.cline.subagent_rows import subagent_rows

        path = self._database()
        now, known = _version_of(path), version.partition("#")[2].split(".")
        for id, payload in subagent_rows(path, self.session):
            digest = f"{crc32(payload):08x}"
            if digest not in known and is_plain(id):
                known.append(digest)
                record = Record(f"{self.session}/db:{id}#{digest}", ROW, envelope.INFO, payload)
                yield record, _ROWS, f"#{'.'.join(known)}"
        yield None, _ROWS, f"{now}#{'.'.join(known)}"


def announce(hook: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the files of the session of `hook`; as `Announcer`."""
    session = nested(hook, "sessionContext", "rootSessionId")
    if not isinstance(session, str) or not session:
        return
    source = SessionFiles(session, checked(session, os.path.join(sessions(), session)))
    ended = hook.get("timestamp")
    kind = HARNESS.kind(hook)

    def wait(_offsets: Mapping[str, int]) -> None:
        if kind in HARNESS.turn_ends and not hook.get("parent_agent_id") and isinstance(ended, str):
            source.await_message(ended)

    announced[session] = Announced(source, ended=kind == "session_shutdown", wait=wait)


def checked(session: str, path: str) -> str:
    """`path`, if it can be the directory of `session`.

    Raises:
        SourceError: it cannot.
    """
    if os.path.basename(absolute_path(path, "the directory of a session")) != session or not _is_clean(session):
        raise SourceError(f"{path[:200]!r} is not the directory of session {session[:200]}")
    return path


def _is_clean(name: str) -> bool:
    """Whether `name` can be in a record's id, in which other characters separate it from the rest."""
    return is_plain(name) and not any(c in "/@#[]:" for c in name)


def _is_summary(message: dict[str, Any]) -> bool:
    """Whether a message stands for earlier ones: the others are copies."""
    kind = nested(message, "metadata", "kind")
    return isinstance(kind, str) and kind.startswith("compaction")


def _version_of(path: str) -> str:
    """What changes with the database at `path`; empty where there is none."""
    return signature(path) + signature(path + "-wal")


def _member(path: str, key: bytes) -> str:
    """The text that the first member `key` of the document at `path` has; empty where there is none."""
    try:
        head = beginning(path, _LOOK)
    except (SourceError, OSError):
        return ""
    value = head.partition(b'"' + key + b'"')[2].lstrip(b" \t:")
    text, end, _ = value[1:64].partition(b'"')
    return text.decode("ascii", "replace") if end and value.startswith(b'"') else ""
