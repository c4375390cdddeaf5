"""Limits requests a second from one address, with a token bucket for each."""

import math
import time
from collections import OrderedDict

from starlette.types import ASGIApp, Receive, Scope, Send

from clankers.serve.error_responses import RequestError, refusal

_ADDRESSES = 10_000  # remembered; the one not seen for longest is forgotten


class Rate:
    """Middleware that refuses, before anything is read, what comes too fast.

    Args:
        app: who gets the rest.
        per_second: requests from one address; so many may also come at once.
    """

    def __init__(self, app: ASGIApp, per_second: int) -> None:
        self._app = app
        self._rate = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # when seen last, and how full then

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or refuse it."""
        client = scope.get("client")
        wait = self._taken(client[0] if client else "", time.monotonic())
        if not wait:
            await self._app(scope, receive, send)
            return
        headers = {"retry-after": str(math.ceil(wait))}
        error = RequestError(429, f"more than {self._rate} requests a second; wait", headers)
        await refusal(error)(scope, receive, send)

    def _taken(self, address: str, now: float) -> float:
        """Take one from the bucket of `address`; returns 0, or the seconds until there is one."""
        seen, left = self._buckets.pop(address, (now, float(self._rate)))
        left = min(self._rate, left + (now - seen) * self._rate)
        wait = 0.0 if left >= 1 else (1 - left) / self._rate
        self._buckets[address] = (now, left if wait else left - 1)
        if len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        return wait
