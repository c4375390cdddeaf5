"""A session's file, made from its records."""

import os

from clankers.harnesses.base import nested
from clankers.harnesses.pi.history import agent_home, folders
from clankers.restore.files import RestoredFiles, RestoreError
from clankers.restore.lines import lines_file
from clankers.restore.names import inner
from clankers.restore.records import LoggedSession

_SESSIONS = "sessions"


def files(session: LoggedSession) -> RestoredFiles:
    """The session's file."""
    found, path = _place(session)
    found.add(path, lines_file(session.records, found.lacking, session.parts.get("")))
    return found


def _place(session: LoggedSession) -> tuple[RestoredFiles, tuple[str, ...]]:
    """The directory of sessions, and the path of the file in it.

    Raises:
        RestoreError: nothing says where it was.
    """
    aside = None
    for path in session.paths("session_file"):
        if os.path.basename(path).endswith(f"_{session.id}.jsonl"):
            for folder in map(str, folders()):
                if names := inner(path, folder):
                    return RestoredFiles(folder), names
            aside = os.path.dirname(os.path.dirname(path))
            break
    header = next((record.value() for record in session.records if record.kind == "entry.session"), None)
    cwd, time = nested(header, "cwd"), nested(header, "timestamp")
    if not isinstance(cwd, str) or not isinstance(time, str):
        raise RestoreError(f"session {session.id}: no record says in which directory and when it began")
    project = "".join("-" if c in "/\\:" else c for c in cwd.removeprefix("/"))
    name = "".join("-" if c in ":." else c for c in time) + f"_{session.id}.jsonl"
    return RestoredFiles(str(agent_home() / _SESSIONS), aside=aside), (f"--{project}--", name)
