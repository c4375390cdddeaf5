"""Accepts connections, as many as there are file descriptors for.

asyncio's own server goes through its whole backlog after each EMFILE and starts that many timers: it writes megabytes
of tracebacks a second while a client without a key holds idle connections open.
"""

import asyncio
import os
import resource
import socket
import ssl
import time
from collections.abc import Callable

_MOST = 512  # connections at once
_RESERVED = 32  # descriptors for everything but connections
_FULL = 0.1  # seconds until it looks for room again
_FAILED = 1.0  # the same after the system had none
_SILENCE = 60.0  # seconds between two messages
_HANDSHAKE = 10.0  # seconds for the TLS handshake


class Acceptor:
    """Accepts connections on `listener`, which must not block.

    Args:
        listener: the socket.
        protocol: makes the protocol of a connection.
        count: how many connections are open.
        tls: the certificate; None: plain HTTP. A new one may be set at any time.
        say: called when there is no room, at most once a minute.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        count: Callable[[], int],
        tls: ssl.SSLContext | None,
        say: Callable[[str], object],
    ) -> None:
        self.tls = tls
        self._listener = listener
        self._protocol = protocol
        self._count = count
        self._say = say
        self._most = max(1, min(_MOST, _descriptors() - _RESERVED))
        self._loop = asyncio.get_running_loop()
        self._starting: set[asyncio.Task[None]] = set()  # connections without a protocol yet
        self._later: asyncio.TimerHandle | None = None
        self._said = -_SILENCE
        self._begin()

    def stop(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._listener)
        if self._later:
            self._later.cancel()

    def _begin(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Accept one connection; the event loop calls again while there are more."""
        if self._count() + len(self._starting) >= self._most:
            self._wait(_FULL, f"{self._most} connections are open, which is the maximum")
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as e:
            self._wait(_FAILED, f"no connection can be accepted: {e.strerror}")
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._connect(connection))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _connect(self, connection: socket.socket) -> None:
        seconds = _HANDSHAKE if self.tls else None
        try:
            await self._loop.connect_accepted_socket(
                self._protocol, connection, ssl=self.tls, ssl_handshake_timeout=seconds
            )
        except OSError:  # the handshake failed, or the client has gone
            connection.close()

    def _wait(self, seconds: float, why: str) -> None:
        """Let connections wait in the system's queue."""
        self._loop.remove_reader(self._listener)
        self._later = self._loop.call_later(seconds, self._begin)
        if time.monotonic() - self._said >= _SILENCE:
            self._said = time.monotonic()
            self._say(f"{why}; others wait until one is closed")


def _descriptors() -> int:
    """How many more descriptors this process can open, once its limit is raised as far as it needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _MOST + 2 * _RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return needed if soft == resource.RLIM_INFINITY else soft - len(os.listdir("/dev/fd"))
