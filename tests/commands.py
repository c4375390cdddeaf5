"""Running the commands as people do, and something for them to show."""

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest

from clankers.__main__ import main
from tests.feeding import Record
from tests.patience import DEADLINE

RAW = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
HOSTILE = "\x1b[2J\x1b]0;owned\x07a\nb\tc\rd\x9b31m\u202egnp.exe\u2066x\x7f"
NOW = 1_700_000_000_000  # milliseconds, of the events themselves
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="signals and file modes are POSIX")


class Result(NamedTuple):
    code: int
    out: str
    err: str


def environment(root: Path, **more: str) -> dict[str, str]:
    """What a command sees: its data in `root`, and nothing of the machine's own settings for clankers.

    Temporary files are in none of the checkout's parents, so that the environment of the tests is one that lasts.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLANKERS_", "SESSION_")) and k != "FORCE_COLOR"}
    home = str(root.parent)
    here = {"CLANKERS_DATA_PATH": str(root), "HOME": home, "TMPDIR": home, "COLUMNS": "200", "PAGER": "cat"}
    return kept | here | more


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "clankers", *args]


def run(root: Path, *args: str, **env: str) -> Result:
    """The command as a process."""
    done = subprocess.run(
        command(*args),
        env=environment(root, **env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def call(root: Path, *args: str, **env: str) -> Result:
    """The command in this process: what a process would add is only its start."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.StringIO()  # bytes go there, too
    with (
        mock.patch.dict(os.environ, environment(root, **env), clear=True),
        mock.patch.object(sys, "argv", ["clankers", *args]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = main()
    return Result(code, out.buffer.getvalue().decode(), err.getvalue())


def on_a_terminal(root: Path, *args: str, **env: str) -> str:
    """What the command prints where somebody looks on."""
    ours, its = os.openpty()
    its_env = environment(root, LINES="50", TERM="xterm-256color", TZ="UTC") | env
    with subprocess.Popen(command(*args), stdin=its, stdout=its, stderr=subprocess.PIPE, env=its_env) as process:
        os.close(its)
        printed = b""
        try:
            while more := os.read(ours, 1 << 16):
                printed += more
        except OSError:  # Linux's way to say that nobody has the other end open
            pass
        assert process.wait() == 0, process.stderr and process.stderr.read()
    os.close(ours)
    return printed.decode().replace("\r\n", "\n")


def event(kind: str, **properties: Any) -> Record:
    return "opencode", kind, json.dumps({"type": kind, "properties": properties}).encode()


def session(id: str, *, title: str = "a title", created: int = NOW, **more: Any) -> Record:
    """A session as OpenCode tells it."""
    time = {"created": created, "updated": created}
    return event(
        "session.created",
        info={"id": id, "directory": "/src/shop", "title": title, "version": "1", "time": time} | more,
    )


def copy_id(made: int) -> str:
    """The id that OpenCode gives a message at `made`, in epoch milliseconds: a fork's copy has a new one."""
    return f"msg_{(made << 12) & 0xFFFF_FFFF_FFFF:012x}AbCdEfGhIjKlMn"


def work(first: int, count: int) -> list[Record]:
    """`count` sessions, each with one prompt."""
    records = []
    for i in range(first, first + count):
        id, message = f"ses_{i:06}", f"msg_{i:06}"
        at = {"created": NOW + i * 5000}
        records += [
            session(id, created=NOW + i * 5000),
            event("message.updated", info={"id": message, "sessionID": id, "role": "user", "time": at}),
            event(
                "message.part.updated",
                part={
                    "id": f"prt_{i:06}",
                    "messageID": message,
                    "sessionID": id,
                    "type": "text",
                    "text": f"prompt {i}",
                },
            ),
        ]
    return records
