"""The full-text index of what was said and done: a file beside the database, brought up to date by who searches.

A file of its own, so that no projector ever waits for it or writes to it, and the database stays plain tables, which
every SQLite, DuckDB and Datasette reads. It can be deleted at any moment. Its name tells which database it is of: one
that is made anew, as by a rebuild, has another id; after a VACUUM, which may number the rows anew, the schema version
is another. Who makes a database anew removes it (`remove_indexes`): what was forgotten stands in it too.

What changed since is known by session (table `changes`); of those each text is compared by its CRC.
"""

import contextlib
import glob
import os
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote
from zlib import crc32

import apsw

from clankers.errors import BusyError
from projector.search.tokenize import TOKENIZER, readable, spaced
from projector.store.read_only import open_read_only, uri
from projector.store.sqlite_file import SchemaError

_SCHEMA = f"""
CREATE VIRTUAL TABLE texts USING fts5(said, input, output, content='', contentless_delete=1, tokenize="{TOKENIZER}");
INSERT INTO texts (texts, rank) VALUES ('hashsize', {32 << 20});  -- bytes gathered in memory before they are written
INSERT INTO texts (texts, rank) VALUES ('rank', 'bm25(4.0, 2.0, 1.0)');  -- words count more than what a command printed
CREATE TABLE docs (  -- what is known of the rows of `texts`: their rowid is that of their row * 2, + 1 for a tool call
  doc INTEGER PRIMARY KEY,
  session INTEGER NOT NULL,  -- its rowid
  at INTEGER,
  model TEXT,
  crc INTEGER NOT NULL
);
CREATE INDEX docs_by_session ON docs (session);
CREATE TABLE state (batch INTEGER NOT NULL);  -- up to which the changes stand in here
INSERT INTO state VALUES (0);
"""
_MESSAGES = """
SELECT rowid * 2, created_at, model, text_content, NULL, NULL, NULL FROM live.messages
WHERE session_id = ? AND NOT copied AND text_content IS NOT NULL
"""
_CALLS = """
SELECT t.rowid * 2 + 1, t.created_at, m.model, NULL, t.tool_input, t.tool_output, t.error_message
FROM live.tools AS t LEFT JOIN live.messages AS m ON m.id = t.message_id WHERE t.session_id = ?
"""
_AT_ONCE = 16 << 20  # characters of text in a transaction, about: who empties the database's WAL waits as long
_PATIENCE = 600_000  # milliseconds to wait for another who makes the index: it is then made
_TRIES = 5  # databases that are put in each other's place while the index is made

T = TypeVar("T")
_Texts = dict[int, tuple[str, str, str] | None]  # by their numbers in the index; None for one that is gone


class IndexedText(NamedTuple):
    """A row of the database as it is searched.

    Attributes:
        doc: in the index.
        at: epoch milliseconds, when it was said or called.
        model: that said it or called.
        said: of a message.
        input: of a tool call, as it was recorded.
        output: the same.
        error: the same.
    """

    doc: int
    at: int | None
    model: str | None
    said: str | None
    input: str | None
    output: str | None
    error: str | None

    def crc(self) -> int:
        """By which a text is known to be the one that is in the index."""
        return crc32("\0".join(text or "" for text in self[3:]).encode("utf-8", "replace"))

    def columns(self) -> tuple[str, str, str]:
        """What is searched: `said`, `input` and `output`."""
        results = dict.fromkeys(readable(text) for text in (self.output, self.error) if text)
        return spaced(self.said or ""), spaced(readable(self.input or "")), spaced("\n".join(results))


class _MovedError(Exception):
    """Another database stands in the place of the one that the index is of."""


def remove_indexes(path: str, *, but: str | None = None) -> None:
    """Remove the indexes of the database at `path`, all or `but` one file.

    Raises:
        OSError: one cannot be removed.
    """
    for found in glob.glob(glob.escape(path) + ".search-*"):
        if but is None or found not in (but, but + "-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(found)


def index_bytes(path: str) -> int:
    """The bytes of the indexes of the database at `path`."""
    return sum(os.stat(found).st_size for found in glob.glob(glob.escape(path) + ".search-*"))


def query_index(
    path: str,
    query: Callable[[apsw.Connection], T],
    *,
    progress: Callable[[int], object],
    note: Callable[[str], object] = lambda _: None,
) -> T:
    """What `query` finds in the index of the database at `path`, brought up to date.

    Where the index cannot be written, as on a read-only disk, one that is there is asked as it stands, and else one
    that is made for this once.

    Args:
        path: of the database, which must exist.
        query: asked of the index, in which the database is `live`; again, where the index turns out to be damaged.
        progress: told how many more sessions were taken in.
        note: told that the index could not be written, and what was asked instead.

    Raises:
        SchemaError: the database is damaged.
        BusyError: somebody makes it anew all the time.
        apsw.Error: the database cannot be read, or the disk is full.
    """
    for tried in range(_TRIES):
        file = _file(path)
        try:
            remove_indexes(path, but=file)
            with contextlib.closing(_open(path, file)) as db:
                _bring_up_to_date(db, path, file, progress)
                return query(db)
        except _MovedError:
            pass
        except (OSError, apsw.ReadOnlyError, apsw.CantOpenError) as e:
            return _query_read_only(path, file, query, progress, note, why=e)
        except (apsw.CorruptError, apsw.NotADBError) as e:
            if tried:  # the index was new
                raise SchemaError(f"{path} is damaged: {e}; `clankers project --rebuild` makes it anew") from e
        remove_indexes(path)
    raise BusyError(f"{path} is being made anew all the time; try again when less is going on")


def _open(path: str, file: str) -> apsw.Connection:
    """The index in `file`, made when it is missing, for its owner alone."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    return _beside(path, "file:" + quote(os.path.abspath(file)))


def _beside(
    path: str, index: str, flags: int = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
) -> apsw.Connection:
    """The index at the URI `index`, in which the database at `path` is `live`."""
    db = apsw.Connection(index, flags=flags | apsw.SQLITE_OPEN_URI)
    try:
        db.set_busy_timeout(_PATIENCE)
        db.execute("ATTACH ? AS live", (uri(path),))
    except BaseException:
        db.close()
        raise
    return db


def _query_read_only(
    path: str,
    file: str,
    query: Callable[[apsw.Connection], T],
    progress: Callable[[int], object],
    note: Callable[[str], object],
    *,
    why: Exception,
) -> T:
    """What `query` finds in the index `file`, which cannot be written, as it stands; or in one that is not kept."""
    # One that somebody was writing when he was killed is mended by who may write; until then it is half of two states.
    if os.path.exists(file) and not os.path.exists(file + "-journal"):
        with contextlib.closing(_beside(path, uri(file), apsw.SQLITE_OPEN_READONLY)) as db:
            if db.execute("SELECT count(*) FROM main.sqlite_schema").get:
                behind = db.execute(
                    "SELECT count(*) FROM live.changes WHERE batch > (SELECT batch FROM main.state)"
                ).get
                if behind:
                    note(f"the search index is used as it stands, without what is new in {behind:,} sessions: {why}")
                return query(db)
    note(f"the search index is made for this once, and not kept: {why}")
    with contextlib.closing(_beside(path, "")) as db:  # a file of SQLite's own, that nobody else sees
        _bring_up_to_date(db, path, file, progress)
        return query(db)


def _file(path: str) -> str:
    """The index of the database that stands at `path` now."""
    db = open_read_only(path)
    try:
        db.set_busy_timeout(_PATIENCE)
        identity = db.execute("SELECT value FROM meta WHERE key = 'database_id'").get
        return f"{path}.search-{identity}-{db.pragma('schema_version')}"
    finally:
        db.close()


def _bring_up_to_date(db: apsw.Connection, path: str, file: str, progress: Callable[[int], object]) -> None:
    """Take in what changed, some of it at a time: who is killed has not worked in vain, and others get in between."""
    while True:
        db.execute("BEGIN IMMEDIATE")  # which closing takes back
        if not db.execute("SELECT count(*) FROM main.sqlite_schema").get:
            db.execute(_SCHEMA)
        taken, more = _some(db)
        db.execute("COMMIT")
        if _file(path) != file:
            raise _MovedError
        progress(taken)
        if not more:
            return


def _some(db: apsw.Connection) -> tuple[int, bool]:
    """Take in some changes; how many sessions that were, and whether there are more."""
    texts: _Texts = {}
    characters, taken, last = 0, 0, 0
    changes: Any = db.execute(
        "SELECT c.batch, s.rowid, s.id FROM live.changes AS c JOIN live.sessions AS s ON s.id = c.session_id "
        "WHERE c.batch > (SELECT batch FROM state) ORDER BY c.batch"
    )
    with contextlib.closing(changes):
        for batch, session, id in changes:
            if characters > _AT_ONCE and batch != last:
                break
            characters += _session(db, session, id, texts)
            taken, last = taken + 1, batch
        else:
            batch = last
    # In the order of their numbers: FTS5 writes what it gathered in memory whenever a smaller one follows.
    for doc, columns in sorted(texts.items()):
        if columns:
            db.execute("INSERT OR REPLACE INTO texts (rowid, said, input, output) VALUES (?, ?, ?, ?)", (doc, *columns))
        else:
            db.execute("DELETE FROM texts WHERE rowid = ?", (doc,))
    if taken:
        db.execute("UPDATE state SET batch = ?", (last,))
    return taken, batch != last


def _session(db: apsw.Connection, session: int, id: str, texts: _Texts) -> int:
    """Find out what became of the texts of a session; returns how many characters are new."""
    known = {
        doc: rest for doc, *rest in db.execute("SELECT doc, at, model, crc FROM docs WHERE session = ?", (session,))
    }
    characters = 0
    for query in (_MESSAGES, _CALLS):
        for text in map(IndexedText._make, db.execute(query, (id,))):
            crc = text.crc()
            old = known.pop(text.doc, None)
            if old == [text.at, text.model, crc]:
                continue
            texts[text.doc] = text.columns()
            db.execute(
                "INSERT OR REPLACE INTO docs VALUES (?, ?, ?, ?, ?)", (text.doc, session, text.at, text.model, crc)
            )
            characters += sum(map(len, texts[text.doc] or ()))
    for doc in known:
        texts[doc] = None
        db.execute("DELETE FROM docs WHERE doc = ?", (doc,))
    return characters
