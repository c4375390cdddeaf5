"""Backup files beside the log and the database: no command reads them, but they hold recorded data."""

import os

DAMAGED = ".damaged"  # in the name of a file that was kept when another one replaced it


def backup_files(root: str, database: str) -> list[str]:
    """The paths of days as before a repair, of a damaged database, and of one that a killed `verify` left.

    Args:
        root: the data root.
        database: the path of the database.

    Raises:
        OSError: a directory cannot be read.
    """
    beside = os.path.basename(database)
    kept = (beside + DAMAGED, beside + ".verify")
    found = []
    for folder in sorted({os.path.abspath(root), os.path.dirname(os.path.abspath(database))}):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            day = name.startswith("clankers-") and ".jsonl" in name and DAMAGED in name
            if (day or name.startswith(kept)) and not name.endswith(".lock"):
                found.append(os.path.join(folder, name))
    return found
