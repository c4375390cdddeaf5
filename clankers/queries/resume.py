"""A session with its subagents, and which command resumes it in its own client."""

import shlex
from typing import NamedTuple

from clankers import harnesses
from clankers.errors import ClankersError
from clankers.queries.dialect import JOIN_IN_THIS_ORDER, Database

# The session itself, then the one that called it, and so on: a client resumes no subagent alone.
_ABOVE = """
WITH RECURSIVE above (id, depth) AS (
  SELECT CAST(:session AS text), 0
  UNION ALL
  SELECT s.parent_id, depth + 1 FROM above JOIN sessions AS s USING (id) WHERE s.parent_id IS NOT NULL AND depth < 20
)
SELECT s.id, s.source, s.project_path, s.title FROM above JOIN sessions AS s USING (id) ORDER BY depth DESC LIMIT 1
"""
_BELOW = f"""
WITH RECURSIVE below (id, depth) AS (
  SELECT CAST(:session AS text), 0
  UNION ALL
  SELECT s.id, depth + 1 FROM below JOIN sessions AS s ON s.parent_id = below.id WHERE depth < 20
)
SELECT DISTINCT s.id FROM below {JOIN_IN_THIS_ORDER} sessions AS s USING (id) WHERE s.source = :source ORDER BY s.id
"""


class SessionTree(NamedTuple):
    """A session that a person started, and its subagents.

    Attributes:
        id: of the session.
        source: its harness.
        directory: in which it worked; None where that is not known.
        title: None where it has none.
        members: its id, and those of its subagents.
    """

    id: str
    source: str
    directory: str | None
    title: str | None
    members: list[str]


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
    tree = session_tree(db, session)
    try:
        harness = harnesses.find(tree.source, root) if tree else None
    except ClankersError:  # a package that cannot be loaded: `clankers doctor` reports it
        return None
    argv = harness.resume(tree.id) if harness and tree else None
    return ResumeCommand(tree.id, tree.source, tree.directory, argv) if argv and tree else None


def session_tree(db: Database, session: str) -> SessionTree | None:
    """The session that a person started and `session` is, or is below; None where there is none with that id."""
    found = db.execute(_ABOVE, {"session": session}).fetchone()
    if found is None:
        return None
    id, source, directory, title = found
    below = db.execute(_BELOW, {"session": id, "source": source})
    members = [one for (one,) in below if one != id]
    return SessionTree(id, source, directory, title, [id, *members])
