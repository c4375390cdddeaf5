"""Names that clients make of paths and times."""

import os
import re
from datetime import datetime

from clankers.restore.files import RestoreError


def dashed(path: str) -> str:
    """`path` with a dash for each UTF-16 unit that is no letter or digit of ASCII, as JavaScript replaces them."""
    return re.sub("[^a-zA-Z0-9]", lambda found: "-" * (1 + (found[0] > "\uffff")), path)


def inner(path: str, root: str) -> tuple[str, ...] | None:
    """The names from the directory `root` to `path`; None if it is not below it."""
    names = tuple(path.removeprefix(root.rstrip("/") + "/").split("/"))
    return names if path.startswith(root.rstrip("/") + "/") and ".." not in names and all(names) else None


def moment(text: object, session: str) -> datetime:
    """The time in `text`, RFC 3339.

    Raises:
        RestoreError: it is none.
    """
    try:
        return datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        raise RestoreError(
            f"session {session}: no record says when it began, which is in the name of its file"
        ) from None


def elsewhere(recorded: str, root: str) -> str | None:
    """The directory `recorded`, if it is another one than `root`; links are resolved."""
    return None if os.path.realpath(recorded) == os.path.realpath(root) else recorded
