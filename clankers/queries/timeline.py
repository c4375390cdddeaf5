"""What a session did when: its turns with their calls, tokens and cost; its calls and subagents as spans of time."""

from bisect import bisect_right
from typing import NamedTuple

from msgspec import Struct

from clankers.formatting import sum_of_costs
from clankers.queries.dialect import Database, Values

_SHOWN = 200  # characters of a prompt

_MESSAGES = f"""
SELECT id, role = 'user' AND synthetic = 0 AND deleted_at IS NULL, created_at, coalesce(completed_at, created_at),
  coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0) + coalesce(cache_read_tokens, 0)
    + coalesce(cache_write_tokens, 0), cost, cost_source,
  CASE WHEN role = 'user' AND synthetic = 0 THEN substr(text_content, 1, {_SHOWN}) END
FROM messages WHERE session_id = :id AND copied = 0 ORDER BY created_at, id
"""
_CALLS = """
SELECT id, tool_name, created_at, completed_at, success FROM tools WHERE session_id = :id ORDER BY created_at, id
"""
_SUBAGENTS = """
SELECT id, coalesce(title, agent), created_at, coalesce(ended_at, updated_at), error_count = 0 FROM sessions
WHERE parent_id = :id ORDER BY created_at, id
"""
_EDITED = """
SELECT e.file_path, count(*), max(e.edited_at) FROM file_edits AS e WHERE e.session_id = :id
GROUP BY 1 ORDER BY 3 DESC, 1
"""


class TimelineTurn(Struct, kw_only=True):
    """A prompt that a person typed, and all that followed until the next one.

    Attributes:
        number: from 1; 0 for what is before the first prompt.
        id: of the prompt's message; of the first message before any prompt.
        prompt: its first 200 characters.
        started_at: epoch milliseconds, as `ended_at`: the last that happened in the turn.
        calls: tool calls, of which `failed` failed.
        tokens: all but reasoning; without those of subagents.
        cost: of the messages, as far as it is known, with the least sure `cost_source` among theirs.
    """

    number: int
    id: str
    prompt: str | None
    started_at: int
    ended_at: int
    calls: int = 0
    failed: int = 0
    tokens: int = 0
    cost: float | None = None
    cost_source: str | None = None


class TimelineSpan(Struct, frozen=True, kw_only=True):
    """A tool call or a subagent.

    Attributes:
        kind: `tool` or `subagent`.
        id: of its row in `tools` or `sessions`.
        name: the tool's; the subagent's title.
        started_at: epoch milliseconds.
        ended_at: the same; None while it is open.
        success: 0 for a failed call or a subagent with errors; None: not known yet.
    """

    kind: str
    id: str
    name: str | None
    started_at: int
    ended_at: int | None
    success: int | None


class Timeline(Struct, frozen=True):
    """A session's turns, and its calls and subagents in the order in which they began."""

    turns: list[TimelineTurn]
    spans: list[TimelineSpan]


class EditedFile(NamedTuple):
    """A file that a session edited: how often, and when last (epoch milliseconds)."""

    path: str
    edits: int
    last_at: int | None


def timeline(db: Database, session: str) -> Timeline:
    """What the session with the id `session` did when; what has no time is left out."""
    values: Values = {"id": session}
    turns: list[TimelineTurn] = []
    for id, is_prompt, begun, ended, tokens, cost, cost_source, text in db.execute(_MESSAGES, values):
        if begun is None:
            continue
        if is_prompt or not turns:
            number = (turns[-1].number if turns else 0) + 1 if is_prompt else 0
            turns.append(TimelineTurn(number=number, id=id, prompt=text, started_at=begun, ended_at=begun))
        turn = turns[-1]
        turn.ended_at = max(turn.ended_at, ended)
        turn.tokens += tokens
        if cost is not None or cost_source is not None:
            costs = ((turn.cost, turn.cost_source), (cost, cost_source))
            turn.cost, turn.cost_source = sum_of_costs(costs)
    rows = [("tool", *row) for row in db.execute(_CALLS, values)]
    rows += [("subagent", *row) for row in db.execute(_SUBAGENTS, values)]
    spans = [
        TimelineSpan(kind=kind, id=id, name=name, started_at=begun, ended_at=ended, success=success)
        for kind, id, name, begun, ended, success in rows
        if begun is not None
    ]
    starts = [turn.started_at for turn in turns]
    for span in spans:
        if turns:
            turn = turns[max(bisect_right(starts, span.started_at) - 1, 0)]
            turn.ended_at = max(turn.ended_at, span.ended_at or span.started_at)
            if span.kind == "tool":
                turn.calls += 1
                turn.failed += span.success == 0
    return Timeline(turns, sorted(spans, key=lambda span: span.started_at))


def edited_files(db: Database, session: str) -> list[EditedFile]:
    """The files that the session with the id `session` edited, the last first."""
    return [EditedFile(*row) for row in db.execute(_EDITED, {"id": session})]
