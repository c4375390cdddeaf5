"""Marks what a person took back by going back in the conversation. The client reports nothing then (`PromptSeen`)."""

import apsw

from projector.model.naming import HOOK_PREFIX


def mark_rewound(db: apsw.Connection, sessions: set[str]) -> None:
    """Set `deleted_at` of the messages of `sessions` that were taken back: to when the person typed the next prompt.

    A session writes in the order of time, so what was taken back is what it said from the first of two prompts under
    one parent up to the second. A copy in a fork is another session's message, and stays.
    """
    rewound = [(session,) for (session,) in db.executemany(_REWOUND, [(session,) for session in sorted(sessions)])]
    db.executemany(_MARK, rewound)


# Where the record does not chain its lines, all prompts would stand at the beginning.
_SIBLINGS = """
FROM prompts WHERE session_id = ?1 AND (parent_id <> ''
  OR EXISTS (SELECT 1 FROM session_facts WHERE session_id = ?1 AND name = 'chained'))
"""
_REWOUND = f"SELECT DISTINCT session_id {_SIBLINGS} GROUP BY parent_id HAVING count(*) > 1"
_MARK = f"""
WITH prompt (at, next) AS (SELECT at, lead(at) OVER (PARTITION BY parent_id ORDER BY at, id) {_SIBLINGS}),
taken_back (at, next) AS MATERIALIZED (SELECT at, next FROM prompt WHERE next IS NOT NULL),
said (id, until) AS (
  SELECT id, (SELECT min(next) FROM taken_back WHERE created_at >= at AND created_at < next)
  FROM messages WHERE session_id = ?1 AND NOT session_total AND id NOT LIKE '{HOOK_PREFIX}%'
)
UPDATE messages SET deleted_at = until FROM said WHERE messages.id = said.id AND deleted_at IS NOT until
"""
