"""What a client is told that is refused: JSON with one member, `error`. Nothing secret is in it, and no traceback."""

from collections.abc import Mapping

import anyio
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

_UNREAD = 1 << 20  # bytes of a body that are read past, so that a client that still sends sees the answer
_SECONDS = 2.0  # for that


class RefusedError(Exception):
    """A request is refused.

    Args:
        status: of the answer.
        reason: what is wrong, for the client.
        headers: more than the usual.
        read: whether its body was read to the end.
    """

    def __init__(
        self, status: int, reason: str, headers: Mapping[str, str] | None = None, *, read: bool = False
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers
        self.read = read


def refusal(error: RefusedError) -> JSONResponse:
    """The answer that tells of `error`."""
    told = {"error": str(error)}
    return (JSONResponse if error.read else _Unread)(told, error.status, error.headers)


class _Unread(JSONResponse):
    """An answer to a request whose body was not read: behind it the connection is closed.

    A connection that is closed while the client sends takes the answer with it: so the client is given a moment.
    """

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        self.headers["connection"] = "close"
        start: Message = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with anyio.move_on_after(_SECONDS):
            left = _UNREAD
            while left > 0:
                message = await receive()
                if not message.get("more_body"):
                    break
                left -= len(message["body"])
        await send({"type": "http.response.body", "body": b""})
