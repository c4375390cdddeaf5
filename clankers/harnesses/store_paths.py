"""Where harnesses keep their sessions: the directories that variables name, and how old a file is."""

import os
from pathlib import Path

from clankers import paths


def named_directory(variable: str) -> Path | None:
    """As `paths.named_directory`; None if it names none."""
    named = paths.named_directory(variable)
    return Path(named) if named else None


def listed(folder: str | Path) -> list[str]:
    """The paths of what is in `folder`, which may hold thousands of files; none where it is no readable directory."""
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except OSError:
        return []


def changed_at(file: str | Path) -> float:
    """When `file` last changed, in seconds since the epoch; 0 if it is gone."""
    try:
        return os.lstat(file).st_mtime
    except OSError:
        return 0.0
