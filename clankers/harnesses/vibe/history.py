"""The sessions below Vibe's directory."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.base import nested
from clankers.harnesses.store_paths import changed_at, named_directory
from clankers.harnesses.vibe.old_session import META_FILE, OldSession, session_in
from clankers.harnesses.vibe.session_store import SessionStore
from clankers.ingest.source import Source, SourceError

UNIFIED = "unified"  # the directory of the sessions of 3.x


def home() -> Path:
    """The directory of Vibe's files: `VIBE_HOME`, else `~/.vibe`."""
    return named_directory("VIBE_HOME") or Path(paths.home()) / ".vibe"


def sessions() -> Path:
    """The directory of the sessions: `session_logging.save_dir` of the settings, else in `home`."""
    try:
        with (home() / "config.toml").open("rb") as file:
            named = nested(tomllib.load(file), "session_logging", "save_dir")
    except (OSError, ValueError):
        named = None
    named = named if isinstance(named, str) else ""
    return Path(os.path.abspath(os.path.expanduser(named))) if named else home() / "logs" / "session"


def directories() -> Iterator[Path]:
    """Those of all sessions, subagents of 2.x included."""
    for pattern in (f"{UNIFIED}/*", "*", "*/agents/*"):
        yield from (path.parent for path in sessions().glob(f"{pattern}/{META_FILE}"))


def sources() -> Iterator[Source]:
    """The sessions, the last changed first; directories that name no session are left out."""
    for folder in sorted(directories(), key=lambda folder: changed_at(folder / META_FILE), reverse=True):
        if folder.parent.name == UNIFIED:
            yield SessionStore(folder.name, str(folder))
            continue
        try:
            yield OldSession(session_in(str(folder)), str(folder))
        except (OSError, SourceError):
            continue
