"""Runs many commands of `clankers` in one environment: python any_command.py REPORT MISSING COMMANDS

Each runs in a fork of this process, so that only one start is paid for. REPORT gets a JSON array: exit code and stderr
of each. MISSING names what this machine lacks: `user` (no entry in the list of users), `locks`, `directory-sync`; or a
limit, `files=N` (open files), `bytes=N` (of a file).
"""

import errno
import fcntl
import json
import os
import pwd
import resource
import stat
import sys
import tempfile
from typing import Any


def lacking(what: str) -> None:
    """Take something from this process."""
    name, _, number = what.partition("=")
    really = os.fsync

    def refuse(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    def nobody(_: int) -> None:
        raise KeyError("uid not found")

    def fsync(fd: Any) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            refuse()
        really(fd)

    if name == "user":
        pwd.getpwuid = nobody  # type: ignore[assignment]
    elif name == "locks":
        fcntl.flock = refuse
    elif name == "directory-sync":
        os.fsync = fsync
    elif name == "files":
        limit(resource.RLIMIT_NOFILE, int(number))
    elif name == "bytes":
        limit(resource.RLIMIT_FSIZE, int(number))


def limit(kind: int, number: int) -> None:
    resource.setrlimit(kind, (number, resource.getrlimit(kind)[1]))


def run(args: list[str]) -> tuple[int, str]:
    """The exit code of `clankers ARGS` in a child, negative for a signal, and what it printed on stderr."""
    with tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            code = 99
            try:
                os.dup2(err.fileno(), 2)
                sys.argv = ["clankers", *args]
                code = main()
            except SystemExit as e:
                code = e.code if isinstance(e.code, int) else 98
            except BaseException:  # noqa: BLE001 (what the interpreter would print)
                import traceback

                traceback.print_exc()
            finally:
                if sys.stderr:
                    sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), err.read().decode("utf-8", "replace")


if __name__ == "__main__":
    import projector.replay.rebuild  # noqa: F401
    from clankers.__main__ import main

    for one in filter(None, sys.argv[2].split(",")):
        lacking(one)
    done = [run(args) for args in json.loads(sys.argv[3])]
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        limit(kind, resource.getrlimit(kind)[1])
    with open(sys.argv[1], "w", encoding="utf-8") as report:
        json.dump(done, report)
