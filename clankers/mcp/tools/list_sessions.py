"""The tool `list_sessions`: sessions, the last active first."""

from typing import Annotated

from msgspec import Meta, Struct

from clankers.formatting import sum_of_costs
from clankers.mcp.paging import Room, cursor, place_of
from clankers.mcp.recorded import timestamp
from clankers.mcp.scope import FilterInput
from clankers.mcp.tool import Answer, Lookup, Tool
from clankers.queries.sessions import ListedSession, list_sessions


class ListInput(FilterInput, kw_only=True):
    """Which sessions to list."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Sessions, at most.")] = 20
    cursor: Annotated[str | None, Meta(description="The next_cursor of the answer before.")] = None


class SessionSummary(Struct, kw_only=True):
    """A session; counts, tokens and cost include those of its subagents.

    Attributes:
        turns: prompts that a person typed.
        errors: failures that reached the person.
        tokens: all but reasoning, which some clients count as output too.
        cost: US dollars; null: not known.
        cost_source: client (reported), prices (estimated) or unknown (models without a price are left out).
    """

    session_id: str
    title: str | None
    source: str
    project_path: str | None
    git_branch: str | None
    model: str | None
    status: str | None
    began: str | None
    last_active: str | None
    turns: int
    tool_calls: int
    errors: int
    subagents: int
    tokens: int
    cost: float | None
    cost_source: str | None


class ListAnswer(Answer, kw_only=True):
    """The sessions."""

    sessions: list[SessionSummary]


def _list(lookup: Lookup, asked: ListInput) -> ListAnswer:
    (start,) = place_of(asked.cursor, tuple[int]) if asked.cursor else (0,)
    listed = list_sessions(lookup.db, start + asked.limit + 1, lookup.filters(asked))
    top = lookup.outermost(listed)[start:]
    room = Room()
    shown: list[SessionSummary] = []
    for one in top[: asked.limit]:
        summary = _summary(lookup, one)
        if not room.takes(summary):
            break
        shown.append(summary)
    more = len(top) > len(shown)
    return ListAnswer(sessions=shown, next_cursor=cursor(start + len(shown)) if more else None)


def _summary(lookup: Lookup, one: ListedSession) -> SessionSummary:
    short = lookup.recorded.short
    cost, cost_source = sum_of_costs(
        ((one.cost, one.cost_source), (one.subagent_cost, one.subagent_cost_source)),
    )
    return SessionSummary(
        session_id=one.id,
        title=short(one.title),
        source=one.source,
        project_path=short(one.project_path),
        git_branch=short(one.git_branch),
        model=short(one.model),
        status=one.status,
        began=timestamp(one.created_at),
        last_active=timestamp(one.last_active),
        turns=one.turns,
        tool_calls=one.tool_call_count + one.subagent_tools,
        errors=one.error_count + one.subagent_errors,
        subagents=one.subagents,
        tokens=one.tokens + one.subagent_tokens,
        cost=cost,
        cost_source=cost_source,
    )


TOOL = Tool(
    "list_sessions",
    "List sessions",
    "List past coding sessions, the last active first: what was worked on, when, by which agent and model, and at what "
    "cost. read_session reads one.",
    ListInput,
    ListAnswer,
    _list,
)
