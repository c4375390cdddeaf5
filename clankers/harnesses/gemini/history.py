"""The chat files below Gemini CLI's directory."""

from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.gemini.chat_files import Chats, session_in
from clankers.harnesses.store_paths import changed_at, named_directory
from clankers.ingest.source import Source


def home() -> Path:
    """The directory of Gemini CLI's files: `.gemini` in `GEMINI_CLI_HOME`, else in the home directory."""
    return (named_directory("GEMINI_CLI_HOME") or Path(paths.home())) / ".gemini"


def folders() -> list[str]:
    """Where the projects' chats are."""
    return [str(home() / "tmp")]


def chats() -> Iterator[Path]:
    """The sessions' own files, of all projects and formats."""
    yield from (home() / "tmp").glob("*/chats/session-*.json*")


def sources() -> Iterator[Source]:
    """The sessions, the last changed first; one whose own files are gone may still have subagents."""
    found: dict[tuple[str, str], float] = {}
    for file in (*chats(), *(home() / "tmp").glob("*/chats/*/*.jsonl")):
        own = file.parent.name == "chats"
        session = (session_in(str(file)) or file.stem.rpartition("-")[2]) if own else file.parent.name
        key = session, str(file.parent if own else file.parent.parent)
        found[key] = max(found.get(key, 0.0), changed_at(file))
    subagents = {(file.stem, str(file.parent.parent)) for file in (home() / "tmp").glob("*/chats/*/*.jsonl")}
    for session, folder in sorted(found.keys() - subagents, key=lambda key: found[key], reverse=True):
        yield Chats(session, folder)
