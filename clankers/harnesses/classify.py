"""What a harness calls an event, and how loud it is. Imported on the append path: nothing heavy here.

This is all that recording knows of a payload's meaning; the rest is replay's (`projector.adapters`).
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.log.envelope import ERROR, INFO, WARN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNKNOWN = "unknown"  # a document that does not say what it is
# After these events, of whatever harness, there is nothing more to wait for: a turn or a session has ended.
TURN_ENDS = frozenset({"Stop", "StopFailure", "SessionEnd", "session.idle"})
MAX_KIND = 200  # characters of a type that are kept

# Where harnesses put an event's name: Claude Code's hooks, OpenCode's bus events, OpenCode's named plugin hooks.
_NAME_KEYS = ("hook_event_name", "type", "hook")
_LEVELS = {
    "StopFailure": ERROR,
    "session.error": ERROR,
    "PostToolUseFailure": WARN,
    "PermissionDenied": WARN,
}


def kind_of(document: Any) -> str:
    """The harness's own name for the event in `document`."""
    if isinstance(document, dict):
        for key in _NAME_KEYS:
            name = document.get(key)
            if isinstance(name, str) and name:
                return name[:MAX_KIND]
    return UNKNOWN


def level_of(kind: str, document: Any) -> str:
    """`error` for what the harness or a reader would call one, `warn` for failed tools and retries, else `info`."""
    if level := _LEVELS.get(kind):
        return level
    if kind.startswith(("message.", "session.status")):
        return _opencode_level(_at(document, "properties"))
    if kind.startswith("transcript.") and isinstance(document, dict):
        return transcript_level(document)
    if kind in ("storage.message", "db.message"):
        return _opencode_level({"info": _stored(kind, document)})
    if kind in ("storage.part", "db.part"):
        return _opencode_level({"part": _stored(kind, document)})
    return INFO


def _stored(kind: str, document: Any) -> Any:
    """What OpenCode stores of a message or part: in a file as it is, in the database in a column."""
    return _at(document, "data") if kind.startswith("db.") else document


def _opencode_level(properties: Any) -> str:
    if _at(properties, "info", "error"):
        return ERROR
    state = _at(properties, "part", "state")
    if _at(state, "status") == "error" or _at(properties, "status", "type") == "retry":
        return WARN
    # An exit that is null is a command that was stopped; "invalid" stands for a tool that does not exist.
    metadata = _at(state, "metadata")
    stopped = metadata["exit"] if isinstance(metadata, dict) and "exit" in metadata else b"0"
    return WARN if stopped not in (b"0", 0) or _at(properties, "part", "tool") == "invalid" else INFO


def transcript_level(line: dict[str, Any]) -> str:
    """The same for a line of a transcript of Claude Code."""
    if line.get("isApiErrorMessage") is True:
        return ERROR
    if line.get("subtype") == "api_error":
        return WARN
    message = line.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        for block in content:
            if isinstance(block, dict) and block.get("is_error") is True:
                return WARN
    return INFO


def _at(value: Any, *keys: str) -> Any:
    """What stands at `keys` in nested objects; None where anything on the way is missing or no object."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
