"""What the adapter does not know of Codex' rollouts and hooks: types of events, items and blocks, token counts."""

from collections.abc import Iterator

from msgspec import Raw
from msgspec.json import Decoder

from clankers.log.reader import Event
from projector.adapters.codex.rollout import EVENTS, ITEMS, PREFIX, QUIET_EVENTS, QUIET_ITEMS
from projector.adapters.unknown import counts, elements, limited, members, text_of
from projector.adapters.wire import ABSENT, Wire

_LONGEST = 64  # characters of a type
_OF_TURN = frozenset(
    {
        *("UserMessage", "AgentMessage", "Reasoning", "CommandExecution", "FileChange", "McpToolCall", "WebSearch"),
        *("CollabAgentToolCall", "ContextCompaction", "Plan", "HookPrompt", "ImageView", "ImageGeneration"),
        *("EnteredReviewMode", "ExitedReviewMode", "DynamicToolCall", "SubAgentActivity", "Sleep"),
    }
)
_BLOCKS = frozenset(("input_text", "output_text", "summary_text", "reasoning_text", "text", "input_image"))
_USAGE = frozenset(
    {
        *("input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens"),
        *("reasoning_output_tokens", "total_tokens"),
    }
)


def _find(event: Event) -> Iterator[str]:
    if event.type == "PostModelRequest":
        yield from counts(members(members(event.payload).get("token_usage")), _USAGE, "token_usage")
        return
    payload = members(_line(event.payload).payload) if event.type.startswith(PREFIX) else {}
    type = text_of(payload.get("type"))[:_LONGEST]
    if event.type == PREFIX + "event_msg":
        yield from _in_event(type, payload)
    elif event.type == PREFIX + "response_item":
        yield from _in_item(type, payload)
    elif event.type == PREFIX + "token_usage_record":
        yield from counts(members(payload.get("usage")), _USAGE, "usage")


def _in_event(type: str, payload: dict[str, Raw]) -> Iterator[str]:
    if type not in EVENTS and type not in QUIET_EVENTS:
        yield f"event {type}"
    elif type == "item_completed":
        item = text_of(members(payload.get("item")).get("type"))[:_LONGEST]
        if item not in _OF_TURN:
            yield f"item {item}"
    elif type == "token_count":
        yield from counts(members(members(payload.get("info")).get("last_token_usage")), _USAGE, "last_token_usage")


def _in_item(type: str, payload: dict[str, Raw]) -> Iterator[str]:
    if type not in ITEMS and type not in QUIET_ITEMS:
        yield f"item {type}"
    for raw in elements(payload.get("content")):
        block = text_of(members(raw).get("type"))[:_LONGEST]
        if block not in _BLOCKS:
            yield f"block {block}"


class _Line(Wire):
    payload: Raw = ABSENT


_line = Decoder(_Line).decode
unknown = limited(_find)
