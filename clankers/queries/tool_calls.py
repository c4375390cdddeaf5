"""What a tool call is about, by its input."""

from typing import Any

from projector.adapters.base import Tools

# The members of an input that may say what the call does, the best first.
_SUBJECTS = (
    *("command", *Tools().path_keys, "path", "pattern", "url", "query", "subject", "description"),
    *("skill", "name", "prompt"),
)


def subject(tool_input: Any) -> tuple[str, str] | None:
    """Name and text of the member of a call's input that says what the call is about; None: no member does."""
    if not isinstance(tool_input, dict):
        return None
    found = ((name, tool_input.get(name)) for name in _SUBJECTS)
    return next(((name, text) for name, text in found if isinstance(text, str) and text.strip()), None)
