"""Our MCP server in a client's JSON settings: a member `clankers` of an object such as `mcpServers`.

Nothing else is changed. An object that becomes empty is removed, unless it was there before (`hooks_json`).
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clankers.harnesses.base import Harness
from clankers.harnesses.hooks_json import falls_with, marked, member, settings_object
from clankers.harnesses.installer import InstallError
from clankers.harnesses.mcp_server import NAME, ServerInstaller
from clankers.system.jsonc_edit import Item, JSONCError, Value, delete, insert_member

Entry = Callable[[list[str], Mapping[str, str]], dict[str, object]]  # of a command and the variables
_VARIABLES = ("env", "environment")  # the names that clients have for them


def stdio_entry(command: list[str], variables: Mapping[str, str]) -> dict[str, object]:
    """The form that most clients have."""
    entry: dict[str, object] = {"command": command[0], "args": command[1:]}
    return {**entry, "env": dict(variables)} if variables else entry


class JSONServerInstaller(ServerInstaller):
    """Our server in JSON settings."""

    def __init__(
        self,
        harness: Harness,
        user: Path,
        project: str | None = None,
        *,
        key: str = "mcpServers",
        entry: Entry = stdio_entry,
    ) -> None:
        """As `ServerInstaller`, with the name of the object of servers, and the form of one."""
        super().__init__(harness, user, project)
        self._key = key
        self._entry = entry

    def command_in(self, path: Path, text: str) -> list[Any] | None:
        """What the member has in `command` and `args`."""
        server = self._server(path, text)
        if server is None:
            return None
        entry = server.plain if isinstance(server.plain, dict) else {}
        command, arguments = entry.get("command"), entry.get("args", [])
        words = command if isinstance(command, list) else [command]
        return [*words, *(arguments if isinstance(arguments, list) else [arguments])]

    def variables_in(self, path: Path, text: str) -> dict[str, Any]:
        """What the member has in `env`, or what the client calls that."""
        server = self._server(path, text)
        entry = server.plain if server and isinstance(server.plain, dict) else {}
        return next((entry[key] for key in _VARIABLES if isinstance(entry.get(key), dict)), {})

    def added(self, path: Path, text: str, command: list[str], variables: Mapping[str, str]) -> str:
        """`text` with the member at the end of the object, or with the object at the end."""
        settings, servers = self._parsed(path, text)
        entry = self._entry(command, variables)
        if servers is None:
            return insert_member(text, settings, self._key, {NAME: entry}, levels=3)
        return marked(servers.value, insert_member(text, servers.value, NAME, entry, levels=1))

    def updated(self, path: Path, text: str, command: list[str], variables: Mapping[str, str]) -> str:
        """`text` with other values in the member."""
        variables = {**self.variables_in(path, text), **variables}
        for key, value in self._entry(command, variables).items():
            server = self._server(path, text)
            if server is None or key not in ("command", "args", *_VARIABLES):
                continue
            old = member(server, key)
            if old is None:
                text = insert_member(text, server, key, value)
            elif old.value.plain != value:
                text = text[: old.value.start] + json.dumps(value) + text[old.value.end :]
        return text

    def removed(self, path: Path, text: str) -> str:
        """`text` without the member."""
        servers = self._parsed(path, text)[1]
        server = member(servers.value, NAME) if servers else None
        if servers is None or server is None:
            return text
        return delete(text, servers if falls_with(text, servers.value, server) else server)

    def _server(self, path: Path, text: str) -> Value | None:
        servers = self._parsed(path, text)[1]
        server = member(servers.value, NAME) if servers else None
        return server.value if server else None

    def _parsed(self, path: Path, text: str) -> tuple[Value, Item | None]:
        """The settings, and their member that has the servers."""
        try:
            settings = settings_object(text)
        except JSONCError as e:
            raise InstallError(f"{path}: {e}; nothing was changed") from e
        servers = member(settings, self._key)
        if servers and not isinstance(servers.value.plain, dict):
            wrong = JSONCError(text, servers.value.start, f'"{self._key}" is not an object')
            raise InstallError(f"{path}: {wrong}; nothing was changed")
        return settings, servers
