"""A session's documents, made from their records."""

import os
import re
from collections import defaultdict

from clankers.harnesses.cline.directories import sessions
from clankers.harnesses.cline.session_files import MANIFEST, MESSAGES, ROW
from clankers.restore.documents import document
from clankers.restore.files import RestoredFiles
from clankers.restore.names import elsewhere
from clankers.restore.records import LoggedRecord, LoggedSession

_NAMES = {"": MESSAGES, "manifest": MANIFEST}
_SUMMARIES = "compaction"  # with copies of messages, which are not recorded
_STANDS = {"system_prompt": b'""'}


def files(session: LoggedSession) -> RestoredFiles:
    """The manifest, the messages, and those of subagents."""
    found = RestoredFiles(sessions())
    if session.place:
        found.aside = elsewhere(os.path.dirname(session.place), found.root)
    parts: dict[str, list[LoggedRecord]] = defaultdict(list)
    for record in session.records:
        if record.kind != ROW:
            parts[re.split(r"[#\[]", record.id, maxsplit=1)[0].partition("/")[2]].append(record)
    for part, records in parts.items():
        if part == _SUMMARIES:
            found.lacking["summary of earlier messages, whose document is not recorded completely"] += 1
        elif (content := document(records, found.lacking, stand_ins=_STANDS)) is not None:
            name = session.id + _NAMES[part] if part in _NAMES else part + MESSAGES
            found.add((session.id, name), content)
    return found
