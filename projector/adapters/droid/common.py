"""What the adapters of Droid's session files, settings and hooks share."""

import re

from clankers.log.reader import Event
from projector.adapters.base import Tools

SOURCE = "droid"
TOOLS = Tools(
    editing=frozenset({"Edit", "MultiEdit", "Create", "Write"}),
    subtask=frozenset({"Task"}),
    path_keys=("file_path", "notebook_path", "path"),
)
LINE = "line."  # of the types of a session file's lines
_FILE = re.compile(r"([^/@#]+)@")  # how the id of a line's record begins


def session_of(event: Event) -> str | None:
    """The session in whose file a line is; None for an event that is not a line."""
    found = _FILE.match(event.id) if event.type.startswith(LINE) else None
    return found[1] if found else None
