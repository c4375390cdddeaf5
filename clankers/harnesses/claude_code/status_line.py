"""Our status line in the text of Claude Code's settings: added, found and removed. Another one is shown above it.

The settings name one command, as `{"statusLine": {"type": "command", "command": ...}}`. Ours runs the launcher, which
runs the other one first; where there is no launcher, the other one still runs.
"""

import json
import shlex

from clankers.harnesses.hook_command import LAUNCHER
from clankers.harnesses.hooks_json import settings_object
from clankers.system.jsonc_edit import Item, JSONCError, delete, insert_member

_KEY = "statusLine"
_START = f"[ -r {LAUNCHER} ] && exec sh {LAUNCHER} --statusline"
_ALONE = f"{_START}; exit 0"


def add_status_line(text: str) -> str:
    """`text` with our status line, and the one that was there within it; `text` itself where ours is there.

    Raises:
        JSONCError: the text is malformed, or its status line is not a command.
    """
    item = _member(text)
    if item is None:
        return insert_member(text, settings_object(text), _KEY, {"type": "command", "command": _ALONE})
    command = _command(text, item)
    if _is_ours(command.value.plain):
        return text
    return _with_command(text, command, f"{_START} {shlex.quote(command.value.plain)}; {command.value.plain}")


def remove_status_line(text: str) -> str:
    """`text` without our status line, and with the one that was there before.

    Raises:
        JSONCError: the text is malformed.
    """
    item = _member(text)
    if item is None or not has_status_line(text):
        return text
    command = _command(text, item)
    other = _other(command.value.plain)
    return delete(text, item) if other is None else _with_command(text, command, other)


def has_status_line(text: str) -> bool:
    """Whether ours is there.

    Raises:
        JSONCError: the text is malformed.
    """
    item = _member(text)
    plain = item.value.plain if item else None
    return isinstance(plain, dict) and _is_ours(plain.get("command"))


def _is_ours(command: object) -> bool:
    return isinstance(command, str) and (command == _ALONE or _other(command) is not None)


def _other(command: str) -> str | None:
    """The other command within ours; None where there is none, or this is not ours."""
    words = shlex.shlex(command.removeprefix(_START), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = ""
    try:
        other = words.get_token()
    except ValueError:  # a quote without its end
        return None
    return other if other and command == f"{_START} {shlex.quote(other)}; {other}" else None


def _member(text: str) -> Item | None:
    found: list[Item] = [item for item in settings_object(text).items if item.key == _KEY]
    return found[-1] if found else None


def _command(text: str, item: Item) -> Item:
    found: list[Item] = [one for one in item.value.items if one.key == "command" and isinstance(one.value.plain, str)]
    if not found:
        raise JSONCError(text, item.value.start, f'"{_KEY}" has no command that could be kept')
    return found[-1]


def _with_command(text: str, item: Item, command: str) -> str:
    return text[: item.value.start] + json.dumps(command, ensure_ascii=False) + text[item.value.end :]
