"""What the adapter does not know of Claude Code's transcript lines: types of blocks, texts in them, token counts."""

from collections.abc import Iterator

from msgspec import Raw
from msgspec.json import Decoder

from clankers.log.reader import Event
from projector.adapters.unknown import counts, elements, limited, members, text_of, texts
from projector.adapters.wire import ABSENT, Wire

_BLOCKS = frozenset(
    ["text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use", "image", "document"]
)
_RESULT = "_result"  # ends the types of all results
_IN_BLOCK = frozenset(
    [
        "type",
        "text",
        "thinking",
        "signature",
        "data",
        "id",
        "name",
        "tool_use_id",
        "content",
        "server_name",
        "title",
        "context",
    ]
)
_IN_MESSAGE = frozenset(["id", "type", "role", "model", "content", "stop_reason", "stop_sequence"])
_USAGE = frozenset(
    ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "total_tokens"]
)
_CACHE_CREATION = frozenset(("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens"))  # a part of the above
_SERVER_TOOLS = frozenset(("web_search_requests", "web_fetch_requests"))  # of these the latter cost nothing
_DETAILS = frozenset(("thinking_tokens",))  # a part of output_tokens


def _find(event: Event) -> Iterator[str]:
    if event.type not in ("transcript.user", "transcript.assistant"):
        return
    message = members(_line(event.payload).message)
    yield from texts(message, _IN_MESSAGE, "message")
    for raw in elements(message.get("content")):
        if not (block := members(raw)):
            continue  # text alone
        type = text_of(block.get("type"))
        if type and type not in _BLOCKS and not type.endswith(_RESULT):
            yield f"block {type[:64]}"
        else:
            yield from texts(block, _IN_BLOCK, "block")
    usage = members(message.get("usage"))
    yield from counts(usage, _USAGE, "usage")
    yield from counts(members(usage.get("cache_creation")), _CACHE_CREATION, "usage.cache_creation")
    yield from counts(members(usage.get("server_tool_use")), _SERVER_TOOLS, "usage.server_tool_use")
    yield from counts(members(usage.get("output_tokens_details")), _DETAILS, "usage.output_tokens_details")


class _Line(Wire):
    message: Raw = ABSENT


_line = Decoder(_Line).decode
unknown = limited(_find)
