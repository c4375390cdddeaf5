"""Connections with a deadline for each request: no server, however slow or hostile, can block the process.

httpcore's own timeouts are of single reads and writes, so that a byte now and then would keep one waiting for ever.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeAlias

import httpcore2

from clankers.sync.proxy import ProxyChoice

GRACE = 2.0  # seconds for which an answer is still waited for, once one is to stop
_GLANCE = 0.2  # seconds from one look at whether one is to stop to the next
_PIECE = 1 << 16  # bytes that are written between two looks

_Options: TypeAlias = Iterable[
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
]  # what setsockopt takes


class Deadline:
    """When the current request must end."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._stopping = False
        self._end = 0.0

    def begin(self, seconds: float) -> None:
        """A request begins, and may take so long in all."""
        self._stopping = False
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left.

        Raises:
            httpcore2.ReadTimeout: none.
        """
        now = monotonic()
        if self._stop.is_set() and not self._stopping:
            self._stopping = True
            self._end = min(self._end, now + GRACE)
        if now >= self._end:
            raise httpcore2.ReadTimeout("the answer took too long")
        return self._end - now


@contextmanager
def _named(handshakes: int) -> Iterator[None]:
    """Name a failure the proxy's while `handshakes` are to come: until then it is the other end."""
    try:
        yield
    except (httpcore2.NetworkError, httpcore2.TimeoutException) as e:
        if not handshakes:
            raise
        what = "no answer in time" if isinstance(e, httpcore2.TimeoutException) else str(e)
        raise httpcore2.ProxyError(what or type(e).__name__) from e


class _Stream(httpcore2.NetworkStream):
    """A connection.

    Args:
        inner: the connection itself.
        deadline: of the request.
        handshakes: that are to come until the server is at the other end, and not the proxy.
    """

    def __init__(self, inner: httpcore2.NetworkStream, deadline: Deadline, handshakes: int) -> None:
        self._inner = inner
        self._deadline = deadline
        self._handshakes = handshakes

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        assert timeout is not None
        end = monotonic() + timeout
        with _named(self._handshakes):
            while True:
                try:
                    return self._inner.read(max_bytes, min(self._deadline.left(), _GLANCE))
                except httpcore2.ReadTimeout:
                    if monotonic() >= end:
                        raise
                    self._deadline.left()  # its own timeout, when that is over

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        assert timeout is not None
        with _named(self._handshakes):
            for at in range(0, len(buffer), _PIECE):
                self._inner.write(buffer[at : at + _PIECE], min(self._deadline.left(), timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> "_Stream":
        assert timeout is not None
        left = max(self._handshakes - 1, 0)
        with _named(left):
            inner = self._inner.start_tls(ssl_context, server_hostname, min(self._deadline.left(), timeout))
        return _Stream(inner, self._deadline, left)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, deadline: Deadline, handshakes: int) -> None:
        self._inner = httpcore2.SyncBackend()
        self._deadline = deadline
        self._handshakes = handshakes

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _Options | None = None,
    ) -> _Stream:
        assert timeout is not None
        with _named(self._handshakes):
            seconds = min(self._deadline.left(), timeout)
            inner = self._inner.connect_tcp(host, port, seconds, local_address, socket_options)
        return _Stream(inner, self._deadline, self._handshakes)


def pool(deadline: Deadline, proxy: ProxyChoice | None) -> httpcore2.ConnectionPool:
    """One connection that is kept, through `proxy` if there is one. What fails on the way to that is a `ProxyError`.

    Certificates are checked against the system's, or those of `SSL_CERT_FILE`.
    """
    through = httpcore2.Proxy(proxy.url, auth=proxy.auth) if proxy else None
    handshakes = 2 if proxy and proxy.url.startswith("https:") else 1  # the last is with the server
    backend = _Backend(deadline, handshakes if proxy else 0)
    return httpcore2.ConnectionPool(proxy=through, max_connections=1, network_backend=backend)
