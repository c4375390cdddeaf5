"""The files that sessions edited and read, and the prompt behind each call; the last touched first."""

from typing import Any, NamedTuple

from msgspec import Struct

from clankers.queries.dialect import JOIN_IN_THIS_ORDER, Database
from clankers.queries.filters import Filters
from clankers.queries.prompts import Prompt, prompt_before

# A call that succeeded in editing has a row in `file_edits` for each of its files. One that failed touched nothing.
_TOUCHES = """(
  SELECT file_path, 1 AS edited, coalesce(edited_at, 0) AS at, tool_id, id FROM file_edits
  UNION ALL
  SELECT file_path, edits_file, coalesce(created_at, 0), id, id FROM tools
  WHERE file_path IS NOT NULL AND coalesce(success, 1) <> 0 AND NOT (edits_file <> 0 AND coalesce(success, 0) <> 0)
)"""
_FROM = f"""{_TOUCHES} AS f {JOIN_IN_THIS_ORDER} tools AS t ON t.id = f.tool_id
  {JOIN_IN_THIS_ORDER} sessions AS s ON s.id = t.session_id"""
_NAMED = """(f.file_path = :path OR substr(f.file_path, 1, length(:path) + 1) = :path || '/'
  OR substr(f.file_path, -length(:path) - 1) = '/' || :path)"""

_LIST_TOUCHES = f"""
SELECT f.file_path, f.edited, f.at, f.id, t.id, t.tool_name, t.message_id, coalesce(t.model, s.model),
  s.id, s.title, s.source, s.project_path
FROM {_FROM} WHERE {{conditions}} {{before}} ORDER BY f.at DESC, f.id DESC LIMIT :limit
"""
_LIST_FILES = f"""
SELECT f.file_path, sum(f.edited), count(*) - sum(f.edited), count(DISTINCT s.id), max(f.at) AS last
FROM {_FROM} WHERE {{conditions}} GROUP BY f.file_path HAVING TRUE {{before}}
ORDER BY last DESC, f.file_path DESC LIMIT :limit
"""


class TouchPlace(NamedTuple):
    """A place in a list: the time there (epoch milliseconds; 0: not known), and what orders those of one time."""

    at: int
    key: str


class FileTouch(Struct, frozen=True, kw_only=True):
    """A tool call that edited or read a file.

    Attributes:
        id: of the call for this file.
        path: as the client recorded it; some record it relative to the project.
        edited: whether the call edited it; else it read it.
        at: epoch milliseconds; 0: not known.
        tool_id: the call's row in `tools`.
        message_id: the response that made the call.
        model: the response's, else the session's.
        session_id: may be a subagent.
        prompt: that led to it; None: none is recorded.
    """

    id: str
    path: str
    edited: bool
    at: int
    tool_id: str
    tool_name: str | None
    message_id: str | None
    model: str | None
    session_id: str
    title: str | None
    source: str
    project_path: str | None
    prompt: Prompt | None

    @property
    def place(self) -> TouchPlace:
        """Where to go on."""
        return TouchPlace(self.at, self.id)


class TouchedFile(Struct, frozen=True, kw_only=True):
    """A file that sessions edited or read.

    Attributes:
        edits: tool calls that edited it.
        reads: other calls that worked on it.
        sessions: that did so, subagents included.
        last_at: epoch milliseconds; 0: not known.
    """

    path: str
    edits: int
    reads: int
    sessions: int
    last_at: int

    @property
    def place(self) -> TouchPlace:
        """Where to go on."""
        return TouchPlace(self.last_at, self.path)


def file_touches(
    db: Database,
    limit: int,
    chosen: Filters | None = None,
    *,
    session: str | None = None,
    path: str | None = None,
    edits_only: bool = False,
    before: TouchPlace | None = None,
) -> list[FileTouch]:
    """The `limit` calls that last edited or read a file, the last first.

    Args:
        db: the database.
        limit: how many, at most.
        chosen: of which calls.
        session: only calls of the session with this id, without its subagents.
        path: only this file, files whose path ends with it, and what is below this directory.
        edits_only: leave out calls that only read.
        before: the place of the last row that was read: go on behind it.
    """
    statement = _LIST_TOUCHES.replace("{before}", "AND (f.at, f.id) < (:before, :before_key)" if before else "")
    return [
        FileTouch(
            id=id,
            path=file,
            edited=bool(edited),
            at=at,
            tool_id=tool,
            tool_name=tool_name,
            message_id=message,
            model=model,
            session_id=session,
            title=title,
            source=source,
            project_path=project,
            prompt=prompt_before(db, session, at),
        )
        for file, edited, at, id, tool, tool_name, message, model, session, title, source, project in _rows(
            db, statement, limit, chosen, session, path, edits_only, before
        )
    ]


def touched_files(
    db: Database,
    limit: int,
    chosen: Filters | None = None,
    *,
    session: str | None = None,
    path: str | None = None,
    edits_only: bool = False,
    before: TouchPlace | None = None,
) -> list[TouchedFile]:
    """The `limit` files that were touched last, the last first; the arguments are those of `file_touches`."""
    behind = "AND (max(f.at), f.file_path) < (:before, :before_key)" if before else ""
    found = _rows(db, _LIST_FILES.replace("{before}", behind), limit, chosen, session, path, edits_only, before)
    return [
        TouchedFile(path=file, edits=edits, reads=reads, sessions=sessions, last_at=last)
        for file, edits, reads, sessions, last in found
    ]


def _rows(
    db: Database,
    statement: str,
    limit: int,
    chosen: Filters | None,
    session: str | None,
    path: str | None,
    edits_only: bool,
    before: TouchPlace | None,
) -> list[Any]:
    chosen = chosen or Filters()
    conditions = [chosen.rows("f.at", "t.model")]
    values: dict[str, str | int | None] = {"limit": limit, **chosen.values}
    if session is not None:
        conditions.append("t.session_id = :session")
        values["session"] = session
    if path is not None:
        conditions.append(_NAMED)
        values["path"] = path.rstrip("/")
    if edits_only:
        conditions.append("f.edited <> 0")
    if before is not None:
        values |= {"before": before.at, "before_key": before.key}
    return db.execute(statement.format(conditions=" AND ".join(conditions)), values).fetchall()
