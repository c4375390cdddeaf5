"""The chat history of aider in one directory: Markdown that grows, and is never deleted.

    # aider chat started at 2026-11-27 20:24:38        a run: what follows is its session
    > Aider v0.86.2                                    the client's voice
    #### the prompt                                    a turn: each line of the prompt is marked, and ends in two blanks

A record is a block: what stands before the first prompt of a run (`run`), or a prompt with all that follows (`turn`):

    {"sessionId":...,"path":...,"started":<local time>,"utcOffset":<seconds>,"text":...}

Its id is `<history>/<offset of the run>@<offset of the block>#<crc>`, where the history is named after its path. The
last block of a run is another record each time it has grown. The file names no zone: it is that of this machine.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import time
from zlib import crc32

from clankers.harnesses.aider.harness import HARNESS
from clankers.ingest.source import Record, Source, SourceError, absolute_path
from clankers.ingest.whole_file import content, signature
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

NAME = ".aider.chat.history.md"
SESSION = "aider-"  # begins the names of histories
RUN, TURN = "run", "turn"

_STARTED = b"# aider chat started at "
_PROMPT = b"#### "
_MARKED = b"  "  # ends what the client marks: in an answer a heading of the fourth level seldom does
_FILE = "file"  # the part whose version is that of the file
_MAX_BYTES = 256 << 20


class ChatHistory(Source):
    """One chat history. Its parts are its runs, each with the version of its last block."""

    __slots__ = ()

    def __init__(self, path: str) -> None:
        session = history_id(path)
        super().__init__(HARNESS.name, session, path, (session,))

    def compare(self, _offsets: Mapping[str, int], versions: Mapping[str, str]) -> Collection[str] | None:
        """As `Source.compare`: the file is read again completely when it has changed."""
        return None if signature(self.path) == versions.get(_FILE) else ()

    def read(
        self, offsets: Mapping[str, int], versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`: the blocks behind the last one that was read of each run, and that one if it has grown."""
        now = signature(self.path)
        for run, blocks in _runs(content(self.path, _MAX_BYTES)):
            part = str(run)
            started = blocks[0][1][len(_STARTED) :].partition(b"\n")[0].decode("utf-8", "replace").strip()
            for start, text in blocks:
                version = f"{start}#{crc32(text):08x}"
                if start < offsets.get(part, 0) or versions.get(part) == version:
                    continue
                yield self._record(part, start, started, text), part, start
                yield None, part, version
        yield None, _FILE, now

    def session_of(self, part: str) -> str:
        """As `Source.session_of`: a run."""
        return self.session if part == _FILE else f"{self.session}/{part}"

    def sessions(self) -> Collection[str]:
        """As `Source.sessions`."""
        try:
            runs = _runs(content(self.path, _MAX_BYTES))
        except (OSError, SourceError):
            return (self.session,)
        return (self.session, *(self.session_of(str(run)) for run, _ in runs))

    def created(self) -> str:
        """As `Source.created`: nothing says it of all runs, and a file is imported as a whole."""
        return envelope.stamp(int(self.changed_at() * 1e9))

    def changed_at(self) -> float:
        """As `Source.changed_at`."""
        return os.stat(self.path).st_mtime

    def _record(self, part: str, start: int, started: str, text: bytes) -> Record:
        quote = strict_json.quote
        payload = b'{"sessionId":%s,"path":%s,"started":%s,"utcOffset":%d,"text":%s}' % (
            quote(self.session_of(part)),
            quote(self.path),
            quote(started),
            _utc_offset(started),
            quote(text.decode("utf-8", "replace")),
        )
        kind = RUN if str(start) == part else TURN
        return Record(f"{self.session_of(part)}@{start}#{crc32(text):08x}", kind, envelope.INFO, payload)


def history_id(path: str) -> str:
    """How the ids of a history's sessions begin."""
    return f"{SESSION}{crc32(os.path.dirname(path).encode('utf-8', 'surrogateescape')):08x}"


def checked(session: str, path: str) -> str:
    """`path`, if it is that of the history `session`.

    Raises:
        SourceError: it is not.
    """
    if history_id(absolute_path(path, "the path")) != session:
        raise SourceError(f"{path[:200]!r} is not the chat history {session[:200]}")
    return path


def _runs(text: bytes) -> list[tuple[int, list[tuple[int, bytes]]]]:
    """The runs, each with its offset and its blocks; a last line without its newline may be in flight."""
    runs: list[tuple[int, list[tuple[int, bytes]]]] = []
    at, prompting = 0, False
    for line in text.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        prompt = line.startswith(_PROMPT) and line.rstrip(b"\r\n").endswith(_MARKED)
        if line.startswith(_STARTED):
            runs.append((at, [(at, line)]))
        elif runs and prompt and not prompting:
            runs[-1][1].append((at, line))
        elif runs:
            start, block = runs[-1][1][-1]
            runs[-1][1][-1] = (start, block + line)
        prompting = prompt
        at += len(line)
    return runs


def _utc_offset(started: str) -> int:
    """Seconds by which this machine's local time was ahead of UTC then."""
    try:
        return time.localtime(time.mktime(time.strptime(started, "%Y-%m-%d %H:%M:%S"))).tm_gmtoff
    except (ValueError, OverflowError):
        return 0
