"""What the adapter does not know of GitHub Copilot CLI's event logs: texts of messages, token counts."""

from collections.abc import Iterator

from clankers.log.reader import Event
from projector.adapters.copilot.common import EVENT
from projector.adapters.unknown import counts, limited, members, texts

_OF_REQUEST = frozenset(("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "reasoningTokens"))
_OF_MESSAGE = {
    "user.message": frozenset(
        {
            *("content", "transformedContent", "messageId", "source", "delivery", "agentMode", "interactionId"),
            *("turnId", "parentAgentTaskId"),
        }
    ),
    "assistant.message": frozenset(
        {
            *("content", "reasoningText", "model", "messageId", "originatingMessageId", "interactionId", "turnId"),
            *("apiCallId", "parentToolCallId", "requestId", "clientRequestId", "serviceRequestId", "providerId"),
            *("phase", "reasoningOpaque", "encryptedContent", "reasoningWireField"),
        }
    ),
}


def _find(event: Event) -> Iterator[str]:
    type = event.type.removeprefix(EVENT)
    data = members(members(event.payload).get("data"))
    if known := _OF_MESSAGE.get(type):
        yield from texts(data, known, type)
    elif type == "session.usage_record":
        usage = members(data.get("usage"))
        found = {name: raw for name, raw in usage.items() if name.endswith("Tokens")}
        yield from counts(found, _OF_REQUEST | _LIMITS, "usage")


# Not what the request used, but the limits of the model.
_LIMITS = frozenset(("maxPromptTokens", "maxOutputTokens"))
unknown = limited(_find)
