"""Which command resumes a session in its own client."""

import shlex
from typing import NamedTuple

from clankers import harnesses
from clankers.errors import ClankersError
from clankers.queries.dialect import Database

# The session itself, then the one that called it, and so on: a client resumes no subagent alone.
_ABOVE = """
WITH RECURSIVE above (id, depth) AS (
  SELECT CAST(:session AS text), 0
  UNION ALL
  SELECT s.parent_id, depth + 1 FROM above JOIN sessions AS s USING (id) WHERE s.parent_id IS NOT NULL AND depth < 20
)
SELECT s.id, s.source, s.project_path FROM above JOIN sessions AS s USING (id) ORDER BY depth DESC LIMIT 1
"""


class ResumeCommand(NamedTuple):
    """What resumes a session.

    Attributes:
        session: the id of the session; that of the top session for a subagent.
        source: its harness.
        directory: where the client has to be started; None where it is not known.
        argv: the client's command.
    """

    session: str
    source: str
    directory: str | None
    argv: list[str]

    @property
    def shell(self) -> str:
        """A line for a shell."""
        command = shlex.join(self.argv)
        return f"cd {shlex.quote(self.directory)} && {command}" if self.directory else command


def resume_command(db: Database, root: str, session: str) -> ResumeCommand | None:
    """The command that resumes the session with the id `session`; None where its client has none.

    Args:
        db: the database.
        root: the data root, which lists the harnesses of other packages.
        session: its id; a subagent's stands for its top session's.
    """
    found = db.execute(_ABOVE, {"session": session}).fetchone()
    if found is None:
        return None
    id, source, directory = found
    try:
        harness = harnesses.find(source, root)
    except ClankersError:  # a package that cannot be loaded: `clankers doctor` reports it
        return None
    argv = harness.resume(id) if harness else None
    return ResumeCommand(id, source, directory, argv) if argv else None
