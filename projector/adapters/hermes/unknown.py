"""What the adapter does not know of Hermes' rows: texts and counts of tokens."""

from collections.abc import Iterator

from clankers.log.reader import Event
from projector.adapters.unknown import counts, limited, members

_ENDING = "_tokens"  # how the names of counts end
# `prompt_tokens` and `total_tokens` are sums of the others.
_KNOWN = frozenset(
    f"{name}_tokens" for name in ("input", "output", "cache_read", "cache_write", "reasoning", "prompt", "total")
)


def _find(event: Event) -> Iterator[str]:
    row = members(event.payload)
    if event.type == "post_api_request":
        row = members(members(row.get("extra")).get("usage"))
    elif event.type != "db.session":
        return
    spent = {name: raw for name, raw in row.items() if name.endswith(_ENDING)}
    yield from counts(spent, _KNOWN, "usage" if event.type == "post_api_request" else "session")


unknown = limited(_find)
