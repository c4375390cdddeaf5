"""A session's event log and description, made from their records."""

import os

from clankers.harnesses.copilot.event_log import ELIDED, EVENTS_FILE, WORKSPACE, home
from clankers.harnesses.copilot.harness import EVENT
from clankers.restore.files import RestoredFiles
from clankers.restore.lines import StandIns, lines_file, saved_text
from clankers.restore.names import elsewhere
from clankers.restore.records import LoggedRecord, LoggedSession

_FOLDER = "session-state"
_STANDS = {"content": b'""', "messages": b"[]", "requestMessages": b"[]"}


def files(session: LoggedSession) -> RestoredFiles:
    """The event log, and the description as it was last recorded."""
    found = RestoredFiles(home(), private=True)
    events: list[LoggedRecord] = []
    for record in session.records:
        if record.kind == WORKSPACE and (text := saved_text(record.value())) is not None:
            found.add((_FOLDER, session.id, "workspace.yaml"), text)
        elif record.place:
            events.append(record)
    stand_ins: StandIns = {EVENT + kind: {("data", member): _STANDS[member]} for kind, member in ELIDED.items()}
    content = lines_file(events, found.lacking, session.parts.get(""), stand_ins)
    found.add((_FOLDER, session.id, EVENTS_FILE), content)
    for path in session.paths("transcript_path", "transcriptPath"):
        folder = path.removesuffix("/" + EVENTS_FILE)
        found.aside = elsewhere(os.path.dirname(os.path.dirname(folder)), found.root)
        break
    return found
