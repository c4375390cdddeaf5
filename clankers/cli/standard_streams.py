"""Standard streams as services, GUIs and old terminals leave them: closed, full, or not UTF-8."""

import codecs
import io
import os
import sys
from errno import EBADF

from clankers.cli.output import say
from clankers.errors import EX_FAIL, EX_IO, EX_OK

_PLAIN = "clankers.plain"  # the name of our error handler
_INSTEAD = {**dict.fromkeys("▏▎▍▌▋▊▉█", "#"), "─": "-", "└": "`", "…": ".", "↑": "^"}  # a column each, as before


def prepare_streams() -> None:
    """Open what is closed, so that no file of ours becomes a standard stream; let nothing fail for its encoding."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(fd, True)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or io.TextIOWrapper(_Closed(), "utf-8", write_through=True)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    codecs.register_error(_PLAIN, _plain)
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, _PLAIN)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def finish_streams() -> int:
    """Write what is still buffered; returns the exit code for output that was lost, `EX_OK` if none was."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        code = EX_FAIL
    except OSError as e:
        say(f"the output cannot be written: {e.strerror}")
        code = EX_IO
    else:
        return EX_OK
    if sys.stdout is sys.__stdout__:  # the end of the process flushes again
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
    return code


class _Closed(io.RawIOBase):
    """A standard output that is closed: the first write fails, and what the end of the process writes does not."""

    _complained = False

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        if not self._complained:
            self._complained = True
            raise OSError(EBADF, "standard output is closed")
        return len(memoryview(data))  # type: ignore[arg-type]


def _plain(error: UnicodeError) -> tuple[str, int]:
    """What is printed for characters that the encoding lacks: something like them, or `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_INSTEAD.get(c, "?") for c in error.object[error.start : error.end]), error.end
