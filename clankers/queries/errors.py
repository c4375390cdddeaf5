"""The errors that reached a person or were retried, by kind; the most frequent first."""

from msgspec import Struct

from clankers.queries.dialect import JOIN_IN_THIS_ORDER, Database
from clankers.queries.filters import Filters

_LONGEST = 500  # characters of a message

_KINDS = f"""
WITH found AS (
  SELECT e.source, e.error_type, e.status_code, e.will_retry, e.created_at, e.session_id, s.title,
    substr(e.error_message, 1, {_LONGEST}) AS message,
    row_number() OVER (
      PARTITION BY e.source, e.error_type, e.status_code ORDER BY coalesce(e.created_at, 0) DESC, e.id DESC
    ) AS nth
  FROM session_errors AS e {JOIN_IN_THIS_ORDER} sessions AS s ON s.id = e.session_id
  LEFT JOIN messages AS m ON m.id = e.message_id
  WHERE {{condition}}
)
SELECT source, error_type, status_code, count(*) - sum(will_retry) AS errors, sum(will_retry),
  count(DISTINCT session_id), max(created_at),
  max(CASE WHEN nth = 1 THEN session_id END), max(CASE WHEN nth = 1 THEN title END),
  max(CASE WHEN nth = 1 THEN message END)
FROM found GROUP BY 1, 2, 3 ORDER BY count(*) DESC, 1, 2, 3 LIMIT :limit
"""


class ErrorKind(Struct, frozen=True):
    """Errors of one source, type and status code.

    Attributes:
        errors: that ended a response.
        retries: after which the client tried again.
        sessions: in which they occurred.
        last_at: epoch milliseconds; None: not known.
        session_id: where the last one occurred; `title` is that session's.
        message: of the last one, at most 500 characters.
    """

    source: str
    error_type: str | None
    status_code: int | None
    errors: int
    retries: int
    sessions: int
    last_at: int | None
    session_id: str
    title: str | None
    message: str | None


def error_kinds(db: Database, limit: int, chosen: Filters) -> list[ErrorKind]:
    """The `limit` most frequent kinds of errors."""
    statement = _KINDS.format(condition=chosen.rows("e.created_at", "m.model"))
    return [ErrorKind(*row) for row in db.execute(statement, {**chosen.values, "limit": limit})]
