"""The tool `read_tool_call`: the input and the output of a tool call, in full."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from clankers.mcp.paging import Room, ToolError, chunks, cursor, place_of
from clankers.mcp.recorded import timestamp
from clankers.mcp.tool import Answer, Lookup, Tool
from clankers.queries.session_rows import ToolCallRow, call_row
from clankers.queries.session_select import all_sessions


class ReadCallInput(Struct, kw_only=True, forbid_unknown_fields=True):
    """Which call to read."""

    id: Annotated[str, Meta(min_length=1, description="The id of the tool call, as search and read_session give it.")]
    cursor: Annotated[str | None, Meta(description="The next_cursor of the answer before.")] = None


class CallText(Struct, kw_only=True):
    """A piece of what the call was given or gave back; several of one name belong together.

    Attributes:
        name: input (as JSON), error or output.
    """

    name: str
    text: str


class ReadCallAnswer(Answer, kw_only=True):
    """A tool call.

    Attributes:
        success: null while the call is open.
        texts: in order.
    """

    id: str
    session_id: str
    tool_name: str | None
    file_path: str | None
    status: str | None
    success: bool | None
    exit_code: int | None
    duration_ms: int | None
    at: str | None
    texts: list[CallText]


def _read(lookup: Lookup, asked: ReadCallInput) -> ReadCallAnswer:
    row = call_row(lookup.db, asked.id)
    if row is None or row.session_id not in all_sessions(lookup.db, lookup.scope.sessions):
        raise ToolError(f"there is no tool call {asked.id!r} in the scope of this server, which is {lookup.scope}")
    (start,) = place_of(asked.cursor, tuple[int]) if asked.cursor else (0,)
    if start < 0:
        raise ToolError("this cursor is not from this tool; leave it out to begin at the beginning")
    room, next_cursor = Room(), None
    shown: list[CallText] = []
    for n, text in enumerate(_texts(lookup, row)):
        if n < start:
            continue
        if not room.takes(text):
            next_cursor = cursor(n)
            break
        shown.append(text)
    return ReadCallAnswer(
        id=row.id,
        session_id=row.session_id,
        tool_name=lookup.recorded.short(row.tool_name),
        file_path=lookup.recorded.short(row.file_path),
        status=row.status,
        success=None if row.success is None else bool(row.success),
        exit_code=row.exit_code,
        duration_ms=row.duration_ms,
        at=timestamp(row.created_at),
        texts=shown,
        next_cursor=next_cursor,
    )


def _texts(lookup: Lookup, row: ToolCallRow) -> Iterator[CallText]:
    for name, text in (("input", row.tool_input), ("error", row.error_message), ("output", row.tool_output)):
        if text:
            for piece in chunks(lookup.recorded.text(text)):
                yield CallText(name=name, text=piece)


TOOL = Tool(
    "read_tool_call",
    "Read a tool call",
    "Read what a tool call of a past session was given and gave back, in full: the command and its output, the edit, "
    "the error.",
    ReadCallInput,
    ReadCallAnswer,
    _read,
)
