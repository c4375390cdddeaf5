"""What the adapters of pi's session files and of our extension share."""

import re

from clankers.log.reader import Event
from projector.adapters.base import Tools

SOURCE = "pi"
TOOLS = Tools(
    editing=frozenset({"edit", "write"}),
    subtask=frozenset({"subagent"}),
    path_keys=("path", "file_path", "filePath"),
)
ENTRY = "entry."  # of the types of a session file's entries
# How the id of an entry's record begins (`clankers.harnesses.pi.session_file`).
_SESSION = re.compile(r"([^/:@#]+)@")


def session_of(event: Event) -> str | None:
    """The session in whose file an entry is; None for an event that is not an entry."""
    found = _SESSION.match(event.id) if event.type.startswith(ENTRY) else None
    return found[1] if found else None
