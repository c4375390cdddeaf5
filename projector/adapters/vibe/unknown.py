"""What Vibe's records hold that the adapter does not read."""

from collections.abc import Iterator

from clankers.log.reader import Event
from projector.adapters.unknown import elements, limited, members, text_of
from projector.adapters.vibe.common import JOURNAL

_ACTIONS = frozenset(
    {
        *("completion_succeeded", "completion_failed", "completion_model_input_resync_requested"),
        *("tool_succeeded", "tool_failed", "hook_completed", "user_message"),
    }
)
_METHODS = frozenset({"turn/start"})
_ENTRIES = frozenset({"message", "reasoning", "effect", "notice"})
_PARTS = frozenset({"text", "reasoning", "tool_call"})


def _find(event: Event) -> Iterator[str]:
    payload = members(event.payload)
    if event.type == JOURNAL + "action_result":
        kind = text_of(members(members(payload.get("payload")).get("result")).get("type"))
        if kind not in _ACTIONS:
            yield f"result {kind}"
    elif event.type == JOURNAL + "core_input":
        command = members(members(members(payload.get("payload")).get("input")).get("command"))
        kind = text_of(command.get("type"))
        if kind not in _ACTIONS:
            yield f"command {kind}"
    elif event.type == JOURNAL + "command_reserved":
        method = text_of(members(payload.get("payload")).get("method"))
        if method not in _METHODS:
            yield f"method {method}"
    elif event.type == "turn":
        for entry in map(members, elements(payload.get("entries"))):
            if (kind := text_of(entry.get("type"))) not in _ENTRIES:
                yield f"entry {kind}"
        for message in elements(payload.get("messages")):
            for part in elements(members(members(message).get("message")).get("content")):
                if (kind := text_of(members(part).get("type"))) not in _PARTS:
                    yield f"part {kind}"


unknown = limited(_find)
