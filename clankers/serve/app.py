"""The endpoints: `POST /admin/sync` for clients with the key, `GET /health` for all."""

import hmac
from dataclasses import dataclass
from hashlib import sha256

import anyio
import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from clankers.serve.error_responses import RequestError, refusal
from clankers.serve.group_commit import Storage
from clankers.serve.rate_limit import Rate
from clankers.serve.request_body import checked, read
from projector.adapters.session_sync.wire import HEALTH_PATH, PATH, SyncReply

_BODIES = 8  # held in memory at once; others wait in their connections
_RETRY = "10"  # seconds after which a disk may have room again


@dataclass(frozen=True)
class RequestLimits:
    """What a client may do.

    Attributes:
        body: bytes of one, packed and unpacked.
        seconds: for a body to come.
        rate: requests a second from one address.
    """

    body: int
    seconds: float
    rate: int


class Receiver:
    """The endpoints.

    Args:
        key: that clients must have.
        limits: of a body.
        storage: where bodies go.
    """

    def __init__(self, key: str, limits: RequestLimits, storage: Storage) -> None:
        self._key = sha256(key.encode()).digest()
        self._limits = limits
        self._storage = storage
        self._bodies = anyio.Semaphore(_BODIES)
        self._checks = anyio.CapacityLimiter(1)  # at a time: it is work for one core, and takes several times the room

    async def sync(self, request: Request) -> Response:
        """One body, to the disk."""
        self._authenticate(request)
        async with self._bodies:
            raw = await read(request, self._limits.body, self._limits.seconds)
            body = await anyio.to_thread.run_sync(checked, raw, limiter=self._checks)
            del raw
            try:
                await self._storage.store(body)
            except OSError:
                raise RequestError(
                    503, "the server cannot write its log; nothing was stored", {"retry-after": _RETRY}, read=True
                ) from None
        return _json(SyncReply(True, body.digest))

    async def health(self, _: Request) -> Response:
        """Whether the server is there."""
        return _json({"ok": True})

    def _authenticate(self, request: Request) -> None:
        """Check the key. Digests are compared, so that the time it takes reveals neither the key nor its length."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        given = sha256(key.strip().encode()).digest()
        if not hmac.compare_digest(given, self._key) or scheme.lower() != "bearer":
            raise RequestError(
                401, "the key is wrong or missing: `Authorization: Bearer KEY`", {"www-authenticate": "Bearer"}
            )


def application(key: str, limits: RequestLimits, storage: Storage) -> Starlette:
    """The ASGI application.

    Args:
        key: that clients must have.
        limits: what they may do with it.
        storage: where bodies go.
    """
    receiver = Receiver(key, limits, storage)
    app = Starlette(
        routes=[
            Route(PATH, receiver.sync, methods=["POST"]),
            Route(HEALTH_PATH, receiver.health, methods=["GET"]),
        ],
        middleware=[Middleware(Rate, per_second=limits.rate)],
        exception_handlers={
            RequestError: _refused,
            HTTPException: _misled,
            ClientDisconnect: _gone,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False  # else a redirection would leave a body unread
    return app


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return refusal(error)


async def _misled(request: Request, error: Exception) -> Response:
    """No such path, or not by this method."""
    assert isinstance(error, HTTPException)
    reason = {404: f"there is {PATH}, and {HEALTH_PATH}", 405: f"not by {request.method}"}.get(error.status_code)
    return refusal(RequestError(error.status_code, reason or error.detail, error.headers))


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # which nobody gets


async def _failed(_: Request, __: Exception) -> Response:
    """A bug of ours: its traceback is on the server's stderr."""
    return refusal(RequestError(500, "the server failed; its operator finds why on its stderr"))
