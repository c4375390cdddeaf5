"""Tells a person something outside the terminal: a desktop notification, or a command of the person's own.

Nobody waits for what is started here. Programs are found in the system's directories only: a repository can set the
environment of a hook, its PATH included.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

PLACES = ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/bin")
_SCRIPT = (  # the texts are arguments, never a part of the script
    "on run texts",
    "display notification (item 2 of texts) with title (item 1 of texts)",
    "end run",
)


def show_notification(title: str, text: str) -> None:
    """Show a desktop notification, where there is a program for it."""
    if sys.platform == "darwin":
        command = ["osascript", *(word for line in _SCRIPT for word in ("-e", line)), title, text]
    else:
        command = ["notify-send", "--app-name=clankers", "--", title, text]
    for place in PLACES:
        if os.access(os.path.join(place, command[0]), os.X_OK):
            start([os.path.join(place, command[0]), *command[1:]], b"")
            return


def start(command: Sequence[str], given: bytes) -> None:
    """Start a command with `given` on its stdin, in a session of its own; what it prints is dropped.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=os.sep,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(given)  # less than a pipe holds
        process.stdin.close()
    except BrokenPipeError:  # it does not read it
        pass
