"""Where hooks and plugins are installed: `installed.json` in the data root. MCP servers and skills have own lists.

`doctor` looks there. A root that has the list is one that harnesses record into, so past sessions are imported into it.
"""

import contextlib
import os
from pathlib import Path

from clankers.paths import make_private
from clankers.system.config_files import Edit, FileError, apply, content

NAME = "installed.json"
SERVERS = "installed-mcp.json"
SKILLS = "installed-skills.json"


def installed(root: str, name: str = NAME) -> dict[Path, str]:
    """The files into which entries were put for the data root `root`, each with its harness's name.

    Args:
        root: the data root.
        name: of the list in it.
    """
    try:
        text = content(_file(root, name))
    except FileError:
        return {}
    if text is None:
        return {}
    import msgspec  # slow to import, and commands ask this even if nothing is installed

    try:
        found = msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError:  # edited by hand, perhaps
        return {}
    return {Path(path): source for path, source in found.items()}


def note(root: str, path: Path, source: str | None, name: str = NAME) -> None:
    """Remember that `path` holds an entry of ours for the harness `source`; with None, that it no longer does.

    Args:
        root: the data root.
        path: the file.
        source: the harness's name.
        name: of the list in the root.

    Raises:
        ClankersError: the list cannot be written.
    """
    import msgspec

    known = {str(p): s for p, s in installed(root, name).items() if p != path}
    if source:
        known[str(path)] = source
    file = _file(root, name)
    before = content(file)
    after = msgspec.json.format(msgspec.json.encode(known)) + b"\n" if known else None
    if before != after:
        with contextlib.suppress(OSError):
            make_private(root)
        apply(Edit(file, before, after, mode=0o600))


def _file(root: str, name: str) -> Path:
    return Path(os.path.abspath(root), name)
