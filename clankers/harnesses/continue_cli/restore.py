"""A session's history, made from its records."""

from clankers.harnesses.continue_cli.history import folder
from clankers.harnesses.continue_cli.history_file import INDEX_RECORD
from clankers.restore.documents import document
from clankers.restore.files import RestoredFiles, RestoreError
from clankers.restore.records import LoggedSession


def files(session: LoggedSession) -> RestoredFiles:
    """The document of the session."""
    found = RestoredFiles(str(folder()))
    records = [record for record in session.records if record.kind != INDEX_RECORD]
    if (content := document(records, found.lacking, "history")) is None:
        raise RestoreError(f"session {session.id}: the head of its document is not recorded")
    found.add((f"{session.id}.json",), content)
    return found
