"""A stdin of every kind that a harness may give to `append`: none of them is waited for, for ever."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import POSIX_ONLY, environment
from tests.faults.common import clankers, keep_from_catching_up, logged, numbered
from tests.patience import DEADLINE, wait_for

pytestmark = POSIX_ONLY


def a_socket() -> tuple[int, int]:
    """As Node.js gives one to its children."""
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


def a_pipe() -> tuple[int, int]:
    theirs, ours = os.pipe()
    return ours, theirs


def a_terminal() -> tuple[int, int]:
    pty = pytest.importorskip("pty")  # Windows has no pseudo-terminals
    ends: tuple[int, int] = pty.openpty()
    return ends


KINDS = pytest.mark.parametrize("kind", [a_socket, a_pipe, a_terminal])


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        *((kind, numbered(0) + b"\n") for kind in (a_socket, a_pipe, a_terminal)),
        (a_socket, b'{"half":\n'),
    ],
)
def test_a_stdin_that_never_ends_is_not_waited_for(
    kind: Callable[[], tuple[int, int]], data: bytes, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    ours, theirs = kind()
    with subprocess.Popen(
        clankers("append", "opencode"), stdin=theirs, stderr=subprocess.DEVNULL, env=environment(root)
    ) as process:
        os.close(theirs)
        os.write(ours, data)
        try:
            assert process.wait(timeout=DEADLINE) == (0 if data.startswith(b'{"type"') else 65)
        finally:
            process.kill()
            os.close(ours)
    assert len(logged(root).lines) == 1


@KINDS
def test_a_stream_that_pauses_is_in_the_log_before_it_goes_on(
    kind: Callable[[], tuple[int, int]], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    keep_from_catching_up(root)
    ours, theirs = kind()
    with subprocess.Popen(clankers("append", "opencode", "--stream"), stdin=theirs, env=environment(root)) as process:
        os.close(theirs)
        try:
            for n in range(3):
                os.write(ours, numbered(n) + b"\n")
                wait_for(lambda n=n: len(logged(root).lines) == n + 1)  # type: ignore[misc]
        finally:
            os.close(ours)
            process.kill()
