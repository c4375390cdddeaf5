"""Following Claude Code's transcripts: the lines that are new since the last look go into the log, each once.

Hooks carry neither tokens nor the answers' structure, and the client deletes transcripts after 30 days; so whatever a
hook announces is taken in at once. Measured facts about the files: README, "Claude Code".

For each session a cursor file remembers how far its files were read. A cursor is a convenience: without it the log
itself tells which records it holds, by their ids:

    <session>[/<agent>]:<uuid>      a line that bears a uuid
    <session>[/<agent>]@<offset>    a state line, by its byte offset in the file
    <session>/<agent>#<crc>         a subagent's .meta.json, by its content

The marker directory `open/` lists the sessions that may still have lines to come, so that what a killed client wrote
last is picked up by the next hook of any session and by `clankers project`.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import stat
import time
from zlib import crc32

from clankers import envelope, jsondoc, kinds
from clankers.log import Log, file_name
from clankers.paths import make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Self

SOURCE = "claude-code"
KIND = "transcript."  # the prefix of the types that this module gives: transcript.user, transcript.assistant, ...
META = KIND + "meta"  # {"sessionId":...,"agentId":...,"meta":<a subagent's .meta.json>}: the ids stand in its path only

# What is left out: lines that repeat the system prompt and the tools' schemas at every request (nine tenths of a
# transcript's bytes) or a prompt that has its own line.
LEFT_OUT = frozenset({"api-request", "api-request-shape", "api-request-blob"})
LEFT_OUT_ATTACHMENTS = frozenset({"prompt_snapshot"})

HOOK_BYTES = 4 << 20  # of transcript that one hook takes in; the rest follows at the next hook or `project`
_CHUNK = 4 << 20
_MAX_LINE = 256 << 20
_PATIENCE = 0.25  # seconds a Stop hook waits for the answer to reach the file; 1 to 23 ms were measured
_POLL = 0.002  # seconds
_SETTLED = 60.0  # seconds after its last change that an ended session's files are taken to be complete
_FORGOTTEN = 86400.0  # the same for a session that never said it ended
_SWEEP = 64  # other sessions that one hook looks at
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class TranscriptError(Exception):
    """A transcript that will not be read; the message says why."""


def after_hooks(log: Log, hooks: list[Any]) -> None:
    """Take in what the payloads of `hooks`, just logged, announce, and what other sessions left behind.

    Raises:
        OSError: a file cannot be read or written.
        TranscriptError: a payload names something that is not a transcript of its session.
    """
    last: dict[str, dict[str, Any]] = {}
    for hook in hooks:
        if isinstance(hook, dict) and hook.get("transcript_path") and isinstance(hook.get("session_id"), str):
            last[hook["session_id"]] = hook
    for session, hook in last.items():
        event = hook.get("hook_event_name")
        with _Cursor(log.root, session, _checked(session, hook["transcript_path"]), patience=_PATIENCE) as cursor:
            if cursor.locked:
                cursor.mark_open(ended=event == "SessionEnd")
                if event in ("Stop", "SubagentStop", "StopFailure"):
                    _await_answer(cursor, hook)
                cursor.take_in(log, HOOK_BYTES)
    sweep(log, limit=_SWEEP, budget=HOOK_BYTES, but=last)


def take_in(log: Log, session: str, path: str) -> int:
    """Take in all that is new in the transcript of `session` at `path` and in its subagents'; returns the new records.

    Raises:
        OSError: a file cannot be read or written.
        TranscriptError: it is not a transcript of that session.
    """
    with _Cursor(log.root, session, _checked(session, path), patience=_PATIENCE) as cursor:
        return cursor.take_in(log, None) if cursor.locked else 0


def sweep(log: Log, *, limit: int | None = None, budget: int | None = None, but: object = ()) -> int:
    """Take in what open sessions wrote since; close those that are complete. Returns how many records were new.

    Args:
        log: where to.
        limit: how many sessions to look at, at most.
        budget: how many bytes of transcript to take in, at most.
        but: sessions not to look at (a container of ids).
    """
    try:
        names = os.listdir(_open_markers(log.root))
    except FileNotFoundError:
        return 0
    new = 0
    for session in names[:limit]:
        if session in but:  # type: ignore[operator]
            continue
        with _Cursor(log.root, session) as cursor:
            if cursor.locked and cursor.path:
                new += cursor.take_in(log, budget)
                cursor.close_if_complete()
    return new


def _open_markers(root: str) -> str:
    return os.path.join(root, "cursors", "open")


def _checked(session: str, path: Any) -> str:
    """`path`, if it has the shape of a transcript of `session`: `.../projects/<project>/<session>.jsonl`.

    Raises:
        TranscriptError: it has not.
    """
    if not isinstance(path, str) or "\0" in path or len(path) > 4096 or not os.path.isabs(path):
        raise TranscriptError("transcript_path is not an absolute path")
    folder, name = os.path.split(path)
    if not session or len(session) > 128 or not session.replace("-", "").replace("_", "").isalnum():
        raise TranscriptError(f"session_id {session[:80]!r} is not a name of letters, digits and hyphens")
    if (
        name != session + ".jsonl"
        or os.path.basename(os.path.dirname(folder)) != "projects"
        or ".." in path.split(os.sep)
    ):
        raise TranscriptError(f"{path[:200]!r} is not a transcript of session {session} in a projects directory")
    return path


def _await_answer(cursor: _Cursor, hook: dict[str, Any]) -> None:
    """Wait, for a short time, until the answer that `hook` reports is in the transcript: the client flushes it late."""
    answer = hook.get("last_assistant_message")
    if not isinstance(answer, str) or not answer:
        return
    name = ""
    if hook.get("hook_event_name") == "SubagentStop":
        if not hook.get("agent_type"):
            return  # a compaction's: it has no transcript
        name = f"agent-{hook.get('agent_id')}"
    deadline = time.monotonic() + _PATIENCE
    offset = cursor.offsets.get(name, 0)
    needle = answer.strip()
    while True:
        for at, raw in cursor.lines(name, offset):
            offset = at + len(raw)
            if b'"assistant"' in raw and needle in _texts(raw):
                return
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL)


def _texts(raw: bytes) -> list[str]:
    try:
        content = jsondoc.parse(jsondoc.trim(raw))["message"]["content"]
        return [block["text"].strip() for block in content if block.get("type") == "text"]
    except (jsondoc.NotJSONError, LookupError, TypeError, AttributeError):
        return []


class _Cursor:
    """How far the files of one session were read: `with _Cursor(...) as cursor`, locked against other processes.

    Attributes:
        path: the session's transcript; empty where neither the caller nor the cursor file knows it.
        offsets: bytes read of each file: of the transcript under "", of subagents' under "agent-<id>".
        locked: False when another process is at work on this session: it reads what we would have read.
    """

    def __init__(self, root: str, session: str, path: str = "", *, patience: float = 0) -> None:
        self.root = root
        self.session = session
        self.path = path
        self.offsets: dict[str, int] = {}
        self.metas: dict[str, str] = {}  # of each subagent's .meta.json "<time of change>#<crc>"
        self.ended = False
        self.locked = False
        self._patience = patience
        self._known = False  # the cursor file was whole, and no append was cut off
        self._saved = b""
        self._since = ""  # the day of the first record that the cursor may not know of; empty: not known either
        self._file = os.path.join(root, "cursors", session + ".json")
        self._marker = os.path.join(_open_markers(root), session)

    def __enter__(self) -> Self:
        make_private(_open_markers(self.root))
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._fd = os.open(self._file, flags, 0o600)
        try:
            self.locked = _lock(self._fd, self._patience)
            self._load()
        except BaseException:
            os.close(self._fd)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)  # drops the lock

    def _load(self) -> None:
        try:
            self._saved = os.read(self._fd, 1 << 20)
            state = jsondoc.parse(self._saved)
            self.path = self.path or _checked(self.session, state["path"])
            self.offsets = {k: int(v) for k, v in state["offsets"].items()}
            self.metas = dict(state["metas"])
            self.ended = state["ended"]
            self._since = state["since"]
            self._known = not state["busy"]
        except (jsondoc.NotJSONError, TranscriptError, LookupError, TypeError, ValueError, AttributeError):
            self._known = False

    def _save(self, *, busy: bool) -> None:
        quote = jsondoc.quote
        offsets = b",".join(quote(k) + b":%d" % v for k, v in self.offsets.items())
        metas = b",".join(quote(k) + b":" + quote(v) for k, v in self.metas.items())
        state = b'{"path":%s,"offsets":{%s},"metas":{%s},"ended":%s,"since":%s,"busy":%s}' % (
            quote(self.path),
            offsets,
            metas,
            b"true" if self.ended else b"false",
            quote(self._since),
            b"true" if busy else b"false",
        )
        if state != self._saved:
            os.lseek(self._fd, 0, os.SEEK_SET)
            os.write(self._fd, state)
            os.ftruncate(self._fd, len(state))
            self._saved = state

    def mark_open(self, *, ended: bool) -> None:
        """Note that the session lives, or has just said that it ends: its last lines may be still to come."""
        self.ended = ended
        if not os.path.exists(self._marker):
            os.close(os.open(self._marker, os.O_WRONLY | os.O_CREAT, 0o600))

    def close_if_complete(self) -> None:
        """Take the session off the list of those with lines to come, once its files have been still for long enough."""
        try:
            still = time.time() - max(os.stat(self._path(name)).st_mtime for name in self._names())
        except (FileNotFoundError, ValueError):
            still = time.time() - os.fstat(self._fd).st_mtime
        if still > (_SETTLED if self.ended else _FORGOTTEN):
            try:
                os.unlink(self._marker)
            except FileNotFoundError:
                pass

    def take_in(self, log: Log, budget: int | None) -> int:
        """Append the lines that are new, up to about `budget` bytes of them; returns how many records that made."""
        names = [name for name in self._names() if self._size(name) != self.offsets.get(name, 0)]
        metas = self._new_metas()
        if not names and not metas:
            self._known = True
            self._since = self._since or envelope.day_of(time.time_ns())
            self._save(busy=False)
            return 0
        # An append that is cut off leaves `busy` behind: then the log itself tells what it holds.
        seen = set() if self._known else self._ids_in_log()
        if not self._known:
            self.offsets, self.metas = {}, {}
            names, metas = self._names(), self._new_metas()
        self._known = True
        self._since = envelope.day_of(time.time_ns())
        self._save(busy=True)
        new = sum(self._take_in_metas(log, metas, seen))
        for name in names:
            if self._size(name) < self.offsets.get(name, 0):  # rewritten: the ids of its lines tell what is new
                self.offsets[name] = 0
                seen |= self._ids_in_log()
            new += self._take_in_file(log, name, seen, budget)
        self._save(busy=False)
        return new

    def _take_in_file(self, log: Log, name: str, seen: set[str], budget: int | None) -> int:
        start = self.offsets.get(name, 0)
        new = 0
        batch: list[bytes] = []
        size = 0
        now = time.time_ns()
        for at, raw in self.lines(name, start):
            if (record := self._record(name, at, raw, now)) and record[0] not in seen:
                batch.append(record[1])
                size += len(record[1])
                new += 1
            self.offsets[name] = at + len(raw)
            done = budget is not None and at + len(raw) - start >= budget
            if size >= _CHUNK or done:
                log.write(envelope.day_of(now), batch)
                batch, size, now = [], 0, time.time_ns()
            if done:
                break
        log.write(envelope.day_of(now), batch)
        return new

    def _born(self) -> str:
        """The day of the transcript's first line: no record of it can be older. Empty where it does not say."""
        for _, raw in self.lines("", 0):
            _, key, rest = raw.partition(b'"timestamp":"')
            if key and len(rest) > 10 and rest[:10].replace(b"-", b"").isdigit():
                return rest[:10].decode()
        return ""

    def _record(self, name: str, at: int, raw: bytes, now: int) -> tuple[str, bytes] | None:
        """The id and the log line of one line of a transcript; None for what is left out."""
        owner = f"{self.session}/{name.removeprefix('agent-')}" if name else self.session
        by_offset = f"{owner}@{at}"
        text = jsondoc.trim(raw)
        if not text:
            return None
        try:
            line, error = jsondoc.parse(text), "not a JSON object"
        except jsondoc.NotJSONError as e:
            line, error = None, str(e)
        if not isinstance(line, dict):
            payload = envelope.invalid(text, f"{self._path(name)} at byte {at}: {error}")
            level = envelope.ERROR
            return by_offset, envelope.line(SOURCE, envelope.INVALID, payload, level=level, id=by_offset, now_ns=now)
        kind = line.get("type")
        if kind in LEFT_OUT:
            return None
        if kind == "attachment":
            attachment = line.get("attachment")
            if isinstance(attachment, dict) and attachment.get("type") in LEFT_OUT_ATTACHMENTS:
                return None
        uuid = line.get("uuid")
        id = f"{owner}:{uuid}" if isinstance(uuid, str) and 0 < len(uuid) <= 128 else by_offset
        kind = KIND + (kind if isinstance(kind, str) and kind else kinds.UNKNOWN)[: kinds.MAX_KIND]
        return id, envelope.line(SOURCE, kind, text, level=kinds.level_of(kind, line), id=id, now_ns=now)

    def lines(self, name: str, offset: int) -> Iterator[tuple[int, bytes]]:
        """The whole lines of a file from `offset` on, each with its own offset; a last line without newline is left.

        Raises:
            TranscriptError: it is no regular file.
        """
        try:
            fd = os.open(self._path(name), _OPEN_FLAGS)
        except FileNotFoundError:
            return
        except OSError as e:
            raise TranscriptError(f"{self._path(name)} is a link or cannot be opened: {e.strerror}") from None
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise TranscriptError(f"{self._path(name)} is not a regular file")
            os.lseek(fd, offset, os.SEEK_SET)
            rest = b""
            while chunk := os.read(fd, _CHUNK):
                *whole, rest = (rest + chunk).split(b"\n")
                for text in whole:
                    yield offset, text + b"\n"
                    offset += len(text) + 1
                if len(rest) > _MAX_LINE:
                    raise TranscriptError(
                        f"{self._path(name)} has a line of more than {_MAX_LINE} bytes at byte {offset}"
                    )
        finally:
            os.close(fd)

    def _path(self, name: str) -> str:
        return self._subagents() + os.sep + name + ".jsonl" if name else self.path

    def _subagents(self) -> str:
        return os.path.join(self.path.removesuffix(".jsonl"), "subagents")

    def _names(self) -> list[str]:
        """The session's files, as `offsets` calls them: its own transcript, then its subagents'."""
        return ["", *sorted(n.removesuffix(".jsonl") for n in self._listing() if n.endswith(".jsonl"))]

    def _listing(self) -> list[str]:
        try:
            return [n for n in os.listdir(self._subagents()) if n.startswith("agent-") and len(n) < 200]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _size(self, name: str) -> int:
        try:
            return os.lstat(self._path(name)).st_size
        except FileNotFoundError:
            return 0

    def _new_metas(self) -> list[tuple[str, bytes, str]]:
        """Subagents' .meta.json that are new or changed: agent id, content, version."""
        found = []
        for n in sorted(self._listing()):
            if not n.endswith(".meta.json"):
                continue
            path = os.path.join(self._subagents(), n)
            agent = n.removeprefix("agent-").removesuffix(".meta.json")
            try:
                status = os.lstat(path)
                if not stat.S_ISREG(status.st_mode):
                    continue
                changed, known = str(status.st_mtime_ns), self.metas.get(agent, "")
                if known.startswith(changed + "#"):
                    continue
                fd = os.open(path, _OPEN_FLAGS)
            except OSError:
                continue
            try:
                content = jsondoc.trim(os.read(fd, 1 << 20))
                version = f"{changed}#{crc32(content):08x}"
                if known.partition("#")[2] != version.partition("#")[2]:
                    found.append((agent, content, version))
            finally:
                os.close(fd)
        return found

    def _take_in_metas(self, log: Log, metas: list[tuple[str, bytes, str]], seen: set[str]) -> Iterator[bool]:
        now = time.time_ns()
        for agent, content, version in metas:
            try:
                jsondoc.parse(content)
            except jsondoc.NotJSONError:
                continue  # being written: the next look finds it whole
            self.metas[agent] = version
            id = f"{self.session}/{agent}#{version.partition('#')[2]}"
            if id not in seen:
                quote = jsondoc.quote
                payload = b'{"sessionId":%s,"agentId":%s,"meta":%s}' % (quote(self.session), quote(agent), content)
                log.write(envelope.day_of(now), [envelope.line(SOURCE, META, payload, id=id, now_ns=now)])
                yield True

    def _ids_in_log(self) -> set[str]:
        """The ids of this session's records in the log, from the day on that the cursor is not sure of."""
        import mmap

        ids = set()
        head = envelope.HEAD + b'"' + self.session.encode()
        first = file_name(self._since or self._born())
        for name in sorted(os.listdir(self.root)):
            if not (name.startswith("clankers-") and name.endswith(".jsonl") and name >= first):
                continue
            with open(os.path.join(self.root, name), "rb") as f:
                if not os.fstat(f.fileno()).st_size:
                    continue
                with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    at = data.find(head)
                    while at >= 0:
                        start = at + len(envelope.HEAD) + 1
                        ids.add(data[start : data.find(b'"', start)].decode("utf-8", "replace"))
                        at = data.find(head, start)
        return ids


def _lock(fd: int, patience: float) -> bool:
    """Lock `fd` for this process, waiting up to `patience` seconds; False when somebody else keeps it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _lock_windows(fd)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL)
        else:
            return True


def _lock_windows(fd: int) -> bool:
    import msvcrt

    os.lseek(fd, 1 << 30, os.SEEK_SET)  # behind the content: a lock there keeps nobody from reading it
    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    finally:
        os.lseek(fd, 0, os.SEEK_SET)
    return True
