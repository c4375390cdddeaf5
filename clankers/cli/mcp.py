"""`clankers mcp`: the recorded history for an agent, over the Model Context Protocol."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from clankers.errors import ClankersError, UsageError


def command(
    project: Annotated[
        Path | None,
        typer.Option("--project", metavar="PATH", help="Show the sessions of this project. Default: this directory."),
    ] = None,
    all_projects: Annotated[bool, typer.Option("--all-projects", help="Show the sessions of all projects.")] = False,
    allow_sql: Annotated[bool, typer.Option("--allow-sql", help="Also offer SQL on these sessions.")] = False,
) -> None:
    """Serve the history to an agent over MCP.

    An MCP client starts it and talks to it on stdin and stdout. Read-only;
    credentials are masked. What the agent reads goes to its model's vendor.

    Examples:
        clankers mcp --all-projects
    """
    if project and all_projects:
        raise UsageError("--project and --all-projects exclude each other; use one")
    place = project or Path.cwd()
    if not place.is_dir():
        raise UsageError(f"--project {place}: there is no such directory")
    if find_spec("mcp_types") is None:
        raise ClankersError(
            "`clankers mcp` needs the package mcp from version 2 on: `pip install 'mcp>=2'` where clankers is, "
            "or `pipx inject clankers mcp`"
        )
    import anyio

    from clankers.mcp.scope import Scope
    from clankers.mcp.server import serve_stdio

    scope = Scope(None if all_projects else os.path.abspath(place))

    async def serve() -> None:
        await serve_stdio(scope, allow_sql=allow_sql)

    anyio.run(serve)
