"""Background processes that nobody waits for: a catch-up of the database when a turn ends.

Imported on the append path, when a turn ends: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import sys
import time

from clankers import paths
from clankers.errors import ClankersError
from clankers.system.locks import try_lock, watched

_DELAY = 1.0  # seconds that a catch-up waits, so that the ends of a turn and of its session share one
_SIGNALS = (1, 2, 15)  # HUP, INT, TERM, whose numbers POSIX fixes: `signal` would cost a hook a quarter of its time
_NICENESS = 15


def command(*arguments: str, module: str = "clankers") -> list[str]:
    """The command line that runs this `clankers`, or another `module` of it, with `arguments` in any environment.

    With -I if that finds the package: the PYTHONPATH and the directory of a session must not matter.
    """
    home = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
    inside = os.path.abspath(__file__).startswith(home + os.sep)
    return [sys.executable, "-I" if inside else "-P", "-m", module, *arguments]


def start(*arguments: str) -> None:
    """Start `clankers ARGUMENTS` detached: it outlives this process and its terminal, and prints nothing.

    Its priority is lower than what the user is doing.

    Raises:
        OSError: it cannot be started.
    """
    argv = command(*arguments)
    # A harness waits for the end of our output: the new process must not keep it open. Hooks ignore TERM; it must not.
    null_device = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    try:
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=null_device, setsigdef=_SIGNALS, setsid=True)
    except NotImplementedError:
        # posix_spawn has no `setsid` in a Python built for glibc before 2.26, on macOS before 10.15 and on FreeBSD.
        # A process group of its own is enough there: the terminal's signals go to the foreground group.
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=null_device, setsigdef=_SIGNALS, setpgroup=0)
    try:
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)
    except OSError:  # it has ended, or priorities are not ours to set
        pass


def wait_turn() -> bool:
    """Wait for more to be logged; False if another process will do the catch-up."""
    try:
        if watched(paths.database_path()):
            return False
    except ClankersError:
        return True  # the command says what is wrong
    for name, path in ((paths.DATA_ENV, paths.data_root()), (paths.DB_ENV, paths.database_path())):
        if os.environ.get(name):
            os.environ[name] = os.path.abspath(path)
    os.chdir(os.sep)  # so that the current directory can be unmounted
    try:
        fd = paths.open_private(os.path.join(paths.data_root(), "catch-up.lock"), os.O_RDWR)
    except OSError:
        return False  # no root, or not writable: nothing to catch up with
    try:
        if not try_lock(fd):
            return False
        time.sleep(_DELAY)
    finally:
        os.close(fd)  # before anything is read: a later event needs a catch-up again
    return True
