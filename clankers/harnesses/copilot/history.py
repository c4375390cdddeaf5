"""The event logs below GitHub Copilot CLI's directory."""

from collections.abc import Iterator
from pathlib import Path

from clankers.harnesses.copilot.event_log import EVENTS_FILE, EventLog, is_session, sessions
from clankers.harnesses.copilot.line_fields import parse
from clankers.harnesses.store_paths import changed_at
from clankers.ingest.source import Source


def event_logs() -> Iterator[Path]:
    """The event logs of all sessions; a directory that is a link is none."""
    for path in Path(sessions()).glob(f"*/{EVENTS_FILE}"):
        if is_session(path.parent.name) and not path.parent.is_symlink():
            yield path


def sources() -> Iterator[Source]:
    """The sessions, the last changed first."""
    for path in sorted(event_logs(), key=changed_at, reverse=True):
        yield EventLog(path.parent.name, str(path.parent), parse=parse)
