"""The tool `search`: messages and tool calls by their words, grouped by session."""

from typing import Annotated

from msgspec import Meta, Struct

from clankers.errors import UsageError
from clankers.mcp.paging import Room, ToolError, cursor, place_of
from clankers.mcp.recorded import timestamp
from clankers.mcp.scope import FilterInput
from clankers.mcp.tool import Answer, Lookup, Tool
from clankers.queries.search import Hit, search

_MOST = 1_000  # hits that a search goes through


class SearchInput(FilterInput, kw_only=True):
    """What to search for."""

    words: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=1_000,
            description='Whole words, all of which must be there; "quoted words" are a phrase. Case does not matter.',
        ),
    ]
    limit: Annotated[int, Meta(ge=1, le=100, description="Hits, at most.")] = 20
    cursor: Annotated[str | None, Meta(description="The next_cursor of the answer before.")] = None


class FoundText(Struct, kw_only=True):
    """A message or tool call that has the words.

    Attributes:
        kind: prompt, answer, note (text that the client added) or tool.
        id: of a tool call, for read_tool_call; else of the message.
        failed: whether the tool call failed.
    """

    kind: str
    id: str
    at: str | None
    tool_name: str | None
    failed: bool
    snippet: str


class FoundSession(Struct, kw_only=True):
    """A session with hits, for read_session.

    Attributes:
        parent_id: of a subagent, the session that started it.
    """

    session_id: str
    title: str | None
    source: str
    project_path: str | None
    parent_id: str | None
    hits: list[FoundText]


class SearchAnswer(Answer, kw_only=True):
    """The best hits, in groups."""

    sessions: list[FoundSession]


def _search(lookup: Lookup, asked: SearchInput) -> SearchAnswer:
    (start,) = place_of(asked.cursor, tuple[int]) if asked.cursor else (0,)
    if not 0 <= start < _MOST:
        raise ToolError(f"a search goes through {_MOST:,} hits; add a word, or a filter")
    try:
        best = search(
            lookup.path,
            [asked.words] if '"' in asked.words else asked.words.split(),
            lookup.filters(asked),
            min(start + asked.limit + 1, _MOST),
            progress=lambda _: None,
            note=lookup.notes.append,
            redact=lookup.recorded.text,
        )
    except UsageError as e:
        raise ToolError(str(e)) from e
    room, shown = Room(), 0
    groups: dict[str, FoundSession] = {}
    for hit in best[start : start + asked.limit]:
        text, group = _text(lookup, hit), _group(lookup, hit)
        if not room.takes(text, *[group] * (hit.session_id not in groups)):
            break
        groups.setdefault(hit.session_id, group).hits.append(text)
        shown += 1
    more = len(best) > start + shown
    return SearchAnswer(sessions=list(groups.values()), next_cursor=cursor(start + shown) if more else None)


def _text(lookup: Lookup, hit: Hit) -> FoundText:
    return FoundText(
        kind=hit.kind,
        id=hit.id,
        at=timestamp(hit.created_at),
        tool_name=lookup.recorded.short(hit.tool_name),
        failed=hit.success == 0,
        snippet=hit.snippet,
    )


def _group(lookup: Lookup, hit: Hit) -> FoundSession:
    return FoundSession(
        session_id=hit.session_id,
        title=lookup.recorded.short(hit.title),
        source=hit.source,
        project_path=lookup.recorded.short(hit.project_path),
        parent_id=hit.parent_id,
        hits=[],
    )


TOOL = Tool(
    "search",
    "Search the history",
    "Find prompts, answers and tool calls of past coding sessions by words: how something was done or fixed before, "
    "what was decided, where an error came up. Gives the best hits with their sessions' ids; read_session and "
    "read_tool_call read them in full.",
    SearchInput,
    SearchAnswer,
    _search,
)
