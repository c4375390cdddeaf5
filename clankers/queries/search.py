"""Full-text search: messages and tool calls by their words, the best first. The index is SQLite's FTS5."""

import re
from collections.abc import Callable
from typing import Any

import apsw
from msgspec import Struct

from clankers.errors import UsageError
from clankers.queries.filters import Filters
from projector.search import index
from projector.search.tokenize import TOKENIZER, spaced, unspaced

_QUOTED = re.compile(r'"([^"]*)"?|(\S+)')
_BEGIN, _END = "\x02", "\x03"  # around the words in a snippet; removed from the texts themselves
_SNIPPET = 24  # words
_MOST = 400  # characters of a snippet, whatever its words are

# The best first; of about the same score, the newest first.
_FIND = """
SELECT doc, session, round(texts.rank, 1) AS score FROM texts JOIN docs ON doc = texts.rowid {sessions}
WHERE texts MATCH :words AND {asked} ORDER BY score, docs.at DESC, doc LIMIT :limit
"""
_MESSAGE = """
SELECT m.id, m.role, m.synthetic, NULL, NULL, m.created_at, m.model, m.text_content, NULL, NULL, NULL
FROM live.messages AS m WHERE m.rowid = :row
"""
_CALL = """
SELECT t.id, NULL, NULL, t.tool_name, t.success, t.created_at, m.model, NULL, t.tool_input, t.tool_output,
  t.error_message
FROM live.tools AS t LEFT JOIN live.messages AS m ON m.id = t.message_id WHERE t.rowid = :row
"""
_SESSION = (
    "SELECT id, parent_id, title, source, project_name, project_path, model FROM live.sessions WHERE rowid = :row"
)
_TEXTS_FROM = 7  # of the columns of `_MESSAGE` and `_CALL`


class Hit(Struct, frozen=True):
    """A message or tool call that has the words.

    Attributes:
        id: of the row in `messages` or `tools`.
        kind: `prompt`, `answer`, `note` (text that the client added) or `tool`.
        model: its own, else its session's.
        success: of a tool call, as in the table.
        created_at: epoch milliseconds.
        score: the lower, the better.
        snippet: a part of the text.
        found: where in it the words are: the first character, and the one after the last.
    """

    id: str
    kind: str
    session_id: str
    parent_id: str | None
    title: str | None
    source: str
    project_name: str | None
    project_path: str | None
    model: str | None
    tool_name: str | None
    success: int | None
    created_at: int | None
    score: float
    snippet: str
    found: list[tuple[int, int]]


def search(
    path: str,
    words: list[str],
    chosen: Filters,
    limit: int,
    *,
    progress: Callable[[int], object],
    note: Callable[[str], object],
    redact: Callable[[str], str] = str,
) -> list[Hit]:
    """The messages and calls that have all `words`, the best first.

    Args:
        path: of the database, which is up to date.
        words: each a word, or several that are a phrase; quotes may stand in it, too.
        chosen: where to look.
        limit: how many, at most.
        progress: called with how many more sessions were indexed.
        note: called when the index cannot be written, with what is searched instead.
        redact: masks credentials in a text, before a snippet of it is cut: a part of one would not be recognized.

    Raises:
        UsageError: no word has a letter or digit.
    """
    query = match_expression(words)
    return index.query_index(
        path, lambda db: best_matches(db, query, chosen, limit, redact), progress=progress, note=note
    )


def match_expression(words: list[str]) -> str:
    """What people write, as FTS5 reads it: every word quoted, so that nothing in it is an operator.

    Only a `*` at the end of a word is one: `flak*` finds words that begin with flak.

    Raises:
        UsageError: no word has a letter or digit.
    """
    name, *arguments = TOKENIZER.split()
    tokens = apsw.Connection(":memory:").fts5_tokenizer(name, arguments)
    phrases = []
    for word in words:
        found = [(m[1] or m[2] or "", m[1] is None) for m in _QUOTED.finditer(word)] if '"' in word else [(word, True)]
        for one, bare in found:
            phrase = spaced(one.encode("utf-8", "replace").decode()).replace('"', " ").replace("\0", " ")
            if tokens(phrase.encode(), apsw.FTS5_TOKENIZE_QUERY, None):  # else it would match nothing
                phrases.append(f'"{phrase}" *' if bare and one.endswith("*") else f'"{phrase}"')
    if not phrases:
        raise UsageError("there is nothing to search for: write a word with letters or digits in it")
    return " ".join(phrases)


def best_matches(
    db: apsw.Connection, query: str, chosen: Filters, limit: int, redact: Callable[[str], str] = str
) -> list[Hit]:
    """What matches best.

    Args:
        db: the index, with the database in it as `live`.
        query: that `match_expression` made.
        chosen: where to look.
        limit: how many, at most.
        redact: as of `search`; a text that has the words only in what is masked does not match.
    """
    statement = _FIND.format(
        sessions="JOIN live.sessions AS s ON s.rowid = docs.session" if chosen else "",
        asked=chosen.rows("docs.at", "docs.model"),
    )
    best: list[Any] = db.execute(statement, {"words": query, "limit": limit, **chosen.values}).fetchall()
    db.execute(f'CREATE VIRTUAL TABLE temp.shown USING fts5(said, input, output, tokenize="{TOKENIZER}")')
    rows: dict[int, tuple[int, float, tuple[Any, ...]]] = {}
    for doc, session, score in best:
        row: Any = db.execute(_CALL if doc % 2 else _MESSAGE, {"row": doc // 2}).fetchone()
        if row:  # else it was removed at this moment
            rows[doc] = (session, score, row)
            said_or_done = (redact(text) if text else None for text in row[_TEXTS_FROM:])
            texts = index.IndexedText(doc, None, None, *said_or_done).columns()
            said, given, output = map(_without_marks, texts)
            db.execute(
                "INSERT INTO temp.shown (rowid, said, input, output) VALUES (:doc, :said, :input, :output)",
                {"doc": doc, "said": said, "input": given, "output": output},
            )
    snippets = (
        f"SELECT rowid, snippet(shown, -1, '{_BEGIN}', '{_END}', '…', {_SNIPPET}) FROM temp.shown "
        "WHERE shown MATCH :words"
    )
    marked: dict[int, str] = dict(db.execute(snippets, {"words": query}))
    db.execute("DROP TABLE temp.shown")
    return [_hit(db, *rows[doc], marked[doc]) for doc in rows if doc in marked]


def _without_marks(text: str) -> str:
    return re.sub(f"[{_BEGIN}{_END}\0]", " ", text)  # a snippet would end at a NUL


def _hit(db: apsw.Connection, session: int, score: float, row: tuple[Any, ...], marked: str) -> Hit:
    id, role, synthetic, tool_name, success, at, model, *_ = row
    kind = "tool" if role is None else "note" if synthetic else "prompt" if role == "user" else "answer"
    of_session: Any = db.execute(_SESSION, {"row": session}).fetchone()
    rest: Any = (model or of_session[-1], tool_name, success, at, score, *_snippet(unspaced(marked)))
    return Hit(id, kind, *of_session[:-1], *rest)


def _snippet(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """A snippet without its marks, and where they stood; of one with endless words what is around the first mark."""
    text, found = "", []
    for i, part in enumerate(re.split(f"[{_BEGIN}{_END}]", marked)):
        if i % 2:
            found.append((len(text), len(text) + len(part)))
        text += part
    start = max(0, found[0][0] - _MOST // 2) if len(text) > _MOST and found else 0
    text = text[start : start + _MOST]
    found = [(first - start, min(last - start, len(text))) for first, last in found if first - start < len(text)]
    return text, found
