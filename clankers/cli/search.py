"""`clankers search WORDS`: what was said, called and printed, by its words."""

import re
import sys
from typing import Annotated, Any, NamedTuple

import apsw
import typer
from rich.text import Text

from clankers import paths
from clankers.errors import UsageError
from clankers.formatting import clean, console, counting_bar, local_time, print_json
from clankers.queries.connect import ELSEWHERE, open_current
from clankers.queries.filters import Filters, Model, Project, Since, Sources, Until, filters, no_such_source
from projector.search import index
from projector.search.tokenize import TOKENIZER, spaced, unspaced

_QUOTED = re.compile(r'"([^"]*)"?|(\S+)')
_BEGIN, _END = "\x02", "\x03"  # around what was found, within a snippet; taken out of the texts themselves
_SNIPPET = 24  # words
_INDENT = 2  # columns
_MOST = 400  # characters of a snippet, whatever its words are

# The best first; what is about as good, the newest first.
_FIND = """
SELECT doc, session, round(texts.rank, 1) AS score FROM texts JOIN docs ON doc = texts.rowid {sessions}
WHERE texts MATCH :words AND {asked} ORDER BY score, docs.at DESC, doc LIMIT :limit
"""
_MESSAGE = """
SELECT m.id, m.role, m.synthetic, NULL, NULL, m.created_at, m.model, m.text_content, NULL, NULL, NULL
FROM live.messages AS m WHERE m.rowid = ?
"""
_CALL = """
SELECT t.id, NULL, NULL, t.tool_name, t.success, t.created_at, m.model, NULL, t.tool_input, t.tool_output,
  t.error_message
FROM live.tools AS t LEFT JOIN live.messages AS m ON m.id = t.message_id WHERE t.rowid = ?
"""
_SESSION = "SELECT id, title, source, project_name, project_path, parent_id, model FROM live.sessions WHERE rowid = ?"


class Hit(NamedTuple):
    """A message or tool call that has the words.

    Attributes:
        id: of the row in `messages` or `tools`.
        kind: `prompt`, `answer`, `note` (text that the client made up) or `tool`.
        session: id, title, source, project's name and path, parent and model of its session.
        success: of a tool call, as in the table.
        at: epoch milliseconds.
        score: the lower, the better.
        snippet: a piece of the text.
        found: where in it the words stand: the first character, and the one behind the last.
    """

    id: str
    kind: str
    session: tuple[Any, ...]
    tool_name: str | None
    success: int | None
    at: int | None
    model: str | None
    score: float
    snippet: str
    found: list[tuple[int, int]]

    def told(self) -> dict[str, object]:
        """For programs; `clankers/assets/schemas/search.json` describes it."""
        id, title, source, name, path, parent, model = self.session
        return {
            "id": self.id,
            "kind": self.kind,
            "session_id": id,
            "parent_id": parent,
            "title": title,
            "source": source,
            "project_name": name,
            "project_path": path,
            "model": self.model or model,
            "tool_name": self.tool_name,
            "success": self.success,
            "created_at": self.at,
            "score": self.score,
            "snippet": self.snippet,
            "found": self.found,
        }


def command(
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS...", help='All of them are to be there; "quoted", they stand together.'),
    ],
    limit: Annotated[int, typer.Option(help="How many, at most.", min=1)] = 20,
    source: Sources = None,
    project: Project = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    as_json: Annotated[bool, typer.Option("--json", help="An array.")] = False,
) -> None:
    """Find prompts, answers and tool calls by the words in them, in their inputs and in their outputs.

    Capitals and accents make no difference. Behind `--`, a word may begin with a dash. The first search builds an
    index, which later ones only bring up to date.
    """
    asked = filters(source, project, model, since, until)
    query = matching(words)
    db = open_current()
    sessions = db.execute("SELECT count(*) FROM changes").get
    nothing = no_such_source(db, asked) or "Nothing has all of these words."
    if not sessions:
        nothing = "Nothing to find yet: nothing has been recorded. The README says how to plug in a harness."
    db.close()
    notes: list[str] = []
    with counting_bar("Making the search index; sessions", sessions) as step:
        hits = index.query_index(
            paths.database_path(), lambda db: find(db, query, asked, limit), progress=step, note=notes.append
        )
    for note in notes:
        print(f"clankers: {clean(note)}; {ELSEWHERE}", file=sys.stderr)
    if as_json:
        print_json([hit.told() for hit in hits])
    elif hits:
        print_hits(hits)
        if len(hits) == limit:
            typer.echo(f"These are the best {limit:,}; --limit shows more.")
    else:
        typer.echo(nothing)


def matching(words: list[str]) -> str:
    """What people write, as FTS5 takes it: every word quoted, so that nothing in it is an operator.

    Args:
        words: each a word, or several that the shell was told to keep together; quotes may stand in it, too.

    Raises:
        UsageError: no letter and no digit is in it.
    """
    tokens = apsw.Connection(":memory:").fts5_tokenizer(*_tokenizer())
    phrases = []
    for word in words:
        found = [m[1] or m[2] or "" for m in _QUOTED.finditer(word)] if '"' in word else [word]
        for one in found:
            phrase = spaced(one.encode("utf-8", "replace").decode()).replace('"', " ").replace("\0", " ")
            if tokens(phrase.encode(), apsw.FTS5_TOKENIZE_QUERY, None):  # else it would match nothing
                phrases.append(f'"{phrase}"')
    if not phrases:
        raise UsageError("there is nothing to search for: write a word with letters or digits in it")
    return " ".join(phrases)


def _tokenizer() -> tuple[str, list[str]]:
    name, *arguments = TOKENIZER.split()
    return name, arguments


def find(db: apsw.Connection, query: str, asked: Filters, limit: int) -> list[Hit]:
    """What matches best.

    Args:
        db: the index, with the database in it.
        query: that `matching` made.
        asked: what is to be looked at.
        limit: how many, at most.
    """
    statement = _FIND.format(
        sessions="JOIN live.sessions AS s ON s.rowid = docs.session" if asked else "",
        asked=asked.rows("docs.at", "docs.model"),
    )
    best: list[Any] = db.execute(statement, {"words": query, "limit": limit, **asked.values}).fetchall()
    db.execute(f'CREATE VIRTUAL TABLE temp.shown USING fts5(said, input, output, tokenize="{TOKENIZER}")')
    rows: dict[int, tuple[int, float, tuple[Any, ...]]] = {}
    for doc, session, score in best:
        row: Any = db.execute(_CALL if doc % 2 else _MESSAGE, (doc // 2,)).fetchone()
        if row:  # else it was removed this very moment
            rows[doc] = (session, score, row)
            texts = index.IndexedText(doc, None, None, *row[7:]).columns()
            db.execute(
                "INSERT INTO temp.shown (rowid, said, input, output) VALUES (?, ?, ?, ?)", (doc, *map(_unmarked, texts))
            )
    snippets = (
        f"SELECT rowid, snippet(shown, -1, '{_BEGIN}', '{_END}', '…', {_SNIPPET}) FROM temp.shown WHERE shown MATCH ?"
    )
    found: dict[int, str] = dict(db.execute(snippets, (query,)))
    db.execute("DROP TABLE temp.shown")
    return [_hit(db, *rows[doc], found[doc]) for doc in rows if doc in found]


def _unmarked(text: str) -> str:
    return re.sub(f"[{_BEGIN}{_END}\0]", " ", text)  # at a NUL a snippet would end


def _hit(db: apsw.Connection, session: int, score: float, row: tuple[Any, ...], marked: str) -> Hit:
    id, role, synthetic, tool_name, success, at, model, *_ = row
    kind = "tool" if role is None else "note" if synthetic else "prompt" if role == "user" else "answer"
    snippet, found = _piece(unspaced(marked))
    whose: Any = db.execute(_SESSION, (session,)).fetchone()
    return Hit(id, kind, whose, tool_name, success, at, model, score, snippet, found)


def _piece(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """A snippet without its marks, and where they stood; of one with endless words what is around the first mark."""
    text, found = "", []
    for i, piece in enumerate(re.split(f"[{_BEGIN}{_END}]", marked)):
        if i % 2:
            found.append((len(text), len(text) + len(piece)))
        text += piece
    start = max(0, found[0][0] - _MOST // 2) if len(text) > _MOST and found else 0
    text = text[start : start + _MOST]
    found = [(first - start, min(last - start, len(text))) for first, last in found if first - start < len(text)]
    return text, found


def print_hits(hits: list[Hit]) -> None:
    """Each with a line that says what it is, and the piece of the text below."""
    out = console()
    for hit in hits:
        id, title, source, project, *_ = hit.session
        what = hit.tool_name or "tool" if hit.kind == "tool" else hit.kind
        if hit.success == 0:
            what += " (failed)"
        told = [local_time(hit.at), id[:12], what, source, project, title]  # what is needed most is cut last
        head = Text("  ".join(clean(one) for one in told if one), style="dim")
        out.print(head, no_wrap=True, overflow="ellipsis")
        for line in _snippet(hit).wrap(out, max(out.width - _INDENT, 1)):
            line.rstrip()
            out.print(Text(" " * _INDENT).append_text(line), no_wrap=True, overflow="ignore", crop=False)
        out.print()


def _snippet(hit: Hit) -> Text:
    text, end = Text(), 0
    for start, stop in [*hit.found, (len(hit.snippet), len(hit.snippet))]:
        text.append(clean(hit.snippet[end:start]))
        text.append(clean(hit.snippet[start:stop]), style="bold yellow")
        end = stop
    return text
