"""Starting a client in the place of this process."""

import os
import sys
from typing import NoReturn

from clankers.errors import ClankersError
from clankers.formatting import clean
from clankers.harnesses.base import Harness
from clankers.harnesses.installer import client_program


class ClientError(ClankersError):
    """A client that cannot be started; the message says why, and what to do."""


def check_start(harness: Harness, directory: str | None) -> str:
    """The path of the client's program, if it can be started in `directory`.

    Raises:
        ClientError: it is not installed, or there is no such directory.
    """
    if directory is None:
        raise ClientError("no record says in which directory the session worked; start the client by hand")
    if not os.path.isdir(directory):
        raise ClientError(
            f"the session's directory {clean(directory)} is not on this machine; --print shows the command"
        )
    if (program := client_program(harness)) is None:
        raise ClientError(
            f"{harness.program!r}, the command of {harness.title}, is not found; add its directory to PATH"
        )
    return program


def start(program: str, argv: list[str], directory: str) -> NoReturn:
    """Replace this process by the client, started in `directory`.

    Raises:
        OSError: it cannot be started.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(directory)
    os.execv(program, argv)  # noqa: S606 (no shell: a prompt and an id are arguments, whatever is in them)
