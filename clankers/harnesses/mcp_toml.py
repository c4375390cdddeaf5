"""Our MCP server in a client's TOML settings: the table `mcp_servers.clankers`, at the end of the file.

Nothing else is changed: what the file says besides our table is compared before and after.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clankers.harnesses.base import nested
from clankers.harnesses.installer import InstallError
from clankers.harnesses.mcp_server import NAME, ServerInstaller

_SERVERS = "mcp_servers"
_HEADER = rf"\[[ \t]*{_SERVERS}[ \t]*\.[ \t]*{NAME}[ \t]*"
_TABLE = rf"(?:^|(?<=\n))[ \t]*{_HEADER}\][^\r\n]*"
_VALUE = r"""(?:"[^"\n]*"|'[^'\n]*'|\[[^\]]*\]|\{[^}\n]*\})"""  # as clients and people write ours
# Our table, and tables within it: a client notes there which tools the person allowed. What follows their last key,
# such as a comment on the next table, is not ours.
_LINES = r"(?:(?:\n[ \t\r]*(?:#.*)?)*\n[ \t]*[^\s#\[].*)*"
_OURS = re.compile(rf"(?:^|(?<=\n))\n?[ \t]*{_HEADER}[\].].*{_LINES}(?:\n|\Z)")


class TOMLServerInstaller(ServerInstaller):
    """Our server in TOML settings."""

    def command_in(self, path: Path, text: str) -> list[Any] | None:
        """What the table has in `command` and `args`."""
        server = nested(_parsed(path, text), _SERVERS, NAME)
        if not isinstance(server, dict):
            return None
        arguments = server.get("args", [])
        return [server.get("command"), *(arguments if isinstance(arguments, list) else [arguments])]

    def variables_in(self, path: Path, text: str) -> dict[str, Any]:
        """What the table has in `env`."""
        variables = nested(_parsed(path, text), _SERVERS, NAME, "env")
        return variables if isinstance(variables, dict) else {}

    def added(self, path: Path, text: str, command: list[str], variables: Mapping[str, str]) -> str:
        """`text` with the table, after an empty line."""
        values = _values(command, variables)
        lines = [f"[{_SERVERS}.{NAME}]", *(f"{key} = {_written(value)}" for key, value in values.items())]
        gap = "\n" if text.endswith("\n") else "\n\n" if text else ""
        added = text + gap + "\n".join(lines) + "\n"
        _parsed(path, added)
        return added

    def updated(self, path: Path, text: str, command: list[str], variables: Mapping[str, str]) -> str:
        """`text` with other values in the table."""
        expected = _parsed(path, text)
        server = expected[_SERVERS][NAME]
        after = text
        for key, value in _values(command, {**self.variables_in(path, text), **variables}).items():
            if server.get(key) != value:
                after = _with_value(after, key, _written(value), is_new=key not in server)
                server[key] = value
        try:
            if tomllib.loads(after) == expected:
                return after
        except tomllib.TOMLDecodeError:
            pass
        raise InstallError(f"{path}: our MCP server cannot be changed there; remove it by hand, then install it again")

    def removed(self, path: Path, text: str) -> str:
        """`text` without the table.

        Raises:
            InstallError: it is no table of its own.
        """
        expected = _parsed(path, text)
        servers = {name: value for name, value in expected.get(_SERVERS, {}).items() if name != NAME}
        expected = {name: value for name, value in expected.items() if name != _SERVERS}
        if servers:
            expected[_SERVERS] = servers
        after = _OURS.sub("", text)
        if _parsed(path, after) != expected:
            raise InstallError(f"{path}: our MCP server cannot be separated from the rest; remove it by hand")
        return after


def _values(command: list[str], variables: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {"command": command[0], "args": command[1:]}
    return {**values, "env": dict(variables)} if variables else values


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {json.dumps(one, default=str)}' for name, one in value.items())} }}"
    return json.dumps(value)


def _with_value(text: str, key: str, value: str, *, is_new: bool) -> str:
    """`text` with `value` for `key` in our table; unchanged where it has a form that a person must change."""
    if is_new:
        return re.sub(_TABLE, lambda found: f"{found[0]}\n{key} = {value}", text, count=1)
    old = rf"({_TABLE}(?:\n(?![ \t]*\[).*)*?\n[ \t]*{key}[ \t]*=[ \t]*){_VALUE}"
    return re.sub(old, lambda found: found[1] + value, text, count=1)


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise InstallError(f"{path}: {e}; nothing was changed") from e
