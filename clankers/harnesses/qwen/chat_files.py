"""The chat files of one session of Qwen Code: its own, and its subagents'.

    projects/<directory>/chats/<session>.jsonl
    projects/<directory>/subagents/<session>/agent-<id>.jsonl

A record is a line, its bytes the payload, its id `<session>[/agent-<id>]@<offset>#<crc>`. Its type is `chat.` and the
`type` of the line: chat.user, chat.assistant, chat.tool_result, chat.system.

The final line of a turn is on the disk when Stop starts (14 of 14 measured). An error has no hook, and headless runs
have no SessionEnd: what no hook announces is left to the sweep.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os

from clankers.harnesses.base import MAX_KIND, UNKNOWN
from clankers.harnesses.qwen.harness import CHAT, HARNESS, line_level
from clankers.ingest.line_files import LineFiles, place_id
from clankers.ingest.live import Announced
from clankers.ingest.source import Record, SourceError, absolute_path, all_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

CHATS, SUBAGENTS, ENDING = "chats", "subagents", ".jsonl"

_AGENT = "agent-"  # how the names of a subagent's files begin
_SEPARATORS = "/@#"  # of a record's id


class ChatFiles(LineFiles):
    """The files of one session: its chat, named "", and its subagents', named as they are, each with an offset."""

    __slots__ = ()

    def __init__(self, session: str, path: str) -> None:
        super().__init__(HARNESS.name, session, path)

    def files(self, _offsets: Mapping[str, int]) -> dict[str, str]:
        """As `LineFiles.files`."""
        folder = self._folder()
        try:
            names = sorted(os.listdir(folder))
        except OSError:  # most of the time there is none
            names = []
        agents = {
            name.removesuffix(ENDING): os.path.join(folder, name)
            for name in names
            if name.startswith(_AGENT) and name.endswith(ENDING) and not any(c in name for c in _SEPARATORS)
        }
        return {"": self.path, **agents}

    def watched(self) -> list[str]:
        """As `Source.watched`: the chat, and all that is in the folder of its subagents."""
        return [self.path, *all_below(self._folder())]

    def owner(self, part: str) -> str:
        """As `LineFiles.owner`: the session, and the subagent's file."""
        return f"{self.session}/{part}" if part else self.session

    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record:
        """As `LineFiles.record`; every line is one."""
        kind = line.get("type")
        kind = CHAT + (kind if isinstance(kind, str) and kind else UNKNOWN)[:MAX_KIND]
        return Record(place_id(self.owner(part), at, text), kind, line_level(line), text)

    def is_record(self, line: dict[str, Any]) -> bool:
        """As `LineFiles.is_record`."""
        return isinstance(line.get("type"), str) and "uuid" in line and "sessionId" in line

    def _folder(self) -> str:
        return os.path.join(os.path.dirname(os.path.dirname(self.path)), SUBAGENTS, self.session)


def announce(hook: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the chat files of the session of `hook`; as `Announcer`."""
    if path := hook.get("transcript_path"):
        session = str(hook.get("session_id"))
        source = ChatFiles(session, checked(session, path))
        announced[session] = Announced(source, ended=hook.get("hook_event_name") == "SessionEnd")


def checked(session: str, path: Any) -> str:
    """`path`, if it has the shape of a chat file of `session`: `.../chats/<session>.jsonl`.

    Raises:
        SourceError: it has not.
    """
    file = absolute_path(path, "transcript_path")
    folder, name = os.path.split(file)
    if name != session + ENDING or os.path.basename(folder) != CHATS:
        raise SourceError(f"{file[:200]!r} is not the chat file of session {session[:200]}")
    return file
