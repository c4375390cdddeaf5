"""A session's chat files, made from their records."""

import os

from clankers.harnesses.base import nested
from clankers.harnesses.qwen.chat_files import CHATS, ENDING, SUBAGENTS, checked
from clankers.harnesses.qwen.history import projects
from clankers.ingest.source import SourceError
from clankers.restore.files import RestoredFiles, RestoreError
from clankers.restore.lines import lines_file
from clankers.restore.names import dashed, elsewhere
from clankers.restore.records import LoggedRecord, LoggedSession


def files(session: LoggedSession) -> RestoredFiles:
    """The session's chat file, and its subagents'."""
    found, project = _place(session)
    chats: dict[str, list[LoggedRecord]] = {}
    for record in session.records:
        if place := record.place:
            chats.setdefault(place[0].partition("/")[2], []).append(record)
    for agent, records in chats.items():
        path = (SUBAGENTS, session.id, agent + ENDING) if agent else (CHATS, session.id + ENDING)
        found.add((project, *path), lines_file(records, found.lacking, session.parts.get(agent)))
    found.lacking["descriptions of subagents, which are not recorded"] += len(chats) - ("" in chats)
    return found


def _place(session: LoggedSession) -> tuple[RestoredFiles, str]:
    """The directory of the projects, and the name of the project's.

    Raises:
        RestoreError: nothing says which project.
    """
    for path in session.paths("transcript_path"):
        try:
            project = os.path.dirname(os.path.dirname(checked(session.id, path)))
        except SourceError:
            continue
        above, name = os.path.split(project)
        return RestoredFiles(str(projects()), aside=elsewhere(above, str(projects()))), name
    for record in session.records:
        if isinstance(cwd := nested(record.value(), "cwd"), str):
            return RestoredFiles(str(projects())), dashed(cwd)
    raise RestoreError(f"session {session.id}: no record says in which directory it worked")
