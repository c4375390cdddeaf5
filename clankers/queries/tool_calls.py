"""What a tool call is about, by its input."""

from typing import Any

from projector.adapters.base import Tools

# The members of an input that may say what the call does, the best first; between them the file that it works on.
_CODE = ("command",)
_OTHERS = (
    *(*Tools().path_keys, "path", "pattern", "url", "query", "subject", "description"),
    *("skill", "name", "prompt"),
)


def subject(tool_input: Any, file_path: str | None) -> tuple[str, str] | None:
    """Name and text of the member of a call's input that says what the call is about; None: no member does.

    Args:
        tool_input: the arguments.
        file_path: the file that the call works on, as its adapter found it in the input.
    """
    if not isinstance(tool_input, dict):
        return None
    files = (name for name, value in tool_input.items() if file_path is not None and value == file_path)
    found = ((name, tool_input.get(name)) for name in (*_CODE, *files, *_OTHERS))
    return next(((name, text) for name, text in found if isinstance(text, str) and text.strip()), None)
