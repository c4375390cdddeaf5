"""The full-text index of messages and tool calls: a file beside the database that each search brings up to date.

It is a separate file, so that no projector waits for it, and the database stays plain tables that any SQLite, DuckDB
and Datasette can read. It can be deleted at any time. Its name identifies the database: a rebuilt one has another id,
and after a VACUUM, which may renumber rows, the schema version differs. A rebuild removes it (`remove_indexes`),
because it may hold forgotten texts.

The table `changes` says which sessions changed. Their texts are compared by CRC.
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
from clankers.paths import create_private
from projector.search.tokenize import TOKENIZER, readable, spaced
from projector.store.read_only import open_read_only, uri
from projector.store.sqlite_file import damaged

_SCHEMA = f"""
CREATE VIRTUAL TABLE texts USING fts5(said, input, output, content='', contentless_delete=1, tokenize="{TOKENIZER}");
INSERT INTO texts (texts, rank) VALUES ('hashsize', {32 << 20});  -- bytes in memory before they are written
INSERT INTO texts (texts, rank) VALUES ('rank', 'bm25(4.0, 2.0, 1.0)');  -- messages count more than a command's output
CREATE TABLE docs (  -- the rows of `texts`; their rowid is twice that of the message, or of the tool call, plus 1
  doc INTEGER PRIMARY KEY,
  session INTEGER NOT NULL,  -- its rowid
  at INTEGER,
  model TEXT,
  crc INTEGER NOT NULL
);
CREATE INDEX docs_by_session ON docs (session);
CREATE TABLE state (batch INTEGER NOT NULL);  -- the last batch of `changes` that is indexed
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
_AT_ONCE = 16 << 20  # characters in a transaction, about; emptying the database's WAL waits for it
_PATIENCE = 600_000  # milliseconds to wait while another process builds the index
_TRIES = 5  # if the database is replaced while the index is built

T = TypeVar("T")
_Texts = dict[int, tuple[str, str, str] | None]  # by rowid in the index; None for a removed one


class IndexedText(NamedTuple):
    """A row of the database as it is indexed.

    Attributes:
        doc: the rowid in the index.
        at: epoch milliseconds, when the message or call was created.
        model: of the message, or of the one that made the call.
        said: the text of a message.
        input: of a tool call, as recorded.
        output: likewise.
        error: likewise.
    """

    doc: int
    at: int | None
    model: str | None
    said: str | None
    input: str | None
    output: str | None
    error: str | None

    def crc(self) -> int:
        """A checksum that says whether the text in the index is the same."""
        return crc32("\0".join(text or "" for text in self[3:]).encode("utf-8", "replace"))

    def columns(self) -> tuple[str, str, str]:
        """The searched columns: `said`, `input` and `output`."""
        results = dict.fromkeys(readable(text) for text in (self.output, self.error) if text)
        return spaced(self.said or ""), spaced(readable(self.input or "")), spaced("\n".join(results))


class _MovedError(Exception):
    """Another database has replaced the one that the index is of."""


def remove_indexes(path: str, *, but: str | None = None) -> None:
    """Remove the indexes of the database at `path`, all but the file `but`.

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
    """The result of `query` on the index of the database at `path`, which is brought up to date first.

    If the index cannot be written, as on a read-only disk, an existing one is used without an update; if there is none,
    a temporary one is built.

    Args:
        path: of the database, which must exist.
        query: called with the index, with the database attached as `live`; called again if the index is damaged.
        progress: called with the number of sessions that were indexed.
        note: called with a message if the index could not be written.

    Raises:
        SchemaError: the database is damaged.
        BusyError: it is replaced all the time.
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
                raise damaged(path, e) from e
        remove_indexes(path)
    raise BusyError(f"{path} is being rebuilt all the time; try again later")


def _open(path: str, file: str) -> apsw.Connection:
    """The index in `file`; created, private to its owner, if it is missing."""
    with contextlib.suppress(FileExistsError):
        os.close(create_private(file))
    return _beside(path, "file:" + quote(os.path.abspath(file)))


def _beside(
    path: str, index: str, flags: int = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
) -> apsw.Connection:
    """The index at the URI `index`, with the database at `path` attached as `live`."""
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
    """The result of `query` on the index `file` without an update, or on a temporary one."""
    # With a journal, the index is inconsistent until somebody who may write opens it.
    if os.path.exists(file) and not os.path.exists(file + "-journal"):
        with contextlib.closing(_beside(path, uri(file), apsw.SQLITE_OPEN_READONLY)) as db:
            if db.execute("SELECT count(*) FROM main.sqlite_schema").get:
                behind = db.execute(
                    "SELECT count(*) FROM live.changes WHERE batch > (SELECT batch FROM main.state)"
                ).get
                if behind:
                    note(f"the search index cannot be updated; changes in {behind:,} sessions are missing: {why}")
                return query(db)
    note(f"the search index cannot be kept; this search builds a temporary one: {why}")
    with contextlib.closing(_beside(path, "")) as db:  # a temporary file of SQLite's
        _bring_up_to_date(db, path, file, progress)
        return query(db)


def _file(path: str) -> str:
    """The index file of the database that is at `path` now."""
    db = open_read_only(path)
    try:
        db.set_busy_timeout(_PATIENCE)
        identity = db.execute("SELECT value FROM meta WHERE key = 'database_id'").get
        return f"{path}.search-{identity}-{db.pragma('schema_version')}"
    finally:
        db.close()


def _bring_up_to_date(db: apsw.Connection, path: str, file: str, progress: Callable[[int], object]) -> None:
    """Index what changed in several transactions: a kill loses little, and other processes need not wait long."""
    while True:
        db.execute("BEGIN IMMEDIATE")  # closing rolls it back
        if not db.execute("SELECT count(*) FROM main.sqlite_schema").get:
            db.execute(_SCHEMA)
        indexed, more = _index_some(db)
        db.execute("COMMIT")
        if _file(path) != file:
            raise _MovedError
        progress(indexed)
        if not more:
            return


def _index_some(db: apsw.Connection) -> tuple[int, bool]:
    """Index some changes; returns the number of sessions, and whether there are more."""
    texts: _Texts = {}
    characters, indexed, last = 0, 0, 0
    changes: Any = db.execute(
        "SELECT c.batch, s.rowid, s.id FROM live.changes AS c JOIN live.sessions AS s ON s.id = c.session_id "
        "WHERE c.batch > (SELECT batch FROM state) ORDER BY c.batch"
    )
    with contextlib.closing(changes):
        for batch, session, id in changes:
            if characters > _AT_ONCE and batch != last:
                break
            characters += _session(db, session, id, texts)
            indexed, last = indexed + 1, batch
        else:
            batch = last
    # Ordered by rowid: FTS5 writes what it has in memory whenever a smaller rowid follows.
    for doc, columns in sorted(texts.items()):
        if columns:
            db.execute("INSERT OR REPLACE INTO texts (rowid, said, input, output) VALUES (?, ?, ?, ?)", (doc, *columns))
        else:
            db.execute("DELETE FROM texts WHERE rowid = ?", (doc,))
    if indexed:
        db.execute("UPDATE state SET batch = ?", (last,))
    return indexed, batch != last


def _session(db: apsw.Connection, session: int, id: str, texts: _Texts) -> int:
    """Note in `texts` the changed and removed texts of a session; returns the number of new characters."""
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
