"""The files of one session of Gemini CLI: its chats, its subagents' beside them, and long tool outputs.

    tmp/<slug>/chats/session-<minute>-<first 8 of the id>.jsonl   several after a resume in a later minute
    tmp/<slug>/chats/session-<minute>-<first 8 of the id>.json    one document, of older versions
    tmp/<slug>/chats/<session>/<subagent>.jsonl
    tmp/<slug>/tool-outputs/session-<session>/<file>.txt

A record's id comes from its source, so the same record imported twice bears the same id:

    <session>/<file>@<offset>#<crc>            a line, by its place; the file's name is without its suffix
    <session>/<subagent>@<offset>#<crc>        the same of a subagent; a subagent's subagent is <subagent>/<subagent>
    <session>/<file>[<ordinal>]<own id>#<crc>  a message of a document (`clankers.ingest.document`)
    <session>/project#<crc>, <session>/<file>.txt#<crc>

The client deletes complete sessions at a resume in a later minute, and by its retention, so each hook reads what is
new. The answer of a turn is in the file when AfterAgent starts (38 of 38 measured).

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
from zlib import crc32

from clankers.harnesses.base import MAX_KIND, UNKNOWN
from clankers.harnesses.gemini.harness import HARNESS, message_level
from clankers.ingest.document import Document
from clankers.ingest.line_files import LineFiles, place_id
from clankers.ingest.live import Announced
from clankers.ingest.saved_text import text_member
from clankers.ingest.source import Record, SourceError, absolute_path, all_below
from clankers.ingest.whole_file import beginning, content, open_file, signature
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

KIND = "chat."  # the prefix of the types of lines: chat.header, chat.set, chat.rewind, chat.user, chat.gemini, ...
HEADER, SET, REWIND = KIND + "header", KIND + "set", KIND + "rewind"
PROJECT = "project"  # {"sessionId":...,"projectRoot":<the directory whose slug is that of the session's files>}
OUTPUT = "tool-output"  # {"sessionId":...,"name":<of the file>,"text":...}, "text_b64" if it is not UTF-8

LINES, DOCUMENT, _TEXT = ".jsonl", ".json", ".txt"
SESSION = "session-"
_SHORT = 8  # characters of a session's id in the name of its files
_LOOK = 16 << 10  # bytes of a file that hold its header
_MAX_PROJECTS = 16 << 20  # bytes of the list of projects
_MAX_FOLDERS = 1000  # of subagents
_MAX_NAME = 200  # characters of a file's name


class Chats(LineFiles):
    """The files of one session.

    Its parts are named by their paths below the directory of chats, without the suffix of files of lines.

    Args:
        session: its id.
        path: the directory of the project's chats.
        parse: what is looked at of a line; as `strict_json.parse`.
    """

    __slots__ = ()

    def __init__(self, session: str, path: str, *, parse: Callable[[bytes], Any] = strict_json.parse) -> None:
        super().__init__(HARNESS.name, session, path, parse=parse)

    def files(self, offsets: Mapping[str, int]) -> dict[str, str]:
        """As `LineFiles.files`: the session's, then its subagents'."""
        own = [name for name in self._own(LINES) if name in offsets or self._is_own(name + LINES)]
        return {name: os.path.join(self.path, name + LINES) for name in (*own, *self._subagents())}

    def watched(self) -> list[str]:
        """As `Source.watched`: files that may be the session's, its subagents' and its outputs, and their folders."""
        beside, agents = os.path.dirname(self.path), self._subagents()
        own = [os.path.join(self.path, name + suffix) for suffix in (LINES, DOCUMENT) for name in self._own(suffix)]
        folders = dict.fromkeys((self.session, *map(os.path.basename, agents)))
        return [
            *(self.path, *own, os.path.join(beside, ".project_root")),
            *(os.path.join(self.path, folder) for folder in folders),
            *(os.path.join(self.path, agent + LINES) for agent in agents),
            *all_below(os.path.join(beside, "tool-outputs", SESSION + self.session)),
        ]

    def owner(self, part: str) -> str:
        """As `LineFiles.owner`: the session, and the file or subagents in it."""
        return f"{self.session}/{part.removeprefix(self.session + os.sep)}"

    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record | None:
        """As `LineFiles.record`."""
        if isinstance(line.get("type"), str):
            kind = KIND + (line["type"] or UNKNOWN)[:MAX_KIND]
        elif "$set" in line:
            kind = SET
        elif "$rewindTo" in line:
            kind = REWIND
        else:
            kind = HEADER if "sessionId" in line else KIND + UNKNOWN
        return Record(place_id(self.owner(part), at, text), kind, message_level(line), text)

    def is_record(self, line: dict[str, Any]) -> bool:
        """As `LineFiles.is_record`."""
        return "$set" in line or "$rewindTo" in line or ("timestamp" in line and "type" in line) or "startTime" in line

    def created(self) -> str:
        """As `Source.created`: when the first of the session's files was begun."""
        times = [time for file in self._all() if (time := _member(_head_of(file), b'"startTime"'))]
        return min(times, default="")

    def changed_at(self) -> float:
        """As `Source.changed_at`."""
        times = [os.stat(file).st_mtime for file in self._all()]
        if not times:
            raise FileNotFoundError(self.path)
        return max(times)

    def session_of(self, part: str) -> str:
        """As `Source.session_of`: a subagent's id is the name of its file."""
        folder, name = os.path.split(part)
        return name if folder and not name.endswith(_TEXT) else self.session

    def sessions(self) -> Collection[str]:
        """As `Source.sessions`."""
        return {self.session, *map(os.path.basename, self._subagents())}

    def _all(self) -> list[str]:
        documents = [os.path.join(self.path, name) for name in self._documents()]
        return [*self.files({}).values(), *documents]

    def _own(self, suffix: str) -> list[str]:
        """The names, without `suffix`, of files that may be the session's: others can begin with the same 8 letters."""
        end = f"-{self.session[:_SHORT]}{suffix}"
        names = _names(self.path, suffix, linked=True)
        return [name.removesuffix(suffix) for name in names if name.startswith(SESSION) and name.endswith(end)]

    def _is_own(self, name: str) -> bool:
        return session_in(os.path.join(self.path, name)) in (self.session, "")

    def _documents(self) -> list[str]:
        return [name + DOCUMENT for name in self._own(DOCUMENT) if self._is_own(name + DOCUMENT)]

    def _subagents(self) -> list[str]:
        """The parts that are subagents', their own included."""
        found: list[str] = []
        folders = [self.session]
        for folder in folders:
            for name in _names(os.path.join(self.path, folder), LINES):
                if len(folders) < _MAX_FOLDERS:
                    agent = name.removesuffix(LINES)
                    found.append(os.path.join(folder, agent))
                    if agent not in folders:
                        folders.append(agent)
        return found

    def others(self, versions: Mapping[str, str]) -> Iterator[tuple[str, Iterator[tuple[Record | None, str]]]]:
        """As `LineFiles.others`."""
        for name in self._documents():
            document = Document(
                os.path.join(self.path, name),
                self.owner(name.removesuffix(DOCUMENT)),
                self.session,
                level=message_level,
            )
            if document.changed(versions.get(name, "")):
                yield name, document.read(versions.get(name, ""))
        root = project_root(os.path.dirname(self.path))
        if root and versions.get(PROJECT) != _crc(root.encode()):
            yield PROJECT, self._project(root)
        folder = os.path.join(os.path.dirname(self.path), "tool-outputs", SESSION + self.session)
        for name in _names(folder, _TEXT):
            part = os.path.join("tool-outputs", name)
            if (version := signature(os.path.join(folder, name))) != versions.get(part, ""):
                yield part, self._output(os.path.join(folder, name), name, version)

    def _project(self, root: str) -> Iterator[tuple[Record | None, str]]:
        crc = _crc(root.encode())
        payload = b'{"sessionId":%s,"projectRoot":%s}' % (strict_json.quote(self.session), strict_json.quote(root))
        yield Record(f"{self.session}/{PROJECT}#{crc}", PROJECT, envelope.INFO, payload), crc

    def _output(self, path: str, name: str, version: str) -> Iterator[tuple[Record | None, str]]:
        with open_file(path) as file:
            text, crc = text_member(file.fileno())
        quote = strict_json.quote
        payload = b'{"sessionId":%s,"name":%s,%s}' % (quote(self.session), quote(name), text)
        yield Record(f"{self.session}/{name}#{crc:08x}", OUTPUT, envelope.INFO, payload), version


def announce(hook: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the files of the session of `hook`; as `Announcer`."""
    session = hook.get("session_id")
    if hook.get("transcript_path") and isinstance(session, str):
        source = Chats(session, chats_of(session, hook["transcript_path"]))
        announced[session] = Announced(source, ended=hook.get("hook_event_name") == "SessionEnd")


def chats_of(session: str, transcript: Any) -> str:
    """The directory of the chat file `transcript` of `session`.

    Raises:
        SourceError: it has not the shape of one: `.../tmp/<slug>/chats/session-<minute>-<first 8 of the id>.jsonl`.
    """
    folder, name = os.path.split(absolute_path(transcript, "transcript_path"))
    ends = tuple(f"-{session[:_SHORT]}{suffix}" for suffix in (LINES, DOCUMENT))
    if not (name.startswith(SESSION) and name.endswith(ends)):
        raise SourceError(f"{transcript[:200]!r} is not a chat file of session {session[:200]}")
    return checked(folder)


def checked(path: str) -> str:
    """`path`, if it has the shape of a directory of chats: `.../tmp/<slug>/chats`.

    Raises:
        SourceError: it has not.
    """
    *_, tmp, _slug, chats = ["", "", *absolute_path(path, "transcript_path").split(os.sep)]
    if (tmp, chats) != ("tmp", "chats"):
        raise SourceError(f"{path[:200]!r} is not a directory of chats in a directory of projects")
    return path


def session_in(path: str) -> str:
    """The session that the chat file at `path` names in its header; empty where it names none."""
    return _member(_head_of(path), b'"sessionId"')


def project_root(folder: str) -> str:
    """The directory of the project whose files are in `folder` (`tmp/<slug>`); empty where the client does not say."""
    try:
        return content(os.path.join(folder, ".project_root"), _LOOK).decode().strip()
    except (SourceError, UnicodeDecodeError):
        pass
    home = os.path.dirname(os.path.dirname(folder))
    try:
        projects = strict_json.parse(strict_json.trim(content(os.path.join(home, "projects.json"), _MAX_PROJECTS)))
        slugs: dict[str, Any] = projects["projects"]
        return next((root for root, slug in slugs.items() if slug == os.path.basename(folder)), "")
    except (SourceError, strict_json.NotJSONError, LookupError, TypeError, AttributeError):
        return ""


def _names(folder: str, suffix: str, *, linked: bool = False) -> list[str]:
    """The names of the files in `folder` that the client gives: letters, digits, `-` and `_`, and `suffix`.

    Args:
        folder: to look in; that there is none is usual.
        suffix: of the names.
        linked: whether it may be a link.
    """
    try:
        if not linked and os.path.islink(folder):
            return []
        names = [name for name in os.listdir(folder) if name.endswith(suffix)]
    except OSError:
        return []
    return sorted(name for name in names if _is_clean(name.removesuffix(suffix)))


def _is_clean(name: str) -> bool:
    return len(name) <= _MAX_NAME and name.isascii() and name.replace("-", "").replace("_", "").isalnum()


def _head_of(path: str) -> bytes:
    try:
        return beginning(path, _LOOK)
    except (SourceError, OSError):
        return b""


def _member(head: bytes, key: bytes) -> str:
    """The string that the first member `key` in `head` has; empty where there is none."""
    _, found, rest = head.partition(key)
    value = rest.lstrip(b" \t:")[:200]
    text, end, _ = value[1:].partition(b'"')
    return text.decode("utf-8", "replace") if found and end and value.startswith(b'"') else ""


def _crc(found: bytes) -> str:
    return f"{crc32(found):08x}"
