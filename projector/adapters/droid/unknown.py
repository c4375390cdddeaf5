"""What Droid's session files hold that the adapter does not read."""

from collections.abc import Iterator

from clankers.log.reader import Event
from projector.adapters.droid.common import LINE
from projector.adapters.unknown import elements, limited, members, text_of

_PARTS = frozenset({"text", "thinking", "redacted_thinking", "tool_use", "tool_result", "image"})
_SHOWN = frozenset({"", "user_only", "llm_only"})  # to whom a message is


def _find(event: Event) -> Iterator[str]:
    if event.type != LINE + "message":
        return
    message = members(members(event.payload).get("message"))
    for part in elements(message.get("content")):
        if (kind := text_of(members(part).get("type"))) not in _PARTS:
            yield f"part {kind}"
    if (shown := text_of(message.get("visibility"))) not in _SHOWN:
        yield f"visibility {shown}"


unknown = limited(_find)
