"""Where chat histories of aider are: in the root of a repository, or in the directory in which it was started.

Nothing lists them. An import looks in the current directory and those above it, at what `AIDER_CHAT_HISTORY_FILE`
names, and in directories below the home directory, to a small depth. A command that reads looks at the first two, and
at the histories that were read before.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.aider.chat_history import NAME, SESSION, ChatHistory
from clankers.harnesses.store_paths import changed_at
from clankers.ingest.source import Source
from clankers.log import strict_json

_DEPTH = 3  # directories below the home directory
_MOST = 5_000  # directories that are looked at


def files() -> list[Path]:
    """The chat histories, the last changed first."""
    return _newest_first([*_near(), *(folder / NAME for folder in _below(Path(paths.home())))])


def sources() -> Iterator[Source]:
    """The chat histories, the last changed first."""
    return (ChatHistory(str(file)) for file in files())


def watched(root: str) -> Iterator[Source]:
    """The chat histories near, and those that the data root `root` knows, the last changed first."""
    return (ChatHistory(str(file)) for file in _newest_first([*_near(), *_known(root)]))


def _near() -> list[Path]:
    named = paths.named_directory("AIDER_CHAT_HISTORY_FILE")  # a file, in the same form
    try:
        folders = [Path.cwd(), *Path.cwd().parents]
    except FileNotFoundError:  # it was removed
        folders = []
    return [*([Path(named)] if named else []), *(folder / NAME for folder in folders)]


def _known(root: str) -> Iterator[Path]:
    cursors = os.path.join(root, "cursors")
    try:
        names = os.listdir(cursors)  # of all sessions: `glob` takes long
    except FileNotFoundError:
        return
    for name in names:
        if not name.startswith(SESSION):
            continue
        try:
            path = strict_json.parse(Path(cursors, name).read_bytes())["path"]
        except (OSError, strict_json.NotJSONError, LookupError, TypeError):
            continue
        if isinstance(path, str) and path:
            yield Path(path)


def _newest_first(files: Iterable[Path]) -> list[Path]:
    return sorted((file for file in dict.fromkeys(files) if file.is_file()), key=changed_at, reverse=True)


def _below(home: Path) -> Iterator[Path]:
    """Directories below `home`, itself included, the higher ones first; none that is hidden or a link."""
    folders = [(home, 0)]
    for folder, depth in folders:
        yield folder
        if depth == _DEPTH or len(folders) > _MOST:
            continue
        try:
            inside = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
        except OSError:
            continue
        folders += [(folder / name, depth + 1) for name in inside if not name.startswith(".")]
