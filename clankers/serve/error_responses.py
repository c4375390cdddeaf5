"""Answers to refused requests: JSON with one member, `error`, without secrets and tracebacks."""

from collections.abc import Mapping

import anyio
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

_UNREAD = 1 << 20  # bytes of a body that are read past, so that a client that still sends sees the answer
_SECONDS = 2.0  # for that


class RequestError(Exception):
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


def refusal(error: RequestError) -> JSONResponse:
    """The answer to a request that `error` refuses."""
    body = {"error": str(error)}
    return (JSONResponse if error.read else _Unread)(body, error.status, error.headers)


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
