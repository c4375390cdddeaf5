"""The chat files below Qwen Code's directory."""

import os
from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.qwen.chat_files import CHATS, ENDING, ChatFiles
from clankers.ingest.source import Source


def home() -> Path:
    """The directory of Qwen Code's files: `QWEN_HOME`, else `~/.qwen`."""
    return _directory("QWEN_HOME") or Path(paths.home()) / ".qwen"


def projects() -> Path:
    """The directory of the projects: in `QWEN_RUNTIME_DIR`, else in `home`."""
    return (_directory("QWEN_RUNTIME_DIR") or home()) / "projects"


def chats() -> Iterator[Path]:
    """The sessions' own chat files."""
    return projects().glob(f"*/{CHATS}/*{ENDING}")


def sources() -> Iterator[Source]:
    """The sessions, the last changed first."""
    for file in sorted(chats(), key=_changed, reverse=True):
        yield ChatFiles(file.stem, str(file))


def _directory(variable: str) -> Path | None:
    named = os.environ.get(variable)
    return Path(os.path.abspath(os.path.expanduser(named))) if named else None


def _changed(file: Path) -> float:
    try:
        return file.lstat().st_mtime
    except OSError:
        return 0.0
