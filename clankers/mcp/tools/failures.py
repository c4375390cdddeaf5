"""The tool `failures`: what failed, and what recovered it."""

from typing import Annotated

from msgspec import Meta, Struct

from clankers.mcp.paging import Room, cursor, place_of
from clankers.mcp.recorded import timestamp
from clankers.mcp.scope import FilterInput
from clankers.mcp.tool import Answer, Lookup, Tool
from clankers.queries.failures import FailedCall, FailurePlace, failed_calls


class FailuresInput(FilterInput, kw_only=True):
    """Which failures to list."""

    tool: Annotated[str | None, Meta(description="Only this tool, by the name that the agent uses, such as Bash.")] = (
        None
    )
    limit: Annotated[int, Meta(ge=1, le=100, description="Failures, at most.")] = 20
    cursor: Annotated[str | None, Meta(description="The next_cursor of the answer before.")] = None


class FoundRecovery(Struct, kw_only=True):
    """The later call that succeeded at the same; its id is for read_tool_call."""

    id: str
    at: str | None
    subject: str | None


class FoundFailure(Struct, kw_only=True):
    """A tool call that failed, was denied or was interrupted.

    Attributes:
        id: for read_tool_call.
        subject: what it was about: a command, a file, ...
        error: its message, or the end of its output.
        recovery: null where no later call of the session succeeded at the same.
    """

    id: str
    session_id: str
    title: str | None
    source: str
    project_path: str | None
    tool_name: str | None
    subject: str | None
    status: str | None
    exit_code: int | None
    at: str | None
    error: str | None
    recovery: FoundRecovery | None


class FailuresAnswer(Answer, kw_only=True):
    """The failures, the last first."""

    failures: list[FoundFailure]


def _failures(lookup: Lookup, asked: FailuresInput) -> FailuresAnswer:
    before = FailurePlace(*place_of(asked.cursor, tuple[int, str])) if asked.cursor else None
    found = failed_calls(
        lookup.db,
        asked.limit + 1,
        lookup.filters(asked),
        tool=asked.tool,
        before=before,
        redact=lookup.recorded.text,
    )
    room, next_cursor, last = Room(), None, before
    shown: list[FoundFailure] = []
    for one in found:
        failure = _failure(lookup, one)
        if len(shown) == asked.limit or not room.takes(failure):
            next_cursor = cursor(*last) if last else None
            break
        shown.append(failure)
        last = one.place
    return FailuresAnswer(failures=shown, next_cursor=next_cursor)


def _failure(lookup: Lookup, one: FailedCall) -> FoundFailure:
    short = lookup.recorded.short
    recovery = None
    if by := one.recovery:
        recovery = FoundRecovery(id=by.id, at=timestamp(by.created_at), subject=by.subject)
    return FoundFailure(
        id=one.id,
        session_id=one.session_id,
        title=short(one.title),
        source=one.source,
        project_path=short(one.project_path),
        tool_name=short(one.tool_name),
        subject=one.subject,
        status=one.status,
        exit_code=one.exit_code,
        at=timestamp(one.created_at),
        error=one.error,
        recovery=recovery,
    )


TOOL = Tool(
    "failures",
    "Failed tool calls",
    "List tool calls of past sessions that failed, the last first, each with its error and with the later call that "
    "succeeded at the same: how a failure was solved before.",
    FailuresInput,
    FailuresAnswer,
    _failures,
)
