"""Connections with a deadline for each request: no server, however slow or hostile, can block the process.

httpcore's own timeouts are of single reads and writes, so that a byte now and then would keep one waiting for ever.
"""

import threading
from collections.abc import Iterable
from time import monotonic
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2

from clankers.sync.settings import SettingsError, is_loopback

GRACE = 2.0  # seconds for which an answer is still waited for, once one is to stop
WRONG_PROXY = "HTTPS_PROXY names no proxy of the form http://host:port; fix it, or set NO_PROXY to go without"
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


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        assert timeout is not None
        end = monotonic() + timeout
        while True:
            try:
                return self._inner.read(max_bytes, min(self._deadline.left(), _GLANCE))
            except httpcore2.ReadTimeout:
                if monotonic() >= end:
                    raise
                self._deadline.left()  # its own timeout, when that is over

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        assert timeout is not None
        for at in range(0, len(buffer), _PIECE):
            self._inner.write(buffer[at : at + _PIECE], min(self._deadline.left(), timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> "_Stream":
        assert timeout is not None
        inner = self._inner.start_tls(ssl_context, server_hostname, min(self._deadline.left(), timeout))
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._inner = httpcore2.SyncBackend()
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _Options | None = None,
    ) -> _Stream:
        assert timeout is not None
        inner = self._inner.connect_tcp(host, port, min(self._deadline.left(), timeout), local_address, socket_options)
        return _Stream(inner, self._deadline)


def pool(url: str, deadline: Deadline) -> httpcore2.ConnectionPool:
    """One connection that is kept, to where `url` says, through the proxy that the environment says.

    Certificates are checked against the system's, or those of `SSL_CERT_FILE`.
    """
    return httpcore2.ConnectionPool(proxy=_proxy(url), max_connections=1, network_backend=_Backend(deadline))


def _proxy(url: str) -> httpcore2.Proxy | None:
    """Never one to this machine itself. Only https leaves it, so that a proxy sees the server's name and no more."""
    if is_loopback(url) or proxy_bypass(urlsplit(url).netloc):
        return None
    proxies = getproxies()
    address = proxies.get("https") or proxies.get("all")
    if not address:
        return None
    parts = urlsplit(address if "://" in address else f"http://{address}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(WRONG_PROXY)
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    try:
        return httpcore2.Proxy(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), auth=auth)
    except ValueError:
        raise SettingsError(WRONG_PROXY) from None
