"""The tool `files`: which call edited or read a file, and which prompt led to it."""

from typing import Annotated

from msgspec import Meta, Struct

from clankers.mcp.paging import Room, cursor, place_of
from clankers.mcp.recorded import timestamp
from clankers.mcp.scope import FilterInput
from clankers.mcp.tool import Answer, Lookup, Tool
from clankers.queries.files import FileTouch, TouchPlace, file_touches

_PROMPT = 500  # characters of a prompt that the query gives


class FilesInput(FilterInput, kw_only=True):
    """Which files."""

    path: Annotated[
        str | None,
        Meta(description="A file, a directory, or the end of a path such as src/app.py. Leave it out for all files."),
    ] = None
    reads: Annotated[bool, Meta(description="Also calls that only read the file.")] = False
    limit: Annotated[int, Meta(ge=1, le=100, description="Calls, at most.")] = 20
    cursor: Annotated[str | None, Meta(description="The next_cursor of the answer before.")] = None


class FoundTouch(Struct, kw_only=True):
    """A tool call that edited or read a file.

    Attributes:
        edited: else it read the file.
        tool_call_id: for read_tool_call.
        session_id: may be a subagent's; `prompt_session_id` is the session in which the prompt was typed.
        prompt: its beginning; null where it was typed outside the scope.
    """

    path: str | None
    edited: bool
    at: str | None
    tool_call_id: str
    tool_name: str | None
    session_id: str
    title: str | None
    source: str
    model: str | None
    prompt: str | None
    prompt_session_id: str | None


class FilesAnswer(Answer, kw_only=True):
    """The calls, the last first."""

    touches: list[FoundTouch]


def _files(lookup: Lookup, asked: FilesInput) -> FilesAnswer:
    before = TouchPlace(*place_of(asked.cursor, tuple[int, str])) if asked.cursor else None
    found = file_touches(
        lookup.db,
        asked.limit + 1,
        lookup.filters(asked),
        path=asked.path,
        edits_only=not asked.reads,
        before=before,
    )
    room, next_cursor, last = Room(), None, before
    shown: list[FoundTouch] = []
    for one in found:
        touch = _touch(lookup, one)
        if len(shown) == asked.limit or not room.takes(touch):
            next_cursor = cursor(*last) if last else None
            break
        shown.append(touch)
        last = one.place
    return FilesAnswer(touches=shown, next_cursor=next_cursor)


def _touch(lookup: Lookup, one: FileTouch) -> FoundTouch:
    short = lookup.recorded.short
    prompt = one.prompt if one.prompt and one.prompt.session_id in lookup.in_scope else None
    return FoundTouch(
        path=short(one.path),
        edited=one.edited,
        at=timestamp(one.at),
        tool_call_id=one.tool_id,
        tool_name=short(one.tool_name),
        session_id=one.session_id,
        title=short(one.title),
        source=one.source,
        model=short(one.model),
        prompt=lookup.recorded.excerpt(prompt.text, _PROMPT) if prompt else None,
        prompt_session_id=prompt.session_id if prompt else None,
    )


TOOL = Tool(
    "files",
    "Who touched a file",
    "List the tool calls of past sessions that edited a file, the last first, each with its session and the prompt "
    "that led to it: why a file looks as it does.",
    FilesInput,
    FilesAnswer,
    _files,
)
