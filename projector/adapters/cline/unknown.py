"""What the adapter does not know of Cline's messages: types of blocks, texts, token counts."""

from collections.abc import Iterator

from clankers.log.reader import Event
from projector.adapters.unknown import counts, elements, limited, members, text_of, texts

_LONGEST = 64  # characters of a type
_BLOCKS = frozenset(
    ("text", "thinking", "redacted_thinking", "tool_use", "tool_result", "image", "file", "media"),
)
_MESSAGE = frozenset(("id", "role", "agent", "sessionId"))
_METRICS = frozenset(("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "cost"))
_ROLES = frozenset(("user", "assistant"))


def _find(event: Event) -> Iterator[str]:
    if event.type != "document.message":
        return
    message = members(members(event.payload).get("message"))
    if (role := text_of(message.get("role"))[:_LONGEST]) not in _ROLES:
        yield f"role {role}"
    for raw in elements(message.get("content")):
        if bytes(raw)[:1] != b'"' and (block := text_of(members(raw).get("type"))[:_LONGEST]) not in _BLOCKS:
            yield f"block {block}"
    yield from texts({name: raw for name, raw in message.items() if name != "content"}, _MESSAGE, "message")
    yield from counts(members(message.get("metrics")), _METRICS, "metrics")


unknown = limited(_find)
