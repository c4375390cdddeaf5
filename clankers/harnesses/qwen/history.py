"""The chat files below Qwen Code's directory."""

from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.qwen.chat_files import CHATS, ENDING, ChatFiles
from clankers.harnesses.store_paths import changed_at, named_directory
from clankers.ingest.source import Source


def home() -> Path:
    """The directory of Qwen Code's files: `QWEN_HOME`, else `~/.qwen`."""
    return named_directory("QWEN_HOME") or Path(paths.home()) / ".qwen"


def projects() -> Path:
    """The directory of the projects: in `QWEN_RUNTIME_DIR`, else in `home`."""
    return (named_directory("QWEN_RUNTIME_DIR") or home()) / "projects"


def chats() -> Iterator[Path]:
    """The sessions' own chat files."""
    return projects().glob(f"*/{CHATS}/*{ENDING}")


def sources() -> Iterator[Source]:
    """The sessions, the last changed first."""
    for file in sorted(chats(), key=changed_at, reverse=True):
        yield ChatFiles(file.stem, str(file))
