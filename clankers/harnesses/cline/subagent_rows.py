"""The rows of Cline's database of sessions that name a subagent and its parent."""

from collections.abc import Iterator
from contextlib import closing

import apsw
import msgspec

from clankers.ingest.database import open_tables, read_rows
from clankers.ingest.source import SourceBusyError, SourceError

# The parent of all subagents is the session; whose subagent started one, only `parent_agent_id` says.
_SUBAGENTS = """
SELECT s.*, parent.session_id AS parent_subagent
FROM sessions AS s
LEFT JOIN sessions AS parent ON parent.parent_session_id = s.parent_session_id AND parent.agent_id = s.parent_agent_id
WHERE s.parent_session_id = ?
ORDER BY s.started_at, s.session_id
"""


def subagent_rows(path: str, session: str) -> Iterator[tuple[str, bytes]]:
    """The ids of the subagents of `session` in the database at `path`, and their rows as JSON.

    Raises:
        SourceError: it cannot be read.
    """
    with closing(open_tables(path, {"sessions"}, "sessions")) as db:
        try:
            rows = read_rows(db, _SUBAGENTS, session, {"metadata_json"})
        except (apsw.BusyError, apsw.LockedError) as e:
            raise SourceBusyError(f"{path} is locked by another program: {e}") from e
        except (apsw.Error, UnicodeDecodeError) as e:
            raise SourceError(f"{path} cannot be read: {e}") from e
    for row in rows:
        yield str(row["session_id"]), msgspec.json.encode(row)
