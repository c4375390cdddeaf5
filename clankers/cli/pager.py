"""Long output on a terminal goes through a pager."""

import io
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress


class _Terminal(io.TextIOWrapper):
    """A pager's input, which stands for the terminal behind it: with colours, and as wide."""

    def isatty(self) -> bool:
        return True


@contextmanager
def paging() -> Iterator[None]:
    """What is printed goes through `$PAGER` on a terminal; else it is printed as it comes."""
    command = shlex.split(os.environ.get("PAGER", "less"))
    if not (sys.stdout.isatty() and sys.stdin.isatty() and command and shutil.which(command[0])):
        yield
        return
    # As git does: colours as they are, and nothing to leave where all fits on the screen.
    environment = {"LESS": "FRX", "LESSCHARSET": "utf-8"} | os.environ
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as pager:
        assert pager.stdin
        to_pager = _Terminal(pager.stdin, "utf-8", errors="replace")
        with suppress(BrokenPipeError, KeyboardInterrupt):  # seen enough
            with redirect_stdout(to_pager):
                yield
            to_pager.flush()
        with suppress(BrokenPipeError):
            to_pager.close()
        while True:
            try:
                pager.wait()
            except KeyboardInterrupt:  # is the pager's to act on
                continue
            break
