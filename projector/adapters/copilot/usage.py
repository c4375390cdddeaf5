"""GitHub Copilot CLI's token counts, of which `projector.derived.request_usage` makes the tokens of messages."""

from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.copilot.common import SOURCE, EventPlace, agent_session
from projector.adapters.copilot.wire import AssistantMessage, ModelMetrics, Shutdown, Usage, UsageRow
from projector.adapters.wire import any_millis
from projector.model.changes import Change
from projector.model.evidence import RequestUsed, Spent, UsageSeen, UsageTotal

_MAIN = "main"  # the agent that is the session itself
_HOSTED = "github-copilot"  # the provider of the models that need no key of the user's


def response(place: EventPlace, message: str, found: AssistantMessage) -> UsageSeen:
    """A response, whose line has at most its output tokens."""
    used = RequestUsed(Spent(None, found.outputTokens), found.model) if found.outputTokens is not None else None
    return _seen(place, "response", found.apiCallId, message, used)


def usage_record(place: EventPlace, usage: Usage) -> UsageSeen:
    """What a request used."""
    provider = None if usage.isByok is None else usage.providerType if usage.isByok else _HOSTED
    return _seen(
        place, "request", usage.apiCallId, None, RequestUsed(counts(usage), usage.model, provider, usage.finishReason)
    )


def usage_row(event: Event, row: UsageRow) -> list[Change]:
    """What a request used, by the client's database, whose rows name no request."""
    at = any_millis(row.created_at)
    session = agent_session(row.agent_id, row.session_id) if row.agent_id else row.session_id
    usage = Usage(
        row.model,
        row.input_tokens,
        row.output_tokens,
        row.cache_read_tokens,
        row.cache_write_tokens,
        row.reasoning_tokens,
    )
    place = EventPlace(row.session_id, session, event.id, 0, at)
    return [_seen(place, "stored", None, None, RequestUsed(counts(usage), row.model, None, row.finish_reason))]


def total(place: EventPlace, found: Shutdown) -> UsageSeen:
    """The sums that the client reports as it ends, of all agents."""
    agents = {
        agent_session(agent, place.log): _by_model(metrics.modelMetrics)
        for agent, metrics in (found.agentMetrics or {}).items()
        if agent != _MAIN
    }
    requests = sum(one.requests.count for one in found.modelMetrics.values() if one.requests)
    return _seen(place, "total", None, None, UsageTotal(requests, _by_model(found.modelMetrics), agents))


def counts(usage: Usage) -> Spent:
    """What `usage` says, as columns: its input includes what was read from the cache, and what was written to it."""
    read, write = usage.cacheReadTokens, usage.cacheWriteTokens
    prompt = None if usage.inputTokens is None else max(usage.inputTokens - (read or 0) - (write or 0), 0)
    return Spent(prompt, usage.outputTokens, usage.reasoningTokens, read, write)


def _by_model(metrics: dict[str, ModelMetrics]) -> dict[str, Spent]:
    return {model: counts(one.usage) for model, one in metrics.items() if one.usage}


def _seen(
    place: EventPlace, kind: str, call: str | None, message: str | None, used: RequestUsed | UsageTotal | None
) -> UsageSeen:
    usage = None if used is None else encode(used).decode()
    return UsageSeen(place.id, place.log, SOURCE, kind, place.at, place.offset, place.session, call, message, usage)
