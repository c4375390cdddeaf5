"""Where the projects of recorded sessions are."""

import os

from clankers.queries.dialect import Database


def project_places(db: Database) -> dict[str, str]:
    """The path of each recorded project without links, by the path as it was recorded; without what is no path."""
    found = {}
    for (project,) in db.execute("SELECT DISTINCT project_path FROM sessions WHERE project_path IS NOT NULL"):
        try:
            found[project] = os.path.realpath(project)
        except ValueError:  # a NUL in it
            continue
    return found
