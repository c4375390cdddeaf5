"""Finds the call of a result where the client's id of the call is not unique and the result does not name its line."""

from typing import Any

import apsw

from projector.model.changes import Rank

_RESULT = "open_rank < 0 AND call_id IS NOT NULL"
_RESULTS = f"SELECT id FROM tools WHERE session_id = ? AND {_RESULT} ORDER BY completed_at, id"
# The last call before the result that has none, or that has this one; without a time, the only one of the id. A fork's
# record holds results of its origin.
_CALL = f"""
SELECT called.id, called.session_id FROM tools AS result JOIN tools AS called ON called.call_id = result.call_id
  AND called.session_id IN (result.session_id, (SELECT value FROM session_facts AS f
    WHERE f.session_id = result.session_id AND name = 'forked_from'))
WHERE result.id = ?1 AND called.open_rank >= 0
  AND ifnull(called.created_at <= result.completed_at, 1 = (SELECT count(*) FROM tools AS other
    WHERE other.session_id = called.session_id AND other.call_id = called.call_id AND other.open_rank >= 0))
  AND (called.close_rank < {Rank.RECORD}
    OR (called.completed_at, called.tool_output) IS (result.completed_at, result.tool_output))
ORDER BY called.created_at DESC, called.id DESC LIMIT 1
"""
_COPIED = ("status", "success", "tool_output", "exit_code", "error_message", "completed_at", "close_rank")
_CLOSE = f"""
UPDATE tools SET ({", ".join(_COPIED)}) = (SELECT {", ".join(_COPIED)} FROM tools WHERE id = ?1) WHERE id = ?2
"""


def match_results(db: apsw.Connection, sessions: set[str]) -> set[str]:
    """End the calls of `sessions` with such results, in the order of time; a result without a call stays visible.

    Returns the sessions whose calls ended.
    """
    ended: set[str] = set()
    for (result,) in db.executemany(_RESULTS, [(session,) for session in sorted(sessions)]).fetchall():
        found: list[Any] = db.execute(_CALL, (result,)).fetchall()
        for call, session in found:
            db.execute(_CLOSE, (result, call))
            db.execute("DELETE FROM tools WHERE id = ?", (result,))
            db.execute("UPDATE saved_outputs SET tool_id = ? WHERE tool_id = ?", (call, result))
            ended.add(session)
    return ended
