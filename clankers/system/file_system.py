"""What a file system cannot do that clankers would use: recording goes on without it, and a person should know.

Imported on the append path, once for each new file: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.system.locks import supports_locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def weaknesses(fd: int, folder: str, *, synced: bool, directory_synced: bool) -> Iterator[str]:
    """What is weaker in `folder` than on a local disk: a sentence each, with its consequence.

    Args:
        fd: of a file there.
        folder: its directory.
        synced: whether the file could be synced.
        directory_synced: whether the directory could be synced.
    """
    if not synced:
        yield f"files in {folder} cannot be synced there: a power loss may take the last events"
    if not directory_synced:
        yield f"the directory {folder} cannot be synced: a power loss may take a new file"
    if not supports_locks(fd):
        yield f"files in {folder} cannot be locked there: run one command at a time that changes the log"
