"""What the adapter does not know of Continue's entries: roles, types of parts, states of calls, token counts."""

from collections.abc import Iterator

from clankers.log.reader import Event
from projector.adapters.unknown import counts, elements, limited, members, text_of

_LONGEST = 64  # characters of a type
_ROLES = frozenset(("user", "assistant", "system", "thinking", "tool"))
_PARTS = frozenset(("text", "imageUrl"))
_STATES = frozenset(("generating", "generated", "calling", "errored", "done", "canceled"))
_USAGE = frozenset(("prompt_tokens", "completion_tokens", "total_tokens", "cost_cents"))


def _find(event: Event) -> Iterator[str]:
    if event.type != "document.message":
        return
    entry = members(members(event.payload).get("message"))
    message = members(entry.get("message"))
    if (role := text_of(message.get("role"))[:_LONGEST]) not in _ROLES:
        yield f"role {role}"
    for raw in elements(message.get("content")):
        if bytes(raw)[:1] != b'"' and (part := text_of(members(raw).get("type"))[:_LONGEST]) not in _PARTS:
            yield f"part {part}"
    for raw in elements(entry.get("toolCallStates")):
        if (state := text_of(members(raw).get("status"))[:_LONGEST]) not in _STATES:
            yield f"state of a call {state}"
    usage = members(message.get("usage"))
    yield from counts(usage, _USAGE, "usage")
    yield from counts(members(usage.get("prompt_tokens_details")), ("cached_tokens",), "prompt_tokens_details")
    details = members(usage.get("completion_tokens_details"))
    yield from counts(details, ("reasoning_tokens",), "completion_tokens_details")


unknown = limited(_find)
