"""The states of OpenHands's conversations: where they work, and the tokens of each response."""

from math import fsum

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.openhands.common import SOURCE, response_row
from projector.adapters.openhands.wire import StateRecord, UsageRecord
from projector.model.changes import Change, MessageSeen, Rank, SessionSeen
from projector.model.naming import scoped_id

_AGENT = "agent"  # what the conversation itself used; the others are beside it
_SUBAGENT = "task:"  # begins what a subagent used, which is in its own state, too


def _usage(event: Event, record: UsageRecord) -> list[Change]:
    """The tokens of a response: its input tokens include those read from and written to the cache."""
    session, tokens = record.sessionId, record.tokens
    seen = SessionSeen(session, SOURCE)
    if record.usage.startswith(_SUBAGENT):
        return [seen]
    id = response_row(tokens.response_id, session) if tokens.response_id else scoped_id(event.id, session)
    provider, _, model = (tokens.model or "").partition("/")
    cached = (tokens.cache_read_tokens or 0) + (tokens.cache_write_tokens or 0)
    beside = record.usage != _AGENT
    message = MessageSeen(
        id,
        session,
        SOURCE,
        "assistant",
        model=model or tokens.model,
        provider=provider if model else None,
        agent=record.usage if beside else None,
        prompt_tokens=None if tokens.prompt_tokens is None else max(tokens.prompt_tokens - cached, 0),
        completion_tokens=tokens.completion_tokens,
        reasoning_tokens=tokens.reasoning_tokens,
        cache_read_tokens=tokens.cache_read_tokens,
        cache_write_tokens=tokens.cache_write_tokens,
        synthetic=beside,
    )
    return [seen, message]


def _state(_: Event, record: StateRecord) -> list[Change]:
    workspace, parent = record.state.workspace, record.parentSessionId
    cost = fsum(cost for usage, cost in record.costs.items() if cost and not usage.startswith(_SUBAGENT))
    found = {
        "project_path": workspace.working_dir if workspace else None,
        "parent_id": parent,
        "reported_cost": cost or None,  # 0 is what the client's price table says of a model that it does not know
    }
    facts = {name: value for name, value in found.items() if value is not None}
    seen = SessionSeen(record.sessionId, SOURCE, 0, Rank.RECORD, facts)
    return [SessionSeen(parent, SOURCE), seen] if parent else [seen]


CASES: dict[str, Case] = {"usage": case(UsageRecord, _usage), "state": case(StateRecord, _state)}
