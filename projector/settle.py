"""What follows from a batch's rows: worked out anew for each session that it touched, from all that is known of it.

Nothing here depends on the order in which things were told, so a replay in one go and one line by line end alike.
"""

from dataclasses import dataclass
from typing import Any

import apsw
import msgspec

from projector.changes import Rank, Todo
from projector.forks import settle_forks

EDITING_TOOLS = ("Write", "Edit", "MultiEdit", "NotebookEdit", "write", "edit", "multiedit", "patch", "apply_patch")
TITLE_LENGTH = 100  # characters of a first prompt that stand for a title


@dataclass
class Touched:
    """Whose rows a batch wrote, by id.

    Attributes:
        messages: those that changed, or whose parts did.
        parts: those that got a bit more text.
        copies: sessions of which a copy was found.
        billed: sessions whose bill grew.
    """

    sessions: set[str]
    messages: set[str]
    parts: set[str]
    tools: set[str]
    copies: set[str]
    billed: set[str]


def settle(db: apsw.Connection, touched: Touched) -> None:
    """Bring everything up to date that is worked out from the rows of `touched`; inside the batch's transaction."""
    _streamed_text(db, touched.parts)
    _text_content(db, touched.messages)
    forked = settle_forks(db, touched.copies)
    sessions = touched.sessions | forked
    sessions |= _linked(db, sessions, touched)
    for session in sorted(sessions):
        _copied(db, session)
        _sightings(db, session, anew=session in forked)
    _file_edits(db, touched.tools)
    for session in sorted(sessions):
        _session(db, session)


def _linked(db: apsw.Connection, sessions: set[str], touched: Touched) -> set[str]:
    """Sessions whose rows follow from the touched ones: subagents of a tool call, forks of a bill, forked parents."""
    found: set[str] = set()
    # The partial index is found only by its own condition.
    links = "SELECT session_id FROM session_facts WHERE value = ? AND name = ? AND name IN "
    links += "('parent_id', 'forked_from', 'spawned_by')"
    for name, values in (("spawned_by", touched.tools), ("forked_from", touched.billed)):
        for value in values:
            found |= {s for (s,) in db.execute(links, (value, name))}
    for session in sessions:
        found |= {p for (p,) in db.execute(_FORKED_PARENT, (session,))}
    return found


_FORKED_PARENT = """
SELECT fork.session_id FROM session_facts AS child
JOIN session_facts AS fork ON fork.session_id = child.value AND fork.name = 'forked_from'
WHERE child.session_id = ? AND child.name = 'parent_id'
"""


def _streamed_text(db: apsw.Connection, parts: set[str]) -> None:
    """A part's text from its deltas, as long as no final text has come."""
    for part in parts:
        final = db.execute("SELECT completed_at IS NOT NULL FROM parts WHERE id = ?", (part,)).get
        if final:
            db.execute("DELETE FROM part_deltas WHERE part_id = ?", (part,))
            continue
        text = "".join(
            t for (t,) in db.execute("SELECT text FROM part_deltas WHERE part_id = ? ORDER BY position, id", (part,))
        )
        db.execute(
            "UPDATE parts SET text = ?1 WHERE id = ?2 AND length(?1) > length(ifnull(text, ''))",
            (text, part),
        )


def _text_content(db: apsw.Connection, messages: set[str]) -> None:
    """A message's text: its text parts in order, joined by a newline; so are parts of which only deltas came."""
    texts = (
        "SELECT text FROM parts WHERE message_id = ? AND ifnull(type, 'text') = 'text' AND text <> '' ORDER BY seq, id"
    )
    db.executemany(
        "UPDATE messages SET text_content = ? WHERE id = ?",
        (("\n".join(t for (t,) in db.execute(texts, (m,))) or None, m) for m in messages),
    )
    db.executemany(
        "UPDATE messages SET synthetic = s.whole "
        "FROM (SELECT min(synthetic) AS whole FROM parts WHERE message_id = ?1) AS s "
        "WHERE id = ?1 AND role = 'user' AND s.whole IS NOT NULL",
        ((m,) for m in messages),
    )


def _copied(db: apsw.Connection, session: str) -> None:
    """OpenCode's fork gives copies new ids and their old times: a message older than its session is a copy.

    What the copies hold happened once, in the original: their tool calls, failures and compactions make no rows.
    """
    born = db.execute(
        "SELECT value FROM session_facts WHERE session_id = ? AND name = 'created_at' AND rank = ?",
        (session, Rank.RECORD),
    ).get
    if not born:
        return
    db.execute(
        "UPDATE messages SET copied = created_at < ?1 WHERE session_id = ?2 AND copied <> (created_at < ?1)",
        (born, session),
    )
    copies = "SELECT id FROM messages WHERE session_id = ? AND copied"
    if db.execute(copies + " LIMIT 1", (session,)).get:
        db.execute(f"DELETE FROM tools WHERE message_id IN ({copies})", (session,))
        db.execute(f"DELETE FROM session_errors WHERE message_id IN ({copies})", (session,))
        db.execute(
            f"DELETE FROM compaction_events WHERE id IN (SELECT id FROM parts WHERE message_id IN ({copies}))",
            (session,),
        )


# What counts as white space around a text: clients trim what they tell a hook, and not what they record.
_SPACE = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\ufeff"
_RECORDED = {
    # How many of the client's own records there are that say what a sighting says.
    "prompt": """SELECT count(*) FROM messages AS m WHERE m.session_id = ?1 AND m.role = 'user'
        AND m.id NOT LIKE 'hook:%' AND (trim(m.text_content, ?3) = ?2 OR EXISTS
        (SELECT 1 FROM parts WHERE message_id = m.id AND data = json_object('typed', ?2)))""",
    "answer": """SELECT count(*) FROM messages AS m WHERE m.session_id = ?1 AND m.role = 'assistant'
        AND m.id NOT LIKE 'hook:%' AND (trim(m.text_content, ?3) = ?2 OR EXISTS
        (SELECT 1 FROM parts WHERE message_id = m.id AND type = 'text' AND trim(text, ?3) = ?2))""",
    "error": """SELECT count(*) FROM session_errors WHERE session_id = ?1 AND error_type = ?2
        AND id NOT LIKE 'hook:%' AND NOT will_retry AND ?3 IS NOT NULL""",
}


def _sightings(db: apsw.Connection, session: str, *, anew: bool) -> None:
    """Show what only hooks saw: of equal sightings as many, the latest, as the record has too few.

    Once a record says the same, nothing undoes that but a fork's giving it back; then all are looked at `anew`.
    """
    which = "" if anew else "AND shown IS NOT 0"
    groups = db.execute(f"SELECT DISTINCT kind, same FROM sightings WHERE session_id = ? {which}", (session,))
    for kind, same in groups.fetchall():
        equal = "SELECT id, text FROM sightings WHERE session_id = ? AND kind = ? AND same = ?"
        seen: list[Any] = db.execute(f"{equal} ORDER BY created_at, id", (session, kind, same)).fetchall()
        wanted = same if kind == "error" else seen[0][1].strip(_SPACE)
        recorded = db.execute(_RECORDED[str(kind)], (session, wanted, _SPACE)).get
        for i, (id, _) in enumerate(seen):
            shown = i >= recorded
            db.execute("UPDATE sightings SET shown = ? WHERE id = ?", (shown, id))
            for statement in (_SHOW_ERROR if kind == "error" else _SHOW_MESSAGE) if shown else _HIDE:
                db.execute(statement, (id,))


_HIDE = (
    "DELETE FROM session_errors WHERE id = ?",
    "DELETE FROM parts WHERE id = ?",
    "DELETE FROM messages WHERE id = ?",
)
_SHOW_ERROR = (
    """INSERT INTO session_errors (id, session_id, error_type, error_message, created_at, source)
    SELECT id, session_id, same, text, created_at, source FROM sightings WHERE id = ?
    ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at""",
)
_SHOW_MESSAGE = (
    """INSERT INTO messages (id, session_id, role, text_content, created_at, completed_at, source, synthetic)
    SELECT id, session_id, iif(kind = 'prompt', 'user', 'assistant'), text, created_at, created_at, source, synthetic
    FROM sightings WHERE id = ?
    ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, completed_at = excluded.completed_at""",
    """INSERT INTO parts (id, message_id, session_id, seq, type, text, created_at, completed_at)
    SELECT id, id, session_id, 0, 'text', text, created_at, created_at FROM sightings WHERE id = ?
    ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, completed_at = excluded.completed_at""",
)


def _file_edits(db: apsw.Connection, tools: set[str]) -> None:
    """An edit is a successful call of a tool that edits the file it names."""
    marks = ", ".join("?" * len(EDITING_TOOLS))
    db.executemany("DELETE FROM file_edits WHERE id = ?", ((t,) for t in tools))
    db.executemany(
        "INSERT INTO file_edits "
        "SELECT id, session_id, message_id, tool_name, file_path, completed_at, source FROM tools "
        f"WHERE id = ? AND success AND file_path IS NOT NULL AND tool_name IN ({marks})",
        ((t, *EDITING_TOOLS) for t in tools),
    )


_TOTALS = """
SELECT count(*), ifnull(sum(prompt_tokens), 0), ifnull(sum(completion_tokens), 0), ifnull(sum(reasoning_tokens), 0),
  ifnull(sum(cache_read_tokens), 0), ifnull(sum(cache_write_tokens), 0), sum(cost),
  min(created_at), max(max(created_at, ifnull(completed_at, created_at)))
FROM messages WHERE session_id = ? AND NOT copied
"""
_LAST_MODEL = """
SELECT model, provider, agent FROM messages
WHERE session_id = ? AND role = 'assistant' AND model IS NOT NULL AND NOT copied AND NOT synthetic
ORDER BY created_at DESC, id DESC LIMIT 1
"""
_FIRST_PROMPT = """
SELECT text_content FROM messages
WHERE session_id = ? AND role = 'user' AND NOT synthetic AND NOT copied AND text_content <> ''
ORDER BY created_at, id LIMIT 1
"""
_UPDATE = """
UPDATE sessions SET title = ?, project_path = ?, project_name = ?, model = ?, provider = ?, prompt_tokens = ?,
  completion_tokens = ?, cost = ?, created_at = ?, updated_at = ?, status = ?, parent_id = ?, forked_from = ?,
  agent = ?, client_version = ?, git_branch = ?, permission_mode = ?, reasoning_tokens = ?, cache_read_tokens = ?,
  cache_write_tokens = ?, message_count = ?, tool_call_count = ?, error_count = ?, ended_at = ?, deleted_at = ?
WHERE id = ?
"""


def _session(db: apsw.Connection, session: str) -> None:
    facts = {n: (rank, v) for n, rank, v in db.execute(_FACTS, (session,))}

    def fact(name: str) -> str | int | None:
        value: str | int | None = facts.get(name, (0, None))[1]
        return value

    count, prompt, completion, reasoning, cache_read, cache_write, cost, first, last = db.execute(
        _TOTALS, (session,)
    ).get
    model, provider, agent = db.execute(_LAST_MODEL, (session,)).get or (None, None, None)
    # A fork's record starts with its origin's lines: its own first message tells when it began. A client that says
    # when a session was created (OpenCode) is believed, a hook's time only where there is nothing else.
    rank, created = facts.get("created_at", (Rank.GUESS, None))
    created = created if rank == Rank.RECORD or first is None else first
    title = fact("title")
    if title is None and (prompted := db.execute(_FIRST_PROMPT, (session,)).get):
        title = " ".join(prompted.split())[:TITLE_LENGTH]
    path = fact("project_path")
    name = str(path).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] if path else None
    parent = fact("parent_id")
    if spawned_by := fact("spawned_by"):  # a subagent of a subagent: the call stands in its parent's own record
        parent = db.execute("SELECT session_id FROM tools WHERE id = ?", (spawned_by,)).get or parent
    tools = db.execute("SELECT count(*) FROM tools WHERE session_id = ?", (session,)).get
    errors = db.execute("SELECT count(*) FROM session_errors WHERE session_id = ? AND NOT will_retry", (session,)).get
    if cost is None:  # no message says what it cost
        cost = 0.0 if fact("billed") else _bill(db, session, fact("forked_from"))
    db.execute(
        _UPDATE,
        (
            title,
            path,
            name,
            fact("model") or model,
            fact("provider") or provider,
            prompt,
            completion,
            cost,
            created,
            fact("updated_at") or last,
            fact("status"),
            parent,
            fact("forked_from"),
            fact("agent") or agent,
            fact("client_version"),
            fact("git_branch"),
            fact("permission_mode"),
            reasoning,
            cache_read,
            cache_write,
            count,
            tools,
            errors,
            fact("ended_at"),
            fact("deleted_at"),
            session,
        ),
    )
    if path:
        db.execute(
            "INSERT INTO projects (path, name) VALUES (?1, ?2) "
            "ON CONFLICT (path) DO UPDATE SET name = ?2 WHERE name IS NULL",
            (path, name),
        )
    _todos(db, session, {n: v for n, (_, v) in facts.items() if n.startswith("todo")})


_FACTS = "SELECT name, rank, value FROM session_facts WHERE session_id = ?"


def _bill(db: apsw.Connection, session: str, origin: str | int | None) -> float | None:
    """What Claude Code says a session cost, its subagents included.

    The client adds up over resumes, so the highest sum is the last. A fork goes on from its origin's sum: that is found
    among the sums that the origin wrote down by the output tokens that came before the fork's own.
    """
    total, output = db.execute(
        "SELECT max(cost), max(output_tokens) FROM cost_states WHERE session_id = ?", (session,)
    ).get
    if total is None or origin is None:
        return total  # type: ignore[no-any-return]
    own = db.execute(
        "SELECT ifnull(sum(completion_tokens), 0) FROM messages WHERE session_id = ?1 OR session_id IN "
        "(SELECT session_id FROM session_facts WHERE name = 'parent_id' AND value = ?1)",
        (session,),
    ).get
    before = db.execute(
        "SELECT cost FROM cost_states WHERE session_id = ? ORDER BY abs(output_tokens - ?), cost LIMIT 1",
        (origin, output - own),
    ).get
    return None if before is None else max(0.0, total - before)


def _todos(db: apsw.Connection, session: str, facts: dict[str, str]) -> None:
    if not facts:
        return
    source, at = db.execute(
        "SELECT s.source, max(f.at) FROM sessions AS s JOIN session_facts AS f ON f.session_id = s.id "
        "WHERE s.id = ? AND f.name GLOB 'todo*'",
        (session,),
    ).get
    todos: list[Todo] = []
    for name in sorted(facts, key=lambda n: (n != "todos", len(n), n)):
        todos += msgspec.json.decode(facts[name], type=list[Todo])
    db.execute("DELETE FROM todos WHERE session_id = ?", (session,))
    db.executemany(
        "INSERT INTO todos VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        ((session, i, t.id, t.content, t.status, t.priority, at, source) for i, t in enumerate(todos)),
    )
