"""`clankers append SOURCE [--type T] [--stream]`: stdin to the log. What a hook runs, so every import counts.

The promise: exit 0 only once the line is written and synced (written, if `CLANKERS_FSYNC` is `off`); nothing on
stdout; never exit 2; no wait without an end.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import gc
import os
import sys
import time

from clankers import harnesses, paths
from clankers.errors import EX_DATA, EX_IO, EX_OK, EX_USAGE, ClankersError, advice
from clankers.harnesses.base import MAX_KIND, Harness
from clankers.log import envelope, strict_json
from clankers.log.lines import LineBuffer
from clankers.log.writer import FSYNC_ENV, OFF, ON, Log, fsync_setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

USAGE = "usage: clankers append SOURCE [--type TYPE] [--stream]"
MAX_INPUT = 256 << 20  # bytes of one event; above it the input is kept, cut to this size, as invalid
_CHUNK = 1 << 20
# Harnesses write a payload in one go and close the pipe. For one that does not, these are the limits, in seconds:
_GRACE = 0.05  # after a complete document and its newline, for the end of input or a second document
_IDLE = 3.0  # without a byte
_TOTAL = 30.0  # in all
_STREAM_GROUP = 4 << 20  # bytes that a stream writes before it syncs


class Options:
    """The command line of `append`."""

    __slots__ = ("kind", "source", "stream")

    def __init__(self, source: str, kind: str | None, stream: bool) -> None:
        self.source = source
        self.kind = kind
        self.stream = stream


class _UnreadableError(Exception):
    """Standard input cannot be read to its end."""


class _Input:
    """What was read of stdin for one event: the document, or why it is not one."""

    __slots__ = ("document", "error", "raw")

    def __init__(self, raw: bytes, document: Any, error: str | None) -> None:
        self.raw = raw
        self.document = document
        self.error = error


def main(argv: list[str]) -> int:
    """Run `append` with its arguments; returns the exit code."""
    try:
        options = _options(argv)
    except ValueError as e:
        _complain(f"{e}\n{USAGE}")
        return EX_USAGE
    fsync = fsync_setting()
    if fsync not in (ON, OFF):
        _complain(f"{FSYNC_ENV} is {fsync!r}, neither {ON} nor {OFF}: each event is synced, as by {ON}")
    try:
        with Log(paths.data_root(), synced=fsync != OFF, note=_complain) as log:
            recorder = _Recorder(log, options)
            code = recorder.stream() if options.stream else recorder.write([_read_document(0)])
        if recorder.turn_ended:
            _catch_up()
    except ClankersError as e:
        _complain(f"{e}")
        return e.exit_code
    except OSError as e:
        where = f" {e.filename}" if e.filename else f" in {paths.data_root()}"
        _complain(f"cannot write the log{where}: {e.strerror or e}; {advice(e)}")
        return EX_IO
    else:
        return code


def exit_code_of_hook(source: str, code: int) -> int:
    """What a hook of `source` exits with if `main` returned `code`: nothing that could stop the client."""
    try:
        harness = _harness(source, paths.data_root())
    except ClankersError:
        return 0
    return code if harness.hooks_may_fail else 0


def _options(argv: list[str]) -> Options:
    source, kind, stream = None, None, False
    rest = iter(argv)
    for arg in rest:
        if arg == "--stream":
            stream = True
        elif arg == "--type":
            kind = next(rest, None)
            if not kind:
                raise ValueError("--type needs a value")
        elif arg.startswith("--type="):
            kind = arg.removeprefix("--type=")
        elif arg.startswith("-"):
            raise ValueError(f"unknown option {arg}")
        elif source is None:
            source = arg
        else:
            raise ValueError(f"one SOURCE, not also {arg!r}")
    if source is None:
        raise ValueError(f"SOURCE is missing, for example {next(iter(harnesses.BUILT_IN))}")
    if not (source.isascii() and source.replace("-", "").replace("_", "").isalnum() and len(source) <= 64):
        raise ValueError(f"SOURCE {source[:80]!r} is not a name of letters, digits and hyphens")
    return Options(source, kind[:MAX_KIND] if kind else None, stream)


def _complain(message: str) -> None:
    """Print one line for a person; a closed stderr is no failure."""
    if sys.stderr is None:
        return
    # A path or a payload is untrusted: control characters are escaped.
    shown = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in message)
    try:
        sys.stderr.write(f"clankers append: {shown}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def _parse(raw: bytes) -> _Input:
    raw = strict_json.trim(raw)
    try:
        return _Input(raw, strict_json.parse(raw), None)
    except strict_json.NotJSONError as e:
        return _Input(raw, None, str(e))


def _read_document(fd: int) -> _Input:
    """What `fd` holds; from a harness that does not close its pipe one document, which ends at its newline."""
    data = bytearray()
    deadline = time.monotonic() + _TOTAL
    while True:
        complete = None
        left = deadline - time.monotonic()
        if data.endswith(b"\n") and not _readable(fd, min(_GRACE, left)):
            complete = _parse(bytes(data))
            if not complete.error:
                return complete
        if left <= 0 or not _readable(fd, min(_IDLE, left)):
            got = complete or _parse(bytes(data))
            if not got.error:
                return got
            got.error = f"the input did not end ({_IDLE:g} s without a byte, or {_TOTAL:g} s): {got.error}"
            return got
        try:
            chunk = os.read(fd, _CHUNK)
        except BlockingIOError:  # another reader of the same pipe was faster
            continue
        except OSError as e:  # closed
            return _Input(bytes(data), None, f"stdin cannot be read: {e.strerror}")
        if not chunk:
            return _parse(bytes(data))
        data += chunk
        if len(data) > MAX_INPUT:
            return _Input(bytes(data[:MAX_INPUT]), None, f"larger than {MAX_INPUT} bytes")


def _readable(fd: int, seconds: float) -> bool:
    """Whether `fd` has bytes, or its end, within `seconds`."""
    from select import POLLIN, poll

    p = poll()
    p.register(fd, POLLIN)  # by default also whether it can be written to, as a socket or a terminal always can
    return bool(p.poll(max(seconds, 0) * 1000))


def _lines(fd: int) -> Iterator[bytes]:
    """The lines of `fd`, and an empty one whenever the next read would wait: then what has come is written.

    Raises:
        _UnreadableError: `fd` cannot be read; what came before is yielded first.
    """
    buffer = LineBuffer()
    while True:
        if not _readable(fd, 0):
            yield b""
        failure = None
        try:
            chunk = os.read(fd, _CHUNK)
        except BlockingIOError:  # a pipe that does not block has nothing yet
            _readable(fd, _IDLE)
            continue
        except OSError as e:  # closed
            chunk, failure = b"", e
        if not chunk:
            yield buffer.rest()
            if failure:
                raise _UnreadableError(failure.strerror)
            return
        for text in buffer.lines(chunk):
            yield text + b"\n"
        if buffer.size > MAX_INPUT:
            yield buffer.rest()  # not a document; the log keeps it, and the stream goes on after it


class _Recorder:
    """Logs the events of one source.

    Attributes:
        turn_ended: one of them ended a turn.
    """

    def __init__(self, log: Log, options: Options) -> None:
        self._log = log
        self._options = options
        self._harness = _harness(options.source, log.root)
        self.turn_ended = False

    def stream(self) -> int:
        """Log the lines of stdin until its end, in groups; returns the exit code."""
        gc.enable()
        code = EX_OK
        group: list[_Input] = []
        waiting = 0
        try:
            for raw in _lines(0):
                if raw.strip():
                    group.append(_parse(raw))
                    waiting += len(raw)
                if group and (waiting > _STREAM_GROUP or not raw):
                    code = max(code, self.write(group))
                    group, waiting = [], 0
                    if self.turn_ended:
                        self.turn_ended = False
                        _catch_up()
        except _UnreadableError as e:
            _complain(f"stdin cannot be read: {e}; what came before is recorded")
            code = EX_IO
        return max(code, self.write(group))

    def write(self, group: Iterable[_Input]) -> int:
        """Log the input, then what it announces; returns the exit code once both are synced."""
        now = time.time_ns()
        lines, documents, code = [], [], EX_OK
        for event in group:
            if event.error is None:
                kind = self._options.kind or self._harness.kind(event.document)
                level = self._harness.level(kind, event.document)
                payload = self._harness.payload(event.raw, event.document)
                lines.append(envelope.line(self._options.source, kind, payload, level=level, now_ns=now))
                documents.append(event.document)
                self.turn_ended |= kind in self._harness.turn_ends
            else:
                payload = envelope.invalid(event.raw, event.error)
                lines.append(
                    envelope.line(self._options.source, envelope.INVALID, payload, level=envelope.ERROR, now_ns=now)
                )
                _complain(f"{event.error}; kept in the log as type {envelope.INVALID}")
                code = EX_DATA
        self._log.write(envelope.day_of(now), lines)
        if documents:
            self._follow(documents)
        self._log.sync()
        return code

    def _follow(self, documents: list[Any]) -> None:
        """Ingest what the events announce. The events themselves are safe: nothing may fail them."""
        try:
            self._harness.follow(self._log, documents)
        except Exception as e:  # noqa: BLE001 (the next event or `clankers project` tries again)
            _complain(f"transcript not read: {type(e).__name__}: {e}; the next event or `clankers project` tries again")


def _harness(source: str, root: str) -> Harness:
    """The harness `source`; for a source that is not known, one that only logs."""
    try:
        return harnesses.find(source, root) or Harness()
    except ClankersError as e:
        _complain(f"{e}; its events are logged, but its files are not read")
        return Harness()


def _catch_up() -> None:
    """Bring the database up to date in the background at the end of a turn; every command that reads does it too."""
    from clankers.system import detached

    try:
        detached.start("catch-up")
    except OSError as e:
        _complain(f"no catch-up started: {e.strerror or e}; `clankers project` brings the database up to date")
