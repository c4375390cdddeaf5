"""Kimi Code's wire logs: the client's own record, which wins over hooks (Rank.RECORD).

The same things stand in several lines. A prompt: in `turn.prompt` and `context.append_message`, with one id. What a
request used: in `usage.record`, which alone is read, in `step.end`, and for a subagent in `subagent.completed`. All
messages of a turn: again in `agent.message.appended`, with other ids, unless the client was killed.
"""

from msgspec.json import encode

from projector.adapters.base import Case
from projector.adapters.kimi.common import SOURCE, agent_session, tool_id
from projector.adapters.kimi.line import WireLine, line_case
from projector.adapters.kimi.messages import message, prompt
from projector.adapters.kimi.responses import loop_event
from projector.adapters.kimi.wire import (
    CompactionLine,
    Line,
    LoopLine,
    MessageLine,
    ModeLine,
    ProfileLine,
    PromptLine,
    RequestLine,
    RetryLine,
    SpawnLine,
    TurnEndLine,
    UndoLine,
    UsageLine,
)
from projector.model.changes import Change, CompactionSeen, ErrorSeen, MessageSeen, PartSeen, Rank, SessionSeen
from projector.model.evidence import Spent
from projector.model.naming import scoped_id

WIRE = "wire."  # of the types of a wire log's lines
_LOOP = "loop"  # the kind of a request for the conversation
_TURN = "turn"  # the scope of what such a request used


def _request(place: WireLine, line: RequestLine) -> list[Change]:
    """A request. Only here is the model: elsewhere is the name that the user gave it."""
    beside = line.kind != _LOOP
    return [place.response_line("request", model=line.model, provider=line.provider, beside=beside)]


def _usage(place: WireLine, line: UsageLine) -> list[Change]:
    """What a request used. A stream that was cut off has counts of 0: then nothing is known."""
    u = line.usage
    counts = (u.inputOther, u.output, u.inputCacheRead, u.inputCacheCreation)
    spent = Spent(counts[0], counts[1], None, counts[2], counts[3]) if any(counts) else Spent(None, None)
    beside = None if line.usageScope == _TURN else scoped_id("usage", place.id)
    return [place.response_line("usage", message=beside, spent=encode(spent).decode())]


def _turn_end(place: WireLine, line: TurnEndLine) -> list[Change]:
    error = line.error
    if line.reason != "failed" or not error:
        return []
    status = error.details.statusCode if error.details else None
    return [ErrorSeen(place.id, place.session, SOURCE, error.code or "error", error.message, place.at, None, status)]


def _retry(place: WireLine, line: RetryLine) -> list[Change]:
    error = (line.errorName or "error", line.errorMessage, place.at, None, line.statusCode)
    return [ErrorSeen(place.id, place.session, SOURCE, *error, will_retry=True)]


def _compaction(place: WireLine, line: CompactionLine) -> list[Change]:
    at, session = place.at, place.session
    changes: list[Change] = [
        CompactionSeen(place.id, session, SOURCE, at, None, line.tokensBefore, line.tokensAfter),
    ]
    if text := line.summary or line.contextSummary:
        changes += [
            MessageSeen(place.id, session, SOURCE, "user", created_at=at, completed_at=at, synthetic=True),
            PartSeen(scoped_id("0", place.id), place.id, session, SOURCE, 0, "text", text, None, at, at),
        ]
    return changes


def _undo(place: WireLine, line: UndoLine) -> list[Change]:
    return [place.response_line("undo", count=line.count)]


def _forked(place: WireLine, _: Line) -> list[Change]:
    return [place.response_line("copied")]


def _spawned(place: WireLine, line: SpawnLine) -> list[Change]:
    session = place.session.partition(":")[0]
    facts: dict[str, object] = {"parent_id": place.session}
    if line.subagentName:
        facts["agent"] = line.subagentName
    if line.parentToolCallId and tool_id(line.parentToolCallId, None) == line.parentToolCallId:
        facts["spawned_by"] = line.parentToolCallId
    return [SessionSeen(agent_session(line.subagentId, session), SOURCE, place.at or 0, Rank.RECORD, facts)]


def _profile(place: WireLine, line: ProfileLine) -> list[Change]:
    """A subagent's profile; that of the main agent is always the same."""
    return place.facts(agent=line.profileName or None) if ":" in place.session else []


def _mode(place: WireLine, line: ModeLine) -> list[Change]:
    return place.facts(permission_mode=line.mode or None)


def _plain(_: WireLine, _line: Line) -> list[Change]:
    return []


plain = line_case(Line, _plain)

# Lines that say nothing which the others do not: copies, or what concerns the client alone.
_UNREAD = (
    *("metadata", "runtime.set_binding", "config.update", "llm.tools_snapshot", "plugin.session_start", "hook.result"),
    *("agent.message.appended", "agent.turn.started", "agent.turn.ended", "agent.switched"),
    *("turn.steer", "turn.cancel", "turn.step.interrupted", "context.clear", "context.undone"),
    *("prompt.accepted", "prompt.completed", "prompt.aborted", "prompt.steered"),
    *("token_counting.measured", "token_counting.rebased", "token_counting.truncated", "token_counting.turn_recorded"),
    *("full_compaction.begin", "full_compaction.complete", "full_compaction.cancel", "micro_compaction.apply"),
    *("subagent.started", "subagent.completed", "subagent.failed", "subagent.cancelled", "subagent.suspended"),
    *("file_history.tracked", "file_history.checkpoint", "interruptionReminder.recorded"),
    *("interaction.request", "interaction.resolved", "permission.record_approval_result", "permission.rules.add"),
    *("task.started", "task.terminated", "task.notified", "task.waitDelivered"),
    *("cron.add", "cron.cursor", "cron.delete", "cron.fired", "goal.create", "goal.update", "goal.clear"),
    *("plan_mode.enter", "plan_mode.exit", "plan_mode.cancel", "plan.revision", "swarm_mode.enter", "swarm_mode.exit"),
    *("tower_mode.enter", "tower_mode.exit", "tools.update_store", "tools.set_active_tools", "skill.activated"),
)

CASES: dict[str, Case] = {
    WIRE + "turn.prompt": line_case(PromptLine, prompt),
    WIRE + "context.append_message": line_case(MessageLine, message),
    WIRE + "context.append_loop_event": line_case(LoopLine, loop_event),
    WIRE + "llm.request": line_case(RequestLine, _request),
    WIRE + "usage.record": line_case(UsageLine, _usage),
    WIRE + "turn.ended": line_case(TurnEndLine, _turn_end),
    WIRE + "turn.step.retrying": line_case(RetryLine, _retry),
    WIRE + "context.apply_compaction": line_case(CompactionLine, _compaction),
    WIRE + "context.undo": line_case(UndoLine, _undo),
    WIRE + "forked": line_case(Line, _forked),
    WIRE + "subagent.spawned": line_case(SpawnLine, _spawned),
    WIRE + "profile.bind": line_case(ProfileLine, _profile),
    WIRE + "permission.set_mode": line_case(ModeLine, _mode),
    **dict.fromkeys((WIRE + name for name in _UNREAD), plain),
}
