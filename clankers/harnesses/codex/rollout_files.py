"""The rollouts of one thread of Codex: files of lines, appended by every resume.

    sessions/YYYY/MM/DD/rollout-<local time>-<thread>.jsonl
    sessions/YYYY/MM/DD/rollout-<local time>-<thread>_<uuid>.jsonl   the same thread, after a rewind
    archived_sessions/rollout-...jsonl                               moved there by `codex archive`
    ....jsonl.zst                                                    compressed; the plain file is gone
    session_index.jsonl                                              the titles of all threads

A record is a line, its bytes the payload. Its id has its place, so the lines of a file can be put in order:

    <thread>@<offset>#<crc>         a line of the thread's rollout, by its byte offset and its content
    <thread>/<uuid>@<offset>#<crc>  a line of the rollout that a rewind began
    <thread>/index@<offset>#<crc>   a line of session_index.jsonl that names the thread

Its type is `rollout.` and the `type` of the line, such as

    rollout.session_meta  rollout.turn_context  rollout.event_msg  rollout.response_item  rollout.compacted
    rollout.token_usage_record  rollout.world_state

or `session_index`. Hook events are logged under their own names. The ids do not depend on where a file is, so one that
was archived or compressed adds nothing. `codex migrate-rollouts` rewrites a file in place: it is read again, and its
lines have new ids.

A rollout is read at every event: what an event reports itself is often written a moment later, and is read at the next
one. The last lines of a turn that fails or is killed, which no event follows, are left to the sweep.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os

from clankers.harnesses.base import MAX_KIND, UNKNOWN
from clankers.harnesses.codex.harness import HARNESS, ROLLOUT, rollout_level
from clankers.ingest.jsonl_tail import complete_lines
from clankers.ingest.line_files import LineFiles, first_time, place_id
from clankers.ingest.live import Announced
from clankers.ingest.source import Record, SourceError, absolute_path
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

INDEX = "session_index"  # the type of a title's record, and the part
SESSIONS, ARCHIVED = "sessions", "archived_sessions"
PLAIN, COMPRESSED = ".jsonl", ".jsonl.zst"

_HEAD = "rollout-"
_TIME = len("YYYY-MM-DDThh-mm-ss-")
_LOOK = 64 << 10  # bytes that are read at first for the first line, which has the system prompt
_DEPTH = 4  # directories in which a rollout may lie: a day's, a month's, a year's, and the top

# What names a thread in a hook's payload, and what names a rollout, with the event after which its thread has ended. In
# a subagent the first is the subagent's, but for SubagentStop.
_THREADS = ("session_id", "agent_id", "thread_id")
_ROLLOUTS = {"transcript_path": "SessionEnd", "agent_transcript_path": "SubagentStop"}


class Rollouts(LineFiles):
    """The files of one thread.

    Its parts are its rollouts, named as the files are, without the ending, each with an offset; and the index of
    titles. A compressed rollout is read from its start when it is new or has changed: its version says which it was.

    Args:
        thread: its id.
        home: the directory of Codex' files.
        named: the paths of rollouts by their names, for a caller who knows where they are.
        parse: what is looked at of a line; as `strict_json.parse`.
    """

    __slots__ = ("named",)

    def __init__(
        self,
        thread: str,
        home: str,
        named: Mapping[str, str] | None = None,
        *,
        parse: Callable[[bytes], Any] = strict_json.parse,
    ) -> None:
        super().__init__(HARNESS.name, thread, home, parse=parse)
        self.named = dict(named or {})

    def files(self, offsets: Mapping[str, int]) -> dict[str, str]:
        """As `LineFiles.files`: the rollouts that are not compressed, then the index."""
        plain = {name: path for name, path in self._rollouts(offsets).items() if not path.endswith(COMPRESSED)}
        return plain | {INDEX: os.path.join(self.path, INDEX + PLAIN)}

    def watched(self) -> list[str] | None:
        """As `Source.watched`: the rollouts, for a caller who knows where they are, and the index."""
        return [*self.named.values(), os.path.join(self.path, INDEX + PLAIN)] if self.named else None

    def compare(self, offsets: Mapping[str, int], versions: Mapping[str, str]) -> list[str] | None:
        """As `Source.compare`; compressed rollouts that are new or have changed are among them."""
        rewritten = super().compare(offsets, versions)
        compressed = [name for name, *_ in self._compressed(offsets, versions)]
        return None if rewritten is None and not compressed else [*(rewritten or ()), *compressed]

    def read(
        self, offsets: Mapping[str, int], versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`: the compressed rollouts, then the others and the index."""
        failure: SourceError | None = None
        for name, path, version in self._compressed(offsets, versions):
            try:
                for record, part, mark in self.read_lines(name, path, lines(path)):
                    if isinstance(mark, int):
                        yield record, part, mark
                yield None, name, version
            except SourceError as e:
                failure = failure or e
        yield from super().read(offsets, versions)
        if failure:
            raise failure

    def read_lines(
        self, part: str, path: str, lines: Iterator[tuple[int, bytes]]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `LineFiles.read_lines`; other threads' titles, of which there may be thousands, are passed over."""
        if part != INDEX:
            yield from super().read_lines(part, path, lines)
            return
        ours, end = self.session.encode(), 0
        for at, raw in lines:
            end = at + len(raw)
            if ours in raw:
                yield from super().read_lines(part, path, iter([(at, raw)]))
        if end:
            yield None, part, end

    def owner(self, part: str) -> str:
        """As `LineFiles.owner`: the thread, and what a rewind began in it."""
        if part == INDEX:
            return f"{self.session}/index"
        _, _, rewound = part[len(_HEAD) + _TIME :].partition("_")
        return f"{self.session}/{rewound}" if rewound else self.session

    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record | None:
        """As `LineFiles.record`; None for other threads' titles."""
        id = place_id(self.owner(part), at, text)
        if part == INDEX:
            return Record(id, INDEX, envelope.INFO, text) if line.get("id") == self.session else None
        kind = line.get("type")
        kind = ROLLOUT + (kind if isinstance(kind, str) and kind else UNKNOWN)[:MAX_KIND]
        return Record(id, kind, rollout_level(line), text)

    def is_record(self, line: dict[str, Any]) -> bool:
        """As `LineFiles.is_record`."""
        return isinstance(line.get("type"), str) and "timestamp" in line and "payload" in line

    def created(self) -> str:
        """As `Source.created`: the first time in the rollouts, whose names sort by their time."""
        for _, path in sorted(self._rollouts({}).items()):
            try:
                if time := first_time(lines(path, _LOOK)):
                    return time
            except SourceError:
                continue
        return ""

    def changed_at(self) -> float:
        """As `Source.changed_at`, of the rollouts: the index is of all threads."""
        if not (paths := self._rollouts({}).values()):
            raise FileNotFoundError(f"no rollout of {self.session} in {self.path}")
        return max(os.stat(path).st_mtime for path in paths)

    def _rollouts(self, offsets: Mapping[str, int]) -> dict[str, str]:
        """The thread's rollouts by name, and where each is; those in `offsets` are found by their names."""
        for name in offsets:
            if name != INDEX and name not in self.named and (path := _place(self.path, name)):
                self.named[name] = path
        return self.named

    def _compressed(self, offsets: Mapping[str, int], versions: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """The compressed rollouts that are new or have changed: name, path, version."""
        found = []
        for name, path in self._rollouts(offsets).items():
            if path.endswith(COMPRESSED):
                status = os.lstat(path)
                version = f"zst {status.st_mtime_ns} {status.st_size}"
                if versions.get(name) != version:
                    found.append((name, path, version))
        return found


def announce(hook: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the rollouts that `hook` names to their threads' others; as `Announcer`."""
    failure: SourceError | None = None
    for field, end in _ROLLOUTS.items():
        if not (path := hook.get(field)):
            continue  # --ephemeral writes none
        try:
            home, name, thread = located(absolute_path(path, field), [*map(hook.get, _THREADS)])
        except SourceError as e:
            failure = failure or e
            continue
        known = announced[thread].source if thread in announced else None
        others = known.named if isinstance(known, Rollouts) and known.path == home else {}
        source = Rollouts(thread, home, {**others, name: path})
        announced[thread] = Announced(source, ended=hook.get("hook_event_name") == end)
    if failure:
        raise failure


def located(path: str, threads: list[Any]) -> tuple[str, str, str]:
    """The home, the name and the thread of the rollout at `path`, which is of one of `threads`.

    Raises:
        SourceError: it has not the shape of such a rollout's path in a `sessions` or `archived_sessions` directory.
    """
    folder, file = os.path.split(path)
    name = file.removesuffix(COMPRESSED).removesuffix(PLAIN)
    thread = thread_of(name)
    if thread and name != file:
        for _ in range(_DEPTH):
            home, top = os.path.split(folder)
            if top in (SESSIONS, ARCHIVED):
                if thread in threads:
                    return home, name, thread
                raise SourceError(f"{path[:200]!r} is not a rollout of a thread that the event names")
            folder = home
    raise SourceError(f"{path[:200]!r} is not a rollout in a {SESSIONS} or {ARCHIVED} directory")


def thread_of(name: str) -> str:
    """The thread of a rollout by its name; empty if it is not a rollout's."""
    return name[len(_HEAD) + _TIME :].partition("_")[0] if name.startswith(_HEAD) else ""


def lines(path: str, first: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The complete lines of a rollout, each with its offset in the uncompressed file.

    Args:
        path: of the rollout.
        first: as of `complete_lines`.

    Raises:
        OSError: it cannot be read.
        SourceError: likewise.
    """
    if not path.endswith(COMPRESSED):
        return complete_lines(path, 0, first)
    from clankers.ingest.zstd_lines import zstd_lines

    return zstd_lines(path)


def _place(home: str, name: str) -> str | None:
    """Where the rollout `name` is: in the directory of its day, or archived; None if it is gone."""
    year, month, day = name[8:12], name[13:15], name[16:18]
    for folder in (os.path.join(SESSIONS, year, month, day), SESSIONS, ARCHIVED):
        for ending in (PLAIN, COMPRESSED):
            path = os.path.join(home, folder, name + ending)
            if os.path.lexists(path):
                return path
    return None
