"""Long things on a terminal go through a pager. Imports rich: for commands that print with it anyway."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console


class _Paging(Console):
    """Prints to a pager, which may be left at any time."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


@contextmanager
def paged(out: Console) -> Iterator[Console]:
    """What is printed on it goes through `$PAGER`, on a terminal; else it goes out as it comes."""
    command = shlex.split(os.environ.get("PAGER", "less"))
    if not (sys.stdout.isatty() and sys.stdin.isatty() and command and shutil.which(command[0])):
        yield out
        return
    # As git does: colours as they are, and nothing to leave where all fits on the screen.
    environment = {"LESS": "FRX", "LESSCHARSET": "utf-8"} | os.environ
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, encoding="utf-8") as pager:
        assert pager.stdin
        with suppress(BrokenPipeError, KeyboardInterrupt):  # seen enough
            yield _Paging(file=pager.stdin, highlight=False, width=out.width, force_terminal=True)
        with suppress(BrokenPipeError):
            pager.stdin.close()
        while True:
            try:
                pager.wait()
            except KeyboardInterrupt:  # is the pager's to act on
                continue
            break
