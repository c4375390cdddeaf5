"""The complete output of tool calls whose client cuts it in its record and keeps it in a file of its own."""

import apsw

from projector.model.batch import Batch

_NAMED = "SELECT tool_id FROM saved_outputs WHERE session_id = ? AND name = ? AND tool_id IS NOT NULL"
# A file that is shorter than what the record says is not what was cut there.
_FILL = """
UPDATE tools SET tool_output = saved.text FROM (
  SELECT tool_id, text FROM saved_outputs WHERE tool_id = ? AND text IS NOT NULL
  ORDER BY length(text) DESC, text DESC LIMIT 1
) AS saved
WHERE id = saved.tool_id AND close_rank >= 0 AND length(saved.text) > length(ifnull(tool_output, ''))
RETURNING session_id
"""


def fill_outputs(db: apsw.Connection, batch: Batch) -> set[str]:
    """Set the output of calls of which `batch` reports something; returns the sessions whose calls changed."""
    files = [(one.session_id, one.name) for one in batch.outputs]
    calls = {id for (id,) in db.executemany(_NAMED, files)} | batch.tools.keys()
    return {session for (session,) in db.executemany(_FILL, [(id,) for id in sorted(calls)])}
