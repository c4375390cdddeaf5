"""The session files of pi, and of programs that are built on it and keep their sessions in the same form."""

import os
from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.pi.session_file import SessionFile, session_in
from clankers.ingest.source import Source, SourceError


def agent_home() -> Path:
    """The directory of pi's files: `PI_CODING_AGENT_DIR`, else `~/.pi/agent`."""
    named = os.environ.get("PI_CODING_AGENT_DIR")
    return Path(os.path.abspath(os.path.expanduser(named) if named else os.path.join(paths.home(), ".pi", "agent")))


def folders() -> list[Path]:
    """Where sessions are: pi's own, oh-my-pi's and OpenClaw's."""
    sessions = os.environ.get("PI_CODING_AGENT_SESSION_DIR")
    named = [Path(os.path.abspath(os.path.expanduser(sessions)))] if sessions else []
    home = Path(paths.home())
    others = (home / ".omp" / "agent" / "sessions", home / ".openclaw" / "agents")
    return [*dict.fromkeys((*named, agent_home() / "sessions", *others))]


def files() -> Iterator[Path]:
    """The files that may be sessions."""
    for folder in folders():
        yield from folder.glob("**/*.jsonl")


def sources() -> Iterator[Source]:
    """The sessions, the last changed first; files that are no sessions are left out."""
    for path in sorted(files(), key=_changed, reverse=True):
        try:
            yield SessionFile(session_in(str(path)), str(path))
        except (OSError, SourceError):
            continue


def _changed(file: Path) -> float:
    try:
        return file.lstat().st_mtime
    except OSError:
        return 0.0
