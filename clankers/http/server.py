"""The server process: a socket, uvicorn on it, and what signals do: SIGHUP reads the certificate again."""

import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from clankers.errors import ClankersError, UsageError
from clankers.http.acceptor import Acceptor

_CONNECTIONS = 256  # at once; more get 503
_HEAD = 10.0  # seconds for the head of a request
_IDLE = 75  # seconds that a connection is kept for the next request
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Endpoint:
    """Where to listen.

    Attributes:
        host: a name or address.
        port: 0 for any.
        cert: path of the TLS certificate, with those it rests on; None: plain HTTP.
        key: path of its private key; None: it stands in the same file.
    """

    host: str
    port: int
    cert: str | None = None
    key: str | None = None


def listen(endpoint: Endpoint) -> socket.socket:
    """A socket at `endpoint`.

    Raises:
        UsageError: others could listen to what is sent there.
        ClankersError: the endpoint is not to be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        if not endpoint.cert and not _loopback(address[0]):
            # The key, and all that was ever said, would cross the network for everybody to read.
            raise UsageError(
                f"--host {endpoint.host} is not a loopback address, so it requires --tls-cert and --tls-key; "
                "or listen on 127.0.0.1 behind a proxy that speaks TLS"
            )
        return socket.create_server((str(address[0]), address[1]), family=family, backlog=_CONNECTIONS)
    except OSError as e:
        raise ClankersError(
            f"cannot listen on {endpoint.host}, port {endpoint.port}: {e.strerror}; try another --host or --port"
        ) from e


def is_loopback(listener: socket.socket) -> bool:
    """Whether only programs on this machine reach `listener`."""
    return _loopback(listener.getsockname()[0])


def _loopback(address: object) -> bool:
    return ipaddress.ip_address(str(address).partition("%")[0]).is_loopback


def run(
    app: ASGIApp,
    endpoint: Endpoint,
    listener: socket.socket,
    grace: float,
    *,
    on_start: Callable[[str], None],
    say: Callable[[str], None],
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    """Serve `app` until SIGINT or SIGTERM, or SIGHUP if there is no certificate; requests under way are finished then.

    Args:
        app: the application.
        endpoint: where it is served.
        listener: the socket there.
        grace: seconds that a request may need to finish.
        on_start: called with the URL once it is served.
        say: called with what goes wrong later, a sentence each.
        on_stop: called when no more connections are accepted, to end answers that would go on without end.

    Raises:
        ClankersError: the certificate or its key cannot be used.
    """
    config = uvicorn.Config(
        app,
        http=_Protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        forwarded_allow_ips="127.0.0.1,::1",  # behind a proxy here the rate is each client's own
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=round(grace),
    )
    _Server(config, endpoint, on_start, on_stop, say).run(sockets=[listener])


def _certificate(endpoint: Endpoint) -> ssl.SSLContext | None:
    """What TLS needs; None for plain HTTP.

    Raises:
        ClankersError: the certificate or its key cannot be used.
    """
    if not endpoint.cert:
        return None
    try:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(endpoint.cert, endpoint.key, password=lambda: "")  # nobody is there to type one
    except OSError as e:  # as SSLError is, too
        raise ClankersError(f"--tls-cert {endpoint.cert}, --tls-key {endpoint.key}: {e}; both must be PEM files") from e
    return tls


class _Server(uvicorn.Server):
    """Ends normally on a signal, where uvicorn would raise it again."""

    def __init__(
        self,
        config: uvicorn.Config,
        endpoint: Endpoint,
        on_start: Callable[[str], None],
        on_stop: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self._endpoint = endpoint
        self._tls = _certificate(endpoint)
        self._on_start = on_start
        self._on_stop = on_stop
        self._say = say
        self._acceptor: Acceptor | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        assert sockets
        (listener,) = sockets
        listener.setblocking(False)
        self.servers = []  # uvicorn's own, which an `Acceptor` replaces
        connections = self.server_state.connections
        self._acceptor = Acceptor(listener, self._protocol, connections.__len__, self._tls, self._say)
        self.started = True
        host, port, *_ = listener.getsockname()
        shown = f"[{host}]" if ":" in host else host
        self._on_start(f"{'https' if self._tls else 'http'}://{shown}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._acceptor:
            self._acceptor.stop()
        self._on_stop()
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        return _Protocol(self.config, self.server_state, {})

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # What is ignored, as by nohup, stays so.
        heard = [one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
        before = {one: signal.signal(one, self._reload if self._reloads(one) else self._stop) for one in heard}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _reloads(self, number: int) -> bool:
        return number == signal.SIGHUP and self._tls is not None

    def _reload(self, *_: object) -> None:
        """Use the certificate that is there now for new connections; the old one if that cannot be used."""
        try:
            self._tls = _certificate(self._endpoint)
        except ClankersError as e:
            self._say(f"{e}; the previous certificate stays in use")
            return
        if self._acceptor:
            self._acceptor.tls = self._tls
        self._say("the certificate was read again")

    def _stop(self, *_: object) -> None:
        if self.should_exit:  # the second one
            logging.disable()  # of the requests that are cut off
            self.force_exit = True
        self.should_exit = True


class _Protocol(H11Protocol):
    """Closes connections on which no request begins, or its head does not end; answers half-closed ones."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # An answer is written in two parts, of which the second would wait 40 ms for the client's word on the first.
        # asyncio sees to that for sockets of its own making alone.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting = self.loop.call_later(_HEAD, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif not self._waiting:
            self._waiting = self.loop.call_later(_HEAD, self.timeout_keep_alive_handler)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether the connection stays open: a client may close its side behind a whole request, and wait."""
        cycle = self.cycle
        if self.scheme == "https" or cycle is None or cycle.more_body or cycle.response_complete:
            return False
        cycle.keep_alive = False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
