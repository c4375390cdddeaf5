"""The files of one session of Claude Code: its transcript, and its subagents' in a directory beside it.

A record's id comes from its source, so the same record imported twice bears the same id:

    <session>[/<agent>]:<uuid>#<crc>    a line that bears a uuid, by it and its content, for one uuid may have two
    <session>[/<agent>]@<offset>#<crc>  a state line, by its byte offset in the file and its content
    <session>/<agent>#<crc>             a subagent's .meta.json, by its content

A tool's long output in a file of its own: `clankers.harnesses.claude_code.tool_outputs`.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import stat
from zlib import crc32

from clankers.harnesses.base import MAX_KIND, UNKNOWN
from clankers.harnesses.claude_code.cursor import is_of_cursor
from clankers.harnesses.claude_code.harness import HARNESS, transcript_level
from clankers.harnesses.claude_code.tool_outputs import FOLDER, new_outputs, output_record
from clankers.ingest.jsonl_tail import READ_ONLY, complete_lines
from clankers.ingest.line_files import LineFiles, place_id
from clankers.ingest.live import Announced
from clankers.ingest.source import Record, SourceError, absolute_path, all_below
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

KIND = "transcript."  # the prefix of the types that this module gives: transcript.user, transcript.assistant, ...
META = KIND + "meta"  # {"sessionId":...,"agentId":...,"meta":<a subagent's .meta.json>}: the ids stand in its path only

# What is left out: lines that repeat the system prompt and the tools' schemas at every request (nine tenths of a
# transcript's bytes) or a prompt that has its own line.
LEFT_OUT = frozenset({"api-request", "api-request-shape", "api-request-blob"})
LEFT_OUT_ATTACHMENTS = frozenset({"prompt_snapshot"})

_MAX_META = 1 << 20  # bytes
_MAX_NAME = 400  # characters of a file's path below the subagents' folder
_MAX_FOLDERS = 1000
ENDING = ".jsonl"
_AGENT = "agent-"  # how the names of a subagent's files begin
_ANSWERS = ("Stop", "SubagentStop", "StopFailure")  # hooks that report an answer


class Transcripts(LineFiles):
    """The files of one session.

    Its parts are its own transcript, named "", and its subagents', named `agent-<id>`, each with an offset; and their
    descriptions, named by the agent's id, each with the time and checksum of what was recorded as its version; and
    long outputs of tools, named `tool-results/<name>`, each with its size as its offset.

    Args:
        session: its id.
        path: of its own transcript.
        parse: what is looked at of a line; as `strict_json.parse`.
    """

    __slots__ = ()

    def __init__(self, session: str, path: str, *, parse: Callable[[bytes], Any] = strict_json.parse) -> None:
        super().__init__(HARNESS.name, session, path, parse=parse)

    def compare(self, offsets: Mapping[str, int], versions: Mapping[str, str]) -> list[str] | None:
        """As `Source.compare`: the transcripts that were rewritten; a new file beside them is a change, too."""
        rewritten = super().compare(offsets, versions)
        if rewritten is not None:
            return rewritten
        beside = next(self._new_metas(versions), None) or next(new_outputs(self._folder(), offsets), None)
        return None if beside is None else []

    def watched(self) -> list[str]:
        """As `Source.watched`: the transcript, and all that is in the folder beside it."""
        return [self.path, *all_below(self._folder())]

    def read(
        self, offsets: Mapping[str, int], versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`: the descriptions, then each transcript's lines, then the tools' long outputs."""
        for agent, content, version in self._new_metas(versions):
            try:
                strict_json.parse(content)
            except strict_json.NotJSONError:
                continue  # being written: the next look finds it complete
            quote = strict_json.quote
            payload = b'{"sessionId":%s,"agentId":%s,"meta":%s}' % (quote(self.session), quote(agent), content)
            id = f"{self.session}/{agent}#{version.partition('#')[2]}"
            yield Record(id, META, envelope.INFO, payload), agent, version
        failure: SourceError | None = None
        try:
            yield from super().read(offsets, versions)
        except SourceError as e:
            failure = e
        for part, size in new_outputs(self._folder(), offsets):
            yield output_record(self.session, self._folder(), part), part, size
        if failure:
            raise failure

    def files(self, _offsets: Mapping[str, int]) -> dict[str, str]:
        """As `LineFiles.files`: the session's transcript, then the subagents'."""
        return {name: self._path(name) for name in self._names(self._listing())}

    def owner(self, part: str) -> str:
        """As `LineFiles.owner`: the session, and the subagent in it."""
        return f"{self.session}/{self.session_of(part)}" if part else self.session

    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record | None:
        """As `LineFiles.record`; None for lines that repeat what others have."""
        kind = line.get("type")
        if isinstance(kind, str) and kind in LEFT_OUT:
            return None
        if kind == "attachment":
            attachment = line.get("attachment")
            what = attachment.get("type") if isinstance(attachment, dict) else None
            if isinstance(what, str) and what in LEFT_OUT_ATTACHMENTS:
                return None
        owner, uuid = self.owner(part), line.get("uuid")
        id = f"{owner}:{uuid}#{crc32(text):08x}" if _is_name(uuid) else place_id(owner, at, text)
        kind = KIND + (kind if isinstance(kind, str) and kind else UNKNOWN)[:MAX_KIND]
        return Record(id, kind, transcript_level(line), text)

    def is_record(self, line: dict[str, Any]) -> bool:
        """As `LineFiles.is_record`."""
        return isinstance(line.get("type"), str) and ("uuid" in line or "sessionId" in line)

    def session_of(self, part: str) -> str:
        """As `Source.session_of`: a subagent's id is in the name of its files."""
        if part.startswith(FOLDER + "/"):
            return self.session
        return os.path.basename(part).removeprefix(_AGENT) or self.session

    def sessions(self) -> Collection[str]:
        """As `Source.sessions`."""
        listing = self._listing()
        return {self.session, *map(self.session_of, self._names(listing)), *(agent for agent, _ in _metas(listing))}

    def lines(self, name: str, offset: int) -> Iterator[tuple[int, bytes]]:
        """The complete lines of a transcript from `offset` on, as `complete_lines` gives them."""
        return complete_lines(self._path(name), offset)

    def part_of(self, path: Any, agent: Any) -> str | None:
        """The part for a subagent's transcript, by its path or else its agent's id; None if neither can be one."""
        inside = self._subagents() + os.sep
        if isinstance(path, str) and path.startswith(inside) and ".." not in path.split(os.sep):
            return path.removeprefix(inside).removesuffix(ENDING)
        name = f"{_AGENT}{agent}"
        return None if os.sep in name else name

    def _path(self, name: str) -> str:
        return self._subagents() + os.sep + name + ENDING if name else self.path

    def _folder(self) -> str:
        return self.path.removesuffix(ENDING)

    def _subagents(self) -> str:
        return os.path.join(self._folder(), "subagents")

    def _listing(self) -> list[str]:
        """The subagents' files, below their folder: those of a workflow lie deeper, a folder for each of its runs."""
        found: list[str] = []
        folders = [""]
        for folder in folders:
            try:
                with os.scandir(os.path.join(self._subagents(), folder)) as entries:
                    for entry in entries:
                        name = os.path.join(folder, entry.name)
                        if len(name) >= _MAX_NAME:
                            continue
                        if entry.name.startswith(_AGENT) and entry.name.endswith((ENDING, ".json")):
                            found.append(name)
                        elif len(folders) < _MAX_FOLDERS and entry.is_dir(follow_symlinks=False):
                            folders.append(name)
            except OSError:  # most of the time there is none
                continue
        return sorted(found)

    def _names(self, listing: list[str]) -> list[str]:
        return ["", *(n.removesuffix(ENDING) for n in listing if n.endswith(ENDING))]

    def _new_metas(self, versions: Mapping[str, str]) -> Iterator[tuple[str, bytes, str]]:
        """The descriptions that are new or changed: agent id, content, version."""
        for agent, file in _metas(self._listing()):
            path = os.path.join(self._subagents(), file)
            try:
                status = os.lstat(path)
                changed, _, crc = versions.get(agent, "").partition("#")
                if not stat.S_ISREG(status.st_mode) or changed == str(status.st_mtime_ns):
                    continue
                fd = os.open(path, READ_ONLY)
            except OSError:
                continue
            try:
                content = strict_json.trim(os.read(fd, _MAX_META))
            finally:
                os.close(fd)
            if crc != (new_crc := f"{crc32(content):08x}"):
                yield agent, content, f"{status.st_mtime_ns}#{new_crc}"


def _metas(listing: list[str]) -> list[tuple[str, str]]:
    """The agents' ids and their descriptions' names."""
    return [
        (os.path.basename(n).removeprefix(_AGENT).removesuffix(".meta.json"), n)
        for n in listing
        if n.endswith(".meta.json")
    ]


def announce(hook: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the transcripts of the session of `hook`, if it is Claude Code's own; as `Announcer`.

    The client deletes transcripts after 30 days, so whatever a hook announces is ingested at once.
    """
    session, event = hook.get("session_id"), hook.get("hook_event_name")
    if is_of_cursor(hook) or not (hook.get("transcript_path") and isinstance(session, str)):
        return
    source = Transcripts(session, checked(session, hook["transcript_path"]))

    def wait(offsets: Mapping[str, int]) -> None:
        if event in _ANSWERS:
            from clankers.harnesses.claude_code.await_answer import await_answer

            await_answer(source, hook, offsets)

    announced[session] = Announced(source, ended=event == "SessionEnd", wait=wait)


def checked(session: str, path: Any) -> str:
    """`path`, if it has the shape of a transcript of `session`: `.../projects/<project>/<session>.jsonl`.

    Raises:
        SourceError: it has not.
    """
    file = absolute_path(path, "transcript_path")
    folder, name = os.path.split(file)
    if name != session + ENDING or os.path.basename(os.path.dirname(folder)) != "projects":
        raise SourceError(f"{file[:200]!r} is not a transcript of session {session[:200]} in a projects directory")
    return file


def _is_name(uuid: Any) -> bool:
    """Whether `uuid` can stand in an id, which the log is searched for by its bytes: nothing in it is escaped."""
    return (
        isinstance(uuid, str)
        and 0 < len(uuid) <= 128
        and uuid.isascii()
        and uuid.isprintable()
        and '"' not in uuid
        and "\\" not in uuid
    )
