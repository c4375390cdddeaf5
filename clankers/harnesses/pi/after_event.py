"""What the events of our extension announce: a session file with new lines.

pi makes the file when the first response begins, and writes a response before `turn_end`. What a killed client wrote
last is left to the sweep.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os

from clankers import harnesses
from clankers.harnesses.pi.session_file import SessionFile, session_in
from clankers.ingest.live import Announced, read_announced
from clankers.ingest.source import SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from clankers.log.writer import Log

_END = "session_shutdown"
_MAX_PATH = 4096  # characters


def after_events(log: Log, events: list[Any]) -> None:
    """Ingest what `events`, just logged, announce, and what other sessions left behind.

    Raises:
        OSError: a file cannot be read or written; the other sessions were looked at all the same.
        SourceError: an event names something that is not its session's file; likewise.
    """
    announced: dict[str, Announced] = {}
    failure: SourceError | None = None
    for event in events:
        if not isinstance(event, dict) or not event.get("session_file"):
            continue  # --no-session writes none
        try:
            source = _source(event)
            announced[source.session] = Announced(source, ended=event.get("type") == _END)
        except SourceError as e:
            failure = failure or e
    read_announced(log, announced.values(), harnesses.source_of(log.root))
    if failure:
        raise failure


def _source(event: dict[str, Any]) -> SessionFile:
    """The source that an event announces; its file may not be there yet.

    Raises:
        SourceError: the event's session has no such file.
    """
    path, session = event["session_file"], event.get("session_id")
    if not isinstance(path, str) or "\0" in path or len(path) > _MAX_PATH or not os.path.isabs(path):
        raise SourceError("session_file is not an absolute path")
    named = isinstance(session, str) and session and os.path.basename(path).endswith(f"_{session}.jsonl")
    if not named or (os.path.lexists(path) and session_in(path) != session):
        raise SourceError(f"{path[:200]!r} is not the file of session {str(session)[:200]}")
    return SessionFile(str(session), path)
