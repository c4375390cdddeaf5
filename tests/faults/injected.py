"""Runs `clankers` with a fault at one of its touches of the disk: python injected.py PLAN ARGUMENT...

A touch is a call that changes a file or makes it durable: of Python's `os`, or of SQLite's file system (by a VFS of
ours around its own). PLAN is a JSON object:

    fault   what happens at the touch: "kill" (before it), "torn" (a part of a write, then kill), "eio", "enospc",
            "short" (a part of a write, no error); absent: nothing
    at      which touch, counted from 1
    on      true: every touch from there on, as on a full disk
    only    the end of a path: other files' touches do not count
    sqlite  true: SQLite's touches too
    trace   a file that gets a line for each touch: name, path, what became of it
    shift   nanoseconds by which the clock is wrong; `late`: by which it is once the file `midnight` is there
    shorts  the share of `os.write`s to files that take only a part, two in a row at most; `seed` is their chance's
    alarms  true: a signal every 2 ms, so that system calls are interrupted
"""

import errno
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

PLAN: dict[str, Any] = json.loads(sys.argv[1])
FAULT, AT, ONLY = PLAN.get("fault"), PLAN.get("at", 0), PLAN.get("only", "")
NAMES = ("open", "write", "fsync", "ftruncate", "mkdir", "unlink", "replace", "rename", "posix_spawn")
real = {name: getattr(os, name) for name in NAMES}
count = 0
in_a_row = 0
chance = random.Random(PLAN.get("seed", 0))


def traced(name: str, path: str, became: str) -> None:
    if trace := PLAN.get("trace"):
        fd = real["open"](trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        real["write"](fd, f"{name} {path} {became}\n".encode("utf-8", "backslashreplace"))
        os.close(fd)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def touch(name: str, path: str) -> str:
    """Counts; returns the fault that is due at this touch, and what can be done about it here is done."""
    global count  # noqa: PLW0603
    due = ""
    if path.endswith(ONLY):
        count += 1
        due = FAULT if FAULT and (count == AT or (PLAN.get("on") and count > AT)) else ""
    traced(name, path, due or "done")
    if due == "kill" or (due == "torn" and "write" not in name.lower()):
        die()
    return due


def failing(due: str) -> OSError:
    number = errno.ENOSPC if due == "enospc" else errno.EIO
    return OSError(number, os.strerror(number))


def cut_short(data: bytes) -> bool:
    """Whether the share of short writes includes this one."""
    global in_a_row  # noqa: PLW0603
    if len(data) == 1:
        return False
    in_a_row = in_a_row + 1 if in_a_row < 2 and chance.random() < PLAN.get("shorts", 0) else 0
    return in_a_row > 0


def where(argument: Any) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{argument}") if isinstance(argument, int) else str(argument)
    except OSError:
        return "?"


def injected(name: str) -> Callable[..., Any]:
    def call(*args: Any, **named: Any) -> Any:
        if name in {"write", "fsync"} and (args[0] <= 2 or where(args[0]).startswith(("pipe:", "socket:"))):
            return real[name](*args, **named)
        due = touch(name, where(args[0]))
        if due in {"eio", "enospc"}:
            raise failing(due)
        if name == "write" and (due or cut_short(args[1])):
            done = real[name](args[0], args[1][: chance.randrange(1, max(2, len(args[1])))])
            if due == "torn":
                die()
            return done
        return real[name](*args, **named)

    return call


for name_ in NAMES:
    setattr(os, name_, injected(name_))

if "shift" in PLAN:
    real_time_ns, real_time = time.time_ns, time.time

    def shift() -> int:
        late = "midnight" in PLAN and os.path.exists(PLAN["midnight"])
        return int(PLAN["late" if late else "shift"])

    time.time_ns = lambda: real_time_ns() + shift()
    time.time = lambda: real_time() + shift() / 1e9

if PLAN.get("alarms"):
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)

if PLAN.get("sqlite"):
    import apsw

    def check(name: str, path: str) -> str:
        due = touch(f"sqlite.{name}", path)
        if due == "eio":
            raise apsw.IOError("injected")
        if due == "enospc":
            raise apsw.FullError("injected")
        return due

    class Files(apsw.VFS):
        def __init__(self) -> None:
            super().__init__("injected", "unix", makedefault=True)

        def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
            return File(name, flags)

        def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
            check("delete", filename)
            super().xDelete(filename, syncdir)

    class File(apsw.VFSFile):
        def __init__(self, name: Any, flags: list[int]) -> None:
            self.path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
            self.read_only = bool(flags[0] & apsw.SQLITE_OPEN_READONLY)
            super().__init__("unix", name, flags)

        def xLock(self, level: int) -> None:  # noqa: N802
            # SQLite asks for this one when it closes, takes a no, and would have the Python error told all the same.
            if self.read_only and level == apsw.SQLITE_LOCK_EXCLUSIVE:
                raise apsw.BusyError
            super().xLock(level)

        def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
            due = check("write", self.path)
            if due == "torn":
                super().xWrite(bytes(data)[: max(1, len(data) // 2)], offset)
                die()
            super().xWrite(data, offset)

        def xSync(self, flags: int) -> None:  # noqa: N802
            check("sync", self.path)
            super().xSync(flags)

        def xTruncate(self, newsize: int) -> None:  # noqa: N802
            check("truncate", self.path)
            super().xTruncate(newsize)

    files = Files()

if __name__ == "__main__":
    sys.argv = ["clankers", *sys.argv[2:]]
    from clankers.__main__ import main

    code = main()
    if PLAN.get("alarms"):  # Python takes its handlers away before the process is gone
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
    sys.exit(code)
