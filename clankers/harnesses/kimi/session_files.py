"""The files of one session of Kimi Code, below the directory of its workspace.

    sessions/<workspace>/<session>/state.json                      rewritten at each turn
    sessions/<workspace>/<session>/agents/main/wire.jsonl          the wire log
    sessions/<workspace>/<session>/agents/<agent>/wire.jsonl       a subagent's
    sessions/<workspace>/<session>/agents/<agent>/tool-results/<file>.txt

A record's id comes from its source, so the same record imported twice bears the same id:

    <session>@<offset>#<crc>           a line of the wire log, by its place and content
    <session>:<agent>@<offset>#<crc>   the same of a subagent, whose session is <session>:<agent>
    <session>/state#<crc>              the state, as `document.head` (`clankers.ingest.document`)
    <session>/<file>.txt#<crc>         a long output

The type of a line is `wire.` and its `type`, such as wire.turn.prompt or wire.usage.record. The system prompt and the
definitions of tools, 80 KB in each session, are left out by their size and digest.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os

from clankers import paths
from clankers.harnesses.base import MAX_KIND, UNKNOWN
from clankers.harnesses.kimi.harness import HARNESS, WIRE, line_level
from clankers.ingest.document import Document
from clankers.ingest.line_files import LineFiles, place_id
from clankers.ingest.live import Announced
from clankers.ingest.saved_text import text_member
from clankers.ingest.source import Record, SourceError, absolute_path, all_below
from clankers.ingest.whole_file import open_file, signature
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

OUTPUT = "tool-output"  # {"sessionId":...,"name":<of the file>,"text":...}, "text_b64" if it is not UTF-8
MAIN = "main"

STATE = "state"
ELIDED = {"profile.bind": "systemPrompt", "llm.tools_snapshot": "tools"}
_MAX_NAME = 200  # characters of a name


class SessionFolder(LineFiles):
    """The files of one session. Its parts are its agents' wire logs, named as the agents are, its state, and outputs.

    Args:
        session: its id.
        path: its directory.
    """

    __slots__ = ()

    def __init__(self, session: str, path: str) -> None:
        super().__init__(HARNESS.name, session, path)

    def files(self, _offsets: Mapping[str, int]) -> dict[str, str]:
        """As `LineFiles.files`: the main agent's, then its subagents'."""
        agents = dict.fromkeys((MAIN, *_names(os.path.join(self.path, "agents"))))
        return {agent: os.path.join(self.path, "agents", agent, "wire.jsonl") for agent in agents}

    def watched(self) -> list[str]:
        """As `Source.watched`: all that is in the directory."""
        return all_below(self.path)

    def owner(self, part: str) -> str:
        """As `LineFiles.owner`: the agent's session."""
        return self.session_of(part)

    def session_of(self, part: str) -> str:
        """As `Source.session_of`: an agent's, or the session itself for its state."""
        agent = part.partition("/")[0]
        return self.session if agent in (MAIN, STATE) else f"{self.session}:{agent}"

    def sessions(self) -> Collection[str]:
        """As `Source.sessions`."""
        return {self.session, *map(self.session_of, self.files({}))}

    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record:
        """As `LineFiles.record`; every line is one."""
        kind = line.get("type")
        kind = kind if isinstance(kind, str) and kind else UNKNOWN
        return Record(
            place_id(self.owner(part), at, text), (WIRE + kind)[:MAX_KIND], line_level(line), _recorded(kind, text)
        )

    def is_record(self, line: dict[str, Any]) -> bool:
        """As `LineFiles.is_record`."""
        return isinstance(line.get("type"), str) and ("time" in line or "protocol_version" in line)

    def created(self) -> str:
        """As `Source.created`: what the state says; a fork's wire log begins with older lines."""
        from clankers.ingest.whole_file import content

        try:
            state = strict_json.parse(strict_json.trim(content(os.path.join(self.path, "state.json"), 1 << 20)))
            return envelope.stamp(int(state["createdAt"]) * 1_000_000)
        except (OSError, SourceError, strict_json.NotJSONError, LookupError, TypeError, ValueError):
            return ""

    def changed_at(self) -> float:
        """As `Source.changed_at`."""
        times = [os.stat(path).st_mtime for path in self.files({}).values() if os.path.exists(path)]
        if not times:
            raise FileNotFoundError(self.path)
        return max(times)

    def others(self, versions: Mapping[str, str]) -> Iterator[tuple[str, Iterator[tuple[Record | None, str]]]]:
        """As `LineFiles.others`."""
        state = Document(os.path.join(self.path, "state.json"), f"{self.session}/{STATE}", self.session)
        if state.changed(versions.get(STATE, "")):
            yield STATE, state.read(versions.get(STATE, ""))
        for agent in self.files({}):
            folder = os.path.join(self.path, "agents", agent, "tool-results")
            for name in _names(folder, ".txt"):
                part = f"{agent}/{name}"
                if (version := signature(os.path.join(folder, name))) != versions.get(part, ""):
                    yield part, self._output(part, os.path.join(folder, name), version)

    def _output(self, part: str, path: str, version: str) -> Iterator[tuple[Record | None, str]]:
        with open_file(path) as file:
            text, crc = text_member(file.fileno())
        session, name, quote = self.session_of(part), os.path.basename(path), strict_json.quote
        payload = b'{"sessionId":%s,"name":%s,%s}' % (quote(session), quote(name), text)
        yield Record(f"{session}/{name}#{crc:08x}", OUTPUT, envelope.INFO, payload), version


def home() -> str:
    """The directory of Kimi Code's files: `KIMI_CODE_HOME`, else `~/.kimi-code`."""
    return paths.named_directory("KIMI_CODE_HOME") or os.path.join(paths.home(), ".kimi-code")


def sessions() -> str:
    """The directory of all sessions."""
    return os.path.join(home(), "sessions")


def announce(hook: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the files of the session of `hook`, in whose directory a subagent's are, too; as `Announcer`.

    A hook names no path, and Stop starts before the turn's last lines are written. In a run with `-p` the last hooks
    die with the client. What no hook announces is left to the sweep.
    """
    session = hook.get("session_id")
    if isinstance(session, str) and (folder := folder_of(session)):
        ended = hook.get("hook_event_name") == "SessionEnd"
        announced[session] = Announced(SessionFolder(session, folder), ended=ended)


def folder_of(session: str) -> str | None:
    """The directory of a session, which may be in any workspace; None if there is none yet.

    Raises:
        SourceError: the session's id cannot be a directory's name.
    """
    try:
        workspaces = sorted(os.listdir(sessions()))
    except OSError:
        return None
    found = (checked(session, os.path.join(sessions(), workspace, session)) for workspace in workspaces)
    return next(filter(os.path.isdir, found), None)


def checked(session: str, path: str) -> str:
    """`path`, if it has the shape of the directory of `session`.

    Raises:
        SourceError: it has not.
    """
    if not _is_name(session) or os.path.basename(absolute_path(path, "the directory")) != session:
        raise SourceError(f"{path[:200]!r} is not the directory of session {session[:200]}")
    return path


def _recorded(kind: str, text: bytes) -> bytes:
    """What is logged of a line of the type `kind`."""
    if kind not in ELIDED:
        return text
    from clankers.ingest.json_items import elided  # two lines of a session

    return elided(text, ELIDED[kind])


def _names(folder: str, ending: str = "") -> list[str]:
    """The names in `folder` that the client gives; that there is no such directory is usual."""
    try:
        names = [] if os.path.islink(folder) else os.listdir(folder)
    except OSError:
        names = []
    return sorted(name for name in names if name.endswith(ending) and _is_name(name.removesuffix(ending)))


def _is_name(name: str) -> bool:
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    return len(name) <= _MAX_NAME and plain.isascii() and plain.isalnum()
