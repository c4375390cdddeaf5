"""The files of one session of Claude Code: its transcript and its subagents'. What is new in them goes into the log.

A record's id comes from its source, so the same record imported twice bears the same id:

    <session>[/<agent>]:<uuid>#<crc>    a line that bears a uuid, by it and its content, for one uuid may have two
    <session>[/<agent>]@<offset>#<crc>  a state line, by its byte offset in the file and its content
    <session>/<agent>#<crc>             a subagent's .meta.json, by its content

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import stat
import time
from zlib import crc32

from clankers.harnesses import classify
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Any

    from clankers.ingest.cursor import Cursor
    from clankers.log.writer import Log

SOURCE = "claude-code"
KIND = "transcript."  # the prefix of the types that this module gives: transcript.user, transcript.assistant, ...
META = KIND + "meta"  # {"sessionId":...,"agentId":...,"meta":<a subagent's .meta.json>}: the ids stand in its path only

# What is left out: lines that repeat the system prompt and the tools' schemas at every request (nine tenths of a
# transcript's bytes) or a prompt that has its own line.
LEFT_OUT = frozenset({"api-request", "api-request-shape", "api-request-blob"})
LEFT_OUT_ATTACHMENTS = frozenset({"prompt_snapshot"})

_CHUNK = 4 << 20  # bytes
_LOOK = 16 << 10  # bytes
_MAX_LINE = 256 << 20  # bytes
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class TranscriptError(Exception):
    """A transcript that will not be read; the message says why."""


class SessionFiles:
    """The files of one session: its own transcript, named "", and its subagents', named "agent-<id>".

    Attributes:
        taken: bytes of transcript that `take_in` took in.
        is_new: the log holds no record of the session.
        forgotten: the sessions whose past is not to come back; None: the log is to be asked.
        parse: what is looked at of a line; as `jsondoc.parse`.
        failure: of `append_new`: why a file is not to be read.
    """

    def __init__(
        self,
        session: str,
        cursor: Cursor,
        *,
        is_new: bool = False,
        forgotten: Collection[str] | None = None,
        parse: Callable[[bytes], Any] = strict_json.parse,
    ) -> None:
        self.session = session
        self.cursor = cursor
        self.is_new = is_new
        self.forgotten = forgotten
        self.parse = parse
        self.taken = 0
        self.failure: TranscriptError | None = None
        self._ahead = False

    def take_in(self, log: Log, budget: int | None) -> int:
        """Append the lines that are new, up to about `budget` bytes of them; returns how many records that made.

        Raises:
            OSError: a file cannot be read or written.
            TranscriptError: a file is not to be read; the session's other files were taken in all the same.
        """
        new = self.append_new(log, budget)
        if new:
            log.sync()
        self.settle()
        if self.failure:
            raise self.failure
        return new

    def append_new(self, log: Log, budget: int | None) -> int:
        """The first half of `take_in`: the lines that are new are in the log, but not on the disk yet.

        Raises:
            OSError: a file cannot be read or written.
        """
        cursor = self.cursor
        listing = self._listing()
        names = [name for name in self._names(listing) if self._size(name) != cursor.offsets.get(name, 0)]
        metas = self._new_metas(listing)
        seen: set[str] = set()
        if not names and not metas:
            return 0
        since = today = envelope.day_of(time.time_ns())
        if (cursor.busy or not cursor.known) and not self.is_new:
            since = cursor.since or self._born()
            seen = self._recorded(log.root, since)
        if not cursor.known and (forgotten := self._forgotten(log.root)):
            self.pass_over(forgotten)
            metas = self._new_metas(listing)
        # What is recorded may be of earlier days: who comes after a kill has to look there, too.
        cursor.since = since if cursor.busy or seen else today
        cursor.known = cursor.busy = True
        cursor.save()
        new = sum(self._take_in_metas(log, metas, seen))
        for name in names:
            try:
                if self._rewritten(name):  # then the ids of its lines tell what is new
                    cursor.offsets[name] = 0
                    cursor.since = self._born()
                    seen |= self._recorded(log.root, cursor.since)
                    self.pass_over(self._forgotten(log.root), [name])
                new += self._take_in_file(log, name, seen, budget)
            except TranscriptError as e:
                self.failure = self.failure or e
        # Where the budget ended, what is recorded already may still lie ahead: the next look compares again.
        self._ahead = bool(seen) and budget is not None and self.taken >= budget
        return new

    def settle(self) -> None:
        """Let the cursor say how far was read: once the log is synced, for what a disk lost is to be read again.

        Raises:
            OSError: the cursor cannot be written.
        """
        self.cursor.known, self.cursor.busy = True, self._ahead
        self.cursor.save()

    def pass_over(self, forgotten: Collection[str], names: list[str] | None = None) -> None:
        """Take what the session's files, or those of `names`, hold by now for read, where `forgotten` names whose."""
        cursor = self.cursor
        whole = self.session in forgotten
        listing = self._listing()
        for name in self._names(listing) if names is None else names:
            if whole or name.removeprefix("agent-") in forgotten:
                end = 0
                for at, raw in self.lines(name, 0):
                    end = at + len(raw)
                cursor.offsets[name] = end
        for agent, _, version in self._new_metas(listing):
            if whole or agent in forgotten:
                cursor.metas[agent] = version
        if whole:
            cursor.known, cursor.busy = True, False

    def changed_at(self) -> float:
        """When the session's files last changed, in seconds since the epoch."""
        try:
            return max(os.stat(self._path(name)).st_mtime for name in self._names(self._listing()))
        except OSError:
            return self.cursor.changed_at()

    def lines(self, name: str, offset: int) -> Iterator[tuple[int, bytes]]:
        """The whole lines of a file from `offset` on, as `_lines` gives them."""
        return _lines(self._path(name), offset)

    def _take_in_file(self, log: Log, name: str, seen: set[str], budget: int | None) -> int:
        owner = f"{self.session}/{name.removeprefix('agent-')}" if name else self.session
        offsets = self.cursor.offsets
        new = 0
        batch: list[bytes] = []
        size = 0
        now = time.time_ns()
        for at, raw in self.lines(name, offsets.get(name, 0)):
            if budget is not None and self.taken >= budget:
                break
            if (record := self._record(name, owner, at, raw, now)) and record[0] not in seen:
                batch.append(record[1])
                size += len(record[1])
                new += 1
            offsets[name] = at + len(raw)
            self.taken += len(raw)
            if size >= _CHUNK:
                log.write(envelope.day_of(now), batch)
                batch, size, now = [], 0, time.time_ns()
        log.write(envelope.day_of(now), batch)
        return new

    def _record(self, name: str, owner: str, at: int, raw: bytes, now: int) -> tuple[str, bytes] | None:
        """The id and the log line of one line of a transcript; None for what is left out."""
        text = strict_json.trim(raw)
        if not text:
            return None
        crc = f"{crc32(text):08x}"
        try:
            line, error = self.parse(text), "not a JSON object"
        except strict_json.NotJSONError as e:
            line, error = None, str(e)
        if not isinstance(line, dict):
            payload = envelope.invalid(text, f"{self._path(name)} at byte {at}: {error}")
            id, level = f"{owner}@{at}#{crc}", envelope.ERROR
            return id, envelope.line(SOURCE, envelope.INVALID, payload, level=level, id=id, now_ns=now)
        kind = line.get("type")
        if isinstance(kind, str) and kind in LEFT_OUT:
            return None
        if kind == "attachment":
            attachment = line.get("attachment")
            what = attachment.get("type") if isinstance(attachment, dict) else None
            if isinstance(what, str) and what in LEFT_OUT_ATTACHMENTS:
                return None
        uuid = line.get("uuid")
        id = f"{owner}:{uuid}#{crc}" if _is_name(uuid) else f"{owner}@{at}#{crc}"
        kind = KIND + (kind if isinstance(kind, str) and kind else classify.UNKNOWN)[: classify.MAX_KIND]
        return id, envelope.line(SOURCE, kind, text, level=classify.transcript_level(line), id=id, now_ns=now)

    def _path(self, name: str) -> str:
        return self._subagents() + os.sep + name + ".jsonl" if name else self.cursor.path

    def _subagents(self) -> str:
        return os.path.join(self.cursor.path.removesuffix(".jsonl"), "subagents")

    def _names(self, listing: list[str]) -> list[str]:
        return ["", *sorted(n.removesuffix(".jsonl") for n in listing if n.endswith(".jsonl"))]

    def _listing(self) -> list[str]:
        try:
            return [n for n in os.listdir(self._subagents()) if n.startswith("agent-") and len(n) < 200]
        except OSError:  # most of the time there is none
            return []

    def _size(self, name: str) -> int:
        """Bytes in a file: 0 where there is none, -1 where it is something else, which reading then refuses."""
        try:
            status = os.lstat(self._path(name))
        except FileNotFoundError:
            return 0
        return status.st_size if stat.S_ISREG(status.st_mode) else -1

    def _rewritten(self, name: str) -> bool:
        """Whether the file is not a continuation of what was read of it."""
        start = self.cursor.offsets.get(name, 0)
        if start == 0 or self._size(name) < 0:
            return False
        return self._size(name) < start or next(self.lines(name, start - 1), (0, b""))[1] != b"\n"

    def _new_metas(self, listing: list[str]) -> list[tuple[str, bytes, str]]:
        """Subagents' .meta.json that are new or changed: agent id, content, version."""
        found = []
        for n in sorted(listing):
            if not n.endswith(".meta.json"):
                continue
            path = os.path.join(self._subagents(), n)
            agent = n.removeprefix("agent-").removesuffix(".meta.json")
            try:
                status = os.lstat(path)
                changed, _, crc = self.cursor.metas.get(agent, "").partition("#")
                if not stat.S_ISREG(status.st_mode) or changed == str(status.st_mtime_ns):
                    continue
                fd = os.open(path, _FLAGS)
            except OSError:
                continue
            try:
                content = strict_json.trim(os.read(fd, 1 << 20))
            finally:
                os.close(fd)
            if crc != (new_crc := f"{crc32(content):08x}"):
                found.append((agent, content, f"{status.st_mtime_ns}#{new_crc}"))
        return found

    def _take_in_metas(self, log: Log, metas: list[tuple[str, bytes, str]], seen: set[str]) -> Iterator[bool]:
        now = time.time_ns()
        for agent, content, version in metas:
            try:
                strict_json.parse(content)
            except strict_json.NotJSONError:
                continue  # being written: the next look finds it whole
            self.cursor.metas[agent] = version
            id = f"{self.session}/{agent}#{version.partition('#')[2]}"
            if id not in seen:
                quote = strict_json.quote
                payload = b'{"sessionId":%s,"agentId":%s,"meta":%s}' % (quote(self.session), quote(agent), content)
                log.write(envelope.day_of(now), [envelope.line(SOURCE, META, payload, id=id, now_ns=now)])
                yield True

    def _recorded(self, root: str, since: str) -> set[str]:
        """The ids of this session's records in the log, from the day `since` on."""
        from clankers.log import record_ids  # which a hook seldom needs, nor the next

        return set(record_ids.ids(root, self.session, since))

    def _forgotten(self, root: str) -> Collection[str]:
        """The sessions whose past is not to come back; a tombstone cannot be older than its session."""
        if self.forgotten is not None:
            return self.forgotten
        from clankers.log import tombstones

        return tombstones.forgotten(root, self._born())

    def _born(self) -> str:
        """The day of the transcript's first line: no record of it can be older. Empty where it does not say."""
        try:
            return first_time(self.cursor.path)[:10]
        except TranscriptError:
            return ""


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


def _lines(path: str, offset: int, first: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a file from `offset` on, each with its own offset; a last line without newline is left.

    With `first` only so many bytes are read at once in the beginning: who asks for a line or two.

    Raises:
        TranscriptError: it is no regular file, or has no end of a line in sight.
    """
    try:
        fd = os.open(path, _FLAGS)
    except FileNotFoundError:
        return
    except OSError as e:
        raise TranscriptError(f"{path!r} is a link or cannot be opened: {e.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise TranscriptError(f"{path!r} is not a regular file")
        os.lseek(fd, offset, os.SEEK_SET)
        rest = b""
        size = first or _CHUNK
        while chunk := os.read(fd, size):
            size = _CHUNK
            *whole, rest = (rest + chunk).split(b"\n")
            for text in whole:
                yield offset, text + b"\n"
                offset += len(text) + 1
            if len(rest) > _MAX_LINE:
                raise TranscriptError(f"{path!r}: a line of over {_MAX_LINE} bytes at byte {offset}")
    finally:
        os.close(fd)


def first_time(path: str) -> str:
    """The first time that the transcript at `path` says; empty where it says none."""
    for _, raw in _lines(path, 0, _LOOK):
        _, key, rest = raw.partition(b'"timestamp":"')
        time, end, _ = rest[:40].partition(b'"')
        if key and end and time[:10].replace(b"-", b"").isdigit():
            return time.decode("ascii", "replace")
    return ""
