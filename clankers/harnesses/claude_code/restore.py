"""A session's transcripts, made from their records."""

import os

from clankers.harnesses.base import nested
from clankers.harnesses.claude_code.history import homes
from clankers.harnesses.claude_code.tool_outputs import FOLDER
from clankers.harnesses.claude_code.tool_outputs import KIND as OUTPUT
from clankers.harnesses.claude_code.transcript_files import ENDING, META, checked
from clankers.ingest.json_items import items
from clankers.ingest.source import SourceError
from clankers.restore.files import RestoredFiles, RestoreError
from clankers.restore.lines import lines_file, saved_text, with_newlines
from clankers.restore.names import dashed, elsewhere
from clankers.restore.records import LoggedRecord, LoggedSession

_LONGEST = 200  # characters of a project's directory, before the client puts a digest in its name


def files(session: LoggedSession) -> RestoredFiles:
    """The transcript, and its subagents' with their descriptions, and the long outputs of tools."""
    found, project = _place(session)
    folder = ("projects", project, session.id)
    transcripts: dict[str, list[LoggedRecord]] = {}
    for record in session.records:
        if record.kind == META:
            name = f"agent-{_agent(record)}.meta.json"
            found.add((*folder, "subagents", name), with_newlines(record, dict(items(record.payload, "{}"))["meta"]))
        elif record.kind == OUTPUT:
            name = record.id.partition(f"@{FOLDER}/")[2].rpartition("#")[0]
            if (content := saved_text(record.value())) is None:
                found.lacking["long outputs that are too large for the log"] += 1
            else:
                found.add((*folder, FOLDER, name), content)
        else:
            transcripts.setdefault(_agent(record), []).append(record)
    found.lacking["transcripts without the lines that repeat whole requests"] += len(transcripts)
    for agent, records in transcripts.items():
        path = (*folder, "subagents", f"agent-{agent}{ENDING}") if agent else (*folder[:-1], session.id + ENDING)
        found.add(path, lines_file(records, found.lacking))
    return found


def _agent(record: LoggedRecord) -> str:
    """The subagent whose record it is; empty for the session's own."""
    owner = record.id.partition("#")[0].partition("@")[0].partition(":")[0]
    return owner.partition("/")[2]


def _place(session: LoggedSession) -> tuple[RestoredFiles, str]:
    """The client's directory, and the name of the project's directory in it.

    Raises:
        RestoreError: nothing says which project.
    """
    home = str(homes()[0])
    for path in session.paths("transcript_path"):
        try:
            folder = os.path.dirname(checked(session.id, path))
        except SourceError:
            continue
        projects, project = os.path.split(folder)
        recorded = os.path.dirname(projects)
        ours = next((str(one) for one in homes() if not elsewhere(recorded, str(one))), None)
        return RestoredFiles(ours or home, private=True, aside=None if ours else recorded), project
    for record in session.records:
        if isinstance(cwd := nested(record.value(), "cwd"), str):
            if len(project := dashed(cwd)) > _LONGEST:
                break
            return RestoredFiles(home, private=True), project
    raise RestoreError(f"session {session.id}: no record says which of {home}/projects its transcript was in")
