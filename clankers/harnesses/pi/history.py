"""The session files of pi, and of programs that are built on it and keep their sessions in the same form."""

from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.pi.session_file import SessionFile, session_in
from clankers.harnesses.store_paths import changed_at, named_directory
from clankers.ingest.source import Source, SourceError


def agent_home() -> Path:
    """The directory of pi's files: `PI_CODING_AGENT_DIR`, else `~/.pi/agent`."""
    return named_directory("PI_CODING_AGENT_DIR") or Path(paths.home(), ".pi", "agent")


def folders() -> list[Path]:
    """Where sessions are: pi's own, oh-my-pi's and OpenClaw's."""
    home = Path(paths.home())
    others = (agent_home() / "sessions", home / ".omp" / "agent" / "sessions", home / ".openclaw" / "agents")
    named = named_directory("PI_CODING_AGENT_SESSION_DIR")
    return [*dict.fromkeys((named, *others) if named else others)]


def files() -> Iterator[Path]:
    """The files that may be sessions."""
    for folder in folders():
        yield from folder.glob("**/*.jsonl")


def sources() -> Iterator[Source]:
    """The sessions, the last changed first; files that are no sessions are left out."""
    for path in sorted(files(), key=changed_at, reverse=True):
        try:
            yield SessionFile(session_in(str(path)), str(path))
        except (OSError, SourceError):
            continue
