"""The files of one session of GitHub Copilot CLI: its event log, and its description.

    session-state/<session>/events.jsonl    a line an event, appended by every resume; subagents' events are in it
    session-state/<session>/workspace.yaml  the title
    session-store.db                        a row for each request of every session, since some version after 1.0.60

A record of the event log is a line, its bytes the payload, its id `<session>@<offset>#<crc>`, its type `event.` and the
`type` of the line, such as

    event.session.start  event.user.message  event.assistant.message  event.session.usage_record

The description is a record `{"sessionId":...,"text":...}` of the type `workspace`, its id `<session>/workspace#<crc>`.
A long output of a tool is cut in the log, which names a temporary file that has all of it, until the client ends and
deletes it. It is a record `{"sessionId":...,"name":...,"text":...}` of the type `tool-output`, its id
`<session>/<name>#<crc>`.

A row of the database is a record of its columns, of the type `db.usage`, its id `<session>/usage:<row>#<crc>`.

Elided are the client's own prompt (`data.content` of system.message), and copies of the conversation (`data.messages`
of model.messages_snapshot, `data.requestMessages` of model.model_call_success).

The client writes its events only once none has come for about 0.1 s, and the last ones after SessionEnd: of a short run
there is no file before. So a hook reads what is there; the catch-up that the end of a turn starts reads the rest.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import sys
from zlib import crc32

from clankers import paths
from clankers.harnesses.base import MAX_KIND, UNKNOWN, nested
from clankers.harnesses.copilot.harness import EVENT, HARNESS, line_level
from clankers.ingest.line_files import LineFiles, place_id
from clankers.ingest.live import Announced
from clankers.ingest.saved_text import text_member
from clankers.ingest.source import Record, SourceError, database_files
from clankers.ingest.whole_file import open_file, signature
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

WORKSPACE = "workspace"  # the type of a description's record, and its part
OUTPUT = "tool-output"
ROW = "db.usage"
EVENTS_FILE = "events.jsonl"

_FOLDER, _EVENTS, _ROWS = "session-state", "", "usage"
_MAX_ID = 128  # characters of a session's id
_MAX_PATH = 4096  # characters
_SAVED, _OUTPUT = "Saved to: ", "-copilot-tool-output-"  # in a cut output, and in the name of the file
_ENDS = ("SessionEnd", "sessionEnd")
_OF_SESSION = ("SessionStart", "sessionStart", *_ENDS)  # hooks that subagents do not have
# By the type of a line: the member of its `data` that is elided.
ELIDED = {
    "system.message": "content",
    "model.messages_snapshot": "messages",
    "model.model_call_success": "requestMessages",
}


class EventLog(LineFiles):
    """What there is of one session: its event log, named "", with an offset; its description and rows, with versions.

    Args:
        session: its id.
        path: of its directory.
        parse: what is looked at of a line; as `strict_json.parse`.
    """

    __slots__ = ("_saved",)

    def __init__(self, session: str, path: str, *, parse: Callable[[bytes], Any] = strict_json.parse) -> None:
        super().__init__(HARNESS.name, session, path, parse=parse)
        self._saved: list[str] = []  # the paths of outputs that the last line names

    def files(self, _offsets: Mapping[str, int]) -> dict[str, str]:
        """As `LineFiles.files`."""
        return {_EVENTS: os.path.join(self.path, EVENTS_FILE)}

    def watched(self) -> list[str]:
        """As `Source.watched`: the events, the description, and the database of all sessions."""
        return [os.path.join(self.path, EVENTS_FILE), self._workspace(), *database_files(self._database())]

    def owner(self, _part: str) -> str:
        """As `LineFiles.owner`: the session."""
        return self.session

    def others(self, versions: Mapping[str, str]) -> Iterator[tuple[str, Iterator[tuple[Record | None, str]]]]:
        """As `LineFiles.others`: the description, and the rows of the database."""
        if self._new_description(versions):
            yield WORKSPACE, self._description(versions.get(WORKSPACE, ""))
        if self._rows_changed(versions):
            yield _ROWS, self._new_rows(versions.get(_ROWS, ""))

    def read_lines(
        self, part: str, path: str, lines: Iterator[tuple[int, bytes]]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `LineFiles.read_lines`; before each line the outputs that it names, while they are there."""
        for record, of, mark in super().read_lines(part, path, lines):
            for saved in self._saved:
                if output := self._output(saved):
                    yield output, of, int(str(record.id if record else "@0").partition("@")[2].partition("#")[0])
            self._saved.clear()
            yield record, of, mark

    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record:
        """As `LineFiles.record`; every line is one."""
        kind = line.get("type")
        kind = (kind if isinstance(kind, str) and kind else UNKNOWN)[:MAX_KIND]
        payload = text
        content = nested(line, "data", "result", "content") if kind == "tool.execution_complete" else None
        if isinstance(content, str) and (saved := _saved_at(content)):
            self._saved.append(saved)
        if (member := ELIDED.get(kind)) and nested(line, "data", member) is not None:
            payload = _without(text, member)
        return Record(place_id(self.owner(part), at, text), EVENT + kind, line_level(line), payload)

    def is_record(self, line: dict[str, Any]) -> bool:
        """As `LineFiles.is_record`."""
        return isinstance(line.get("type"), str) and "id" in line and "timestamp" in line

    def _new_description(self, versions: Mapping[str, str]) -> bool:
        """Whether the description is there, and its file another one than `versions` says."""
        now = signature(self._workspace())
        return bool(now) and now != versions.get(WORKSPACE, "").partition("#")[0]

    def _description(self, before: str) -> Iterator[tuple[Record | None, str]]:
        """The record of the description, if it is another one than that of the version `before`."""
        now = signature(self._workspace())
        with open_file(self._workspace()) as file:
            text, crc = text_member(file.fileno())
        id = f"{self.session}/{WORKSPACE}#{crc:08x}"
        payload = b'{"sessionId":%s,%s}' % (strict_json.quote(self.session), text)
        record = Record(id, WORKSPACE, envelope.INFO, payload)
        yield None if before.endswith(f"#{crc:08x}") else record, f"{now}#{crc:08x}"

    def _output(self, path: str) -> Record | None:
        """The record of the file at `path`; None if it is gone, or no file."""
        try:
            with open_file(path) as file:
                text, crc = text_member(file.fileno())
        except (OSError, SourceError):
            return None
        name = os.path.basename(path)
        payload = b'{"sessionId":%s,"name":%s,%s}' % (strict_json.quote(self.session), strict_json.quote(name), text)
        return Record(f"{self.session}/{name}#{crc:08x}", OUTPUT, envelope.INFO, payload)

    def _rows_changed(self, versions: Mapping[str, str]) -> bool:
        # A hook does not load SQLite for it: each command that reads has done so.
        if "apsw" not in sys.modules:
            return False
        now = self._database_version()
        return bool(now) and now != versions.get(_ROWS, "").partition("#")[0]

    def _new_rows(self, before: str) -> Iterator[tuple[Record | None, str]]:
        """The rows behind the last one of the version `before`.

        Raises:
            SourceError: the database cannot be read.
        """
        from clankers.harnesses.copilot.usage_rows import usage_rows

        now, last = self._database_version(), int(before.partition("#")[2] or 0)
        for row, payload in usage_rows(self._database(), self.session, last):
            last = row
            record = Record(f"{self.session}/{_ROWS}:{row}#{crc32(payload):08x}", ROW, envelope.INFO, payload)
            yield record, f"#{last}"
        yield None, f"{now}#{last}"

    def _database(self) -> str:
        return os.path.join(os.path.dirname(os.path.dirname(self.path)), "session-store.db")

    def _database_version(self) -> str:
        """What changes with the database; empty where there is none."""
        return signature(self._database()) + signature(self._database() + "-wal")

    def _workspace(self) -> str:
        return os.path.join(self.path, "workspace.yaml")


def announce(hook: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the files of the session of `hook`; as `Announcer`.

    A subagent's hooks name the subagent as their session; its events are in the log of its parent.
    """
    transcript = hook.get("transcript_path") or hook.get("transcriptPath")
    if transcript is None:
        path = _named_by(hook)
    elif isinstance(transcript, str) and os.path.basename(transcript) == EVENTS_FILE:
        path = os.path.dirname(transcript)
    else:
        raise SourceError(f"{str(transcript)[:200]!r} is not an event log")
    if path:
        session = os.path.basename(path)
        source = EventLog(session, checked(session, path))
        announced[session] = Announced(source, ended=HARNESS.kind(hook) in _ENDS)


def _named_by(hook: dict[str, Any]) -> str:
    """The directory of the session, or the parent, that a hook names; empty if there is none.

    When a session starts, it may not be there yet; a subagent has none.
    """
    for member in ("session_id", "sessionId", "parent_agent_id", "parentAgentId"):
        named = hook.get(member)
        if isinstance(named, str) and is_session(named):
            path = os.path.join(sessions(), named)
            if HARNESS.kind(hook) in _OF_SESSION or os.path.isdir(path):
                return path
    return ""


def sessions() -> str:
    """The directory of the sessions: in `COPILOT_HOME`, else in `~/.copilot`."""
    return os.path.join(home(), _FOLDER)


def home() -> str:
    """The directory of the client's files: `COPILOT_HOME`, else `~/.copilot`."""
    return paths.named_directory("COPILOT_HOME") or os.path.join(paths.home(), ".copilot")


def checked(session: str, path: str) -> str:
    """`path`, if it has the shape of the directory of `session`: `.../session-state/<session>`.

    Raises:
        SourceError: it has not.
    """
    if "\0" in path or len(path) > _MAX_PATH or not os.path.isabs(path):
        raise SourceError("the path of the session is not absolute")
    folder, name = os.path.split(path)
    if name != session or os.path.basename(folder) != _FOLDER or ".." in path.split(os.sep):
        raise SourceError(f"{path[:200]!r} is not the directory of session {session[:200]}")
    if os.path.islink(path):
        raise SourceError(f"{path[:200]!r} is a link")
    return path


def is_session(name: str) -> bool:
    """Whether `name` can be a session's id, and so a part of a record's id."""
    return 0 < len(name) <= _MAX_ID and name.isascii() and name.replace("-", "").replace("_", "").isalnum()


def _saved_at(content: str) -> str:
    """The path of the file that the output `content` says it is cut from; empty if it says none."""
    path = content.partition(_SAVED)[2].partition("\n")[0].strip()
    folder, name = os.path.split(path)
    ours = _OUTPUT in name and name.endswith(".txt") and is_session(name.removesuffix(".txt"))
    return path if ours and os.path.isabs(folder) and ".." not in folder.split(os.sep) else ""


def _without(text: bytes, member: str) -> bytes:
    """The line `text` with the member of its `data` elided."""
    from clankers.ingest.json_items import elided, items, joined  # few lines need it

    members = [(name, elided(raw, member) if name == "data" else raw) for name, raw in items(text, "{}")]
    return joined(members)
