"""Our MCP server in a client's TOML settings: the table `mcp_servers.clankers`, at the end of the file.

Nothing else is changed: what the file says besides our table is compared before and after.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from clankers.harnesses.base import nested
from clankers.harnesses.installer import InstallError
from clankers.harnesses.mcp_server import NAME, ServerInstaller, server_environment

_SERVERS = "mcp_servers"
_HEADER = rf"\[[ \t]*{_SERVERS}[ \t]*\.[ \t]*{NAME}[ \t]*"
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

    def added(self, path: Path, text: str, command: list[str]) -> str:
        """`text` with the table, after an empty line."""
        lines = [f"[{_SERVERS}.{NAME}]", f"command = {json.dumps(command[0])}", f"args = {json.dumps(command[1:])}"]
        if variables := server_environment():
            pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in variables.items())
            lines.append(f"env = {{ {pairs} }}")
        gap = "\n" if text.endswith("\n") else "\n\n" if text else ""
        added = text + gap + "\n".join(lines) + "\n"
        _parsed(path, added)
        return added

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


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise InstallError(f"{path}: {e}; nothing was changed") from e
