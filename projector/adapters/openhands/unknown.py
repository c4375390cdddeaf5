"""What OpenHands's events hold that the adapter does not read."""

from collections.abc import Iterator

from clankers.log.reader import Event
from projector.adapters.openhands.common import EVENT
from projector.adapters.unknown import elements, limited, members, text_of

_CONTENT = frozenset({"text", "image"})


def _find(event: Event) -> Iterator[str]:
    if event.type not in (EVENT + "MessageEvent", EVENT + "ObservationEvent"):
        return
    said = members(members(event.payload).get("event"))
    inner = members(said.get("llm_message") or said.get("observation"))
    for part in elements(inner.get("content")):
        if (kind := text_of(members(part).get("type"))) not in _CONTENT:
            yield f"content {kind}"
    if elements(said.get("extended_content")):
        yield "extended_content"


unknown = limited(_find)
