"""A session's conversation and settings, made from their records."""

import os

from clankers.harnesses.base import nested
from clankers.harnesses.droid.history import sessions
from clankers.harnesses.droid.session_files import ENDING, SETTINGS, SETTINGS_ENDING, checked
from clankers.ingest.json_items import items
from clankers.ingest.source import SourceError
from clankers.restore.files import RestoredFiles, RestoreError
from clankers.restore.lines import lines_file, with_newlines
from clankers.restore.names import elsewhere
from clankers.restore.records import LoggedSession


def files(session: LoggedSession) -> RestoredFiles:
    """The conversation, and the settings as they were last recorded."""
    found, project = _place(session)
    for record in session.records:
        if record.kind == SETTINGS:
            text = with_newlines(record, dict(items(record.payload, "{}"))[SETTINGS])
            found.add((project, session.id + SETTINGS_ENDING), text)
    lines = [record for record in session.records if record.place]
    found.add((project, session.id + ENDING), lines_file(lines, found.lacking, session.parts.get("")))
    return found


def _place(session: LoggedSession) -> tuple[RestoredFiles, str]:
    """The directory of the sessions, and the name of the project's.

    Raises:
        RestoreError: nothing says which project.
    """
    for path in session.paths("transcript_path"):
        try:
            above, name = os.path.split(os.path.dirname(checked(session.id, path)))
        except SourceError:
            continue
        return RestoredFiles(str(sessions()), aside=elsewhere(above, str(sessions()))), name
    for record in session.records:
        if isinstance(cwd := nested(record.value(), "cwd"), str):
            return RestoredFiles(str(sessions())), cwd.replace("/", "-")
    raise RestoreError(f"session {session.id}: no record says in which directory it worked")
