"""What a tool call is about, by its input."""

import re
from typing import Any

from projector.adapters.base import Tools

# The members of an input that may say what the call does, the best first; between them the file that it works on.
COMMAND_KEYS = ("command", "cmd")
_OTHERS = (
    *(*Tools().path_keys, "path", "pattern", "url", "query", "subject", "description"),
    *("skill", "name", "prompt"),
)
_PATCH = re.compile(r"\s*\*\*\* Begin Patch\n(.*?)(?:\*\*\* End Patch\s*)?\Z", re.DOTALL)
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)


def subject(tool_input: Any, file_path: str | None) -> tuple[str, str] | None:
    """Name and text of the member of a call's input that says what the call is about; None: no member does.

    Of a patch, the name is empty and the text is the files that it edits.

    Args:
        tool_input: the arguments.
        file_path: the file that the call works on, as its adapter found it in the input.
    """
    if (found := patch(tool_input)) is not None:
        files = ", ".join(_PATCHED.findall(found))
        return ("", files) if files else None
    if not isinstance(tool_input, dict):
        return None
    named_files = (name for name, value in tool_input.items() if file_path is not None and value == file_path)
    named = ((name, _text(tool_input.get(name))) for name in (*COMMAND_KEYS, *named_files, *_OTHERS))
    return next(((name, text) for name, text in named if text.strip()), None)


def patch(tool_input: Any) -> str | None:
    """The body of the patch that is a call's input, or its only member; None if it is something else."""
    if isinstance(tool_input, dict) and len(tool_input) == 1:
        (tool_input,) = tool_input.values()
    found = _PATCH.match(tool_input) if isinstance(tool_input, str) else None
    return found[1] if found else None


def _text(value: Any) -> str:
    """A text, or the words of a command; of a shell's `-c` only what it runs."""
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return value[-1] if len(value) == 3 and value[1] in ("-c", "-lc") else " ".join(value)
    return value if isinstance(value, str) else ""
