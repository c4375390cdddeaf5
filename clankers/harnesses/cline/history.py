"""The sessions in Cline's directory."""

import os
from collections.abc import Iterator

from clankers.harnesses.cline.directories import sessions
from clankers.harnesses.cline.session_files import MANIFEST, SessionFiles
from clankers.ingest.source import Source


def folders() -> list[str]:
    """The directories that hold a session."""
    try:
        entries = list(os.scandir(sessions()))
    except OSError:
        return []
    return [entry.path for entry in entries if os.path.lexists(os.path.join(entry.path, entry.name + MANIFEST))]


def sources() -> Iterator[Source]:
    """The sessions, the last changed first."""
    for folder in sorted(folders(), key=_changed, reverse=True):
        yield SessionFiles(os.path.basename(folder), folder)


def _changed(folder: str) -> float:
    try:
        return os.stat(folder).st_mtime
    except OSError:
        return 0.0
