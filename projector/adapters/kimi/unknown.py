"""What the adapter does not know in lines of known types: events of the loop, types of parts, counts of tokens."""

from collections.abc import Iterator

from msgspec import Raw
from msgspec.json import Decoder

from clankers.log.reader import Event
from projector.adapters.kimi.responses import EVENT_TYPES
from projector.adapters.kimi.wire_log import WIRE
from projector.adapters.unknown import counts, elements, limited, members, text_of
from projector.adapters.wire import ABSENT, Wire

_PARTS = frozenset({"text", "think", "image_url", "video_url", "audio_url"})
_USAGE = frozenset({"inputOther", "output", "inputCacheRead", "inputCacheCreation"})


class _Line(Wire):
    message: Raw = ABSENT
    event: Raw = ABSENT
    usage: Raw = ABSENT


def _find(event: Event) -> Iterator[str]:
    if event.type == WIRE + "context.append_message":
        yield from _parts(elements(members(_line(event.payload).message).get("content")))
    elif event.type == WIRE + "usage.record":
        yield from counts(members(_line(event.payload).usage), _USAGE, "usage")
    elif event.type == WIRE + "context.append_loop_event":
        found = members(_line(event.payload).event)
        if (kind := text_of(found.get("type"))) not in EVENT_TYPES:
            yield f"event {kind[:64]}"
        yield from counts(members(found.get("usage")), _USAGE, "usage")
        yield from _parts([found["part"]] if "part" in found else [])


def _parts(parts: list[Raw]) -> Iterator[str]:
    kinds = (text_of(members(part).get("type")) for part in parts)
    return (f"part {kind[:64]}" for kind in kinds if kind and kind not in _PARTS)


_line = Decoder(_Line).decode
unknown = limited(_find)
