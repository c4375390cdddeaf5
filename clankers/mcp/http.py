"""The server over HTTP, for a path of another server: each request is answered alone, no session is kept."""

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from clankers.mcp.scope import Scope

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server  # takes a second to import: only for a request


class MCPEndpoint:
    """The ASGI application, for what `scope` allows to show, without SQL. Who may ask is for others to decide."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if find_spec("mcp_types") is None:
            missing = PlainTextResponse("This needs the package mcp from version 2 on, where clankers is.\n", 501)
            await missing(connection, receive, send)
            return
        server = await run_sync(_server, self._scope)
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
        async with manager.run():
            await manager.handle_request(connection, receive, send)


@cache
def _server(scope: Scope) -> "Server[Any]":
    from clankers.mcp.server import make_server

    return make_server(scope, allow_sql=False)
