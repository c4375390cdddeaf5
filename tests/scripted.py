"""A server on loopback that does to each request what the test says, and keeps what it was sent."""

import contextlib
import gzip
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.patience import DEADLINE


class Request(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes  # as it was before any compression
    packed: bool


Act = Callable[[socket.socket, Request], None]


def plain(status: int, body: bytes = b"", *headers: str) -> Act:
    """Answers with a length, and keeps the connection."""

    def act(connection: socket.socket, request: Request) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1") + (b"" if status == 204 else body))

    return act


def raw(data: bytes) -> Act:
    """Sends these bytes, and hangs up."""

    def act(connection: socket.socket, request: Request) -> None:
        connection.sendall(data)
        raise ConnectionAbortedError

    return act


def taken(connection: socket.socket, request: Request) -> None:
    """Acknowledges, as `clankers serve` does."""
    digest = hashlib.sha256(request.body).hexdigest()
    plain(200, json.dumps({"ok": True, "digest": digest}).encode())(connection, request)


def endless(begin: bytes, piece: bytes, pause: float = 0.0) -> Act:
    """Sends `begin`, and then `piece` until nobody listens any more."""

    def act(connection: socket.socket, request: Request) -> None:
        connection.sendall(begin)
        over = threading.Event()
        while not over.wait(pause):
            connection.sendall(piece)

    return act


def silent(connection: socket.socket, request: Request) -> None:
    """Says nothing, until the other end hangs up."""
    while connection.recv(1 << 16):
        pass


class Server:
    """Does one `Act` of the script to each request, in order; what comes after it, it takes."""

    def __init__(self, *script: Act, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._script = list(script)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._over = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def bodies(self) -> list[bytes]:
        return [request.body for request in self.requests]

    def close(self) -> None:
        """Nobody is there any more for new connections."""
        self._over = True
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), DEADLINE):
            self._thread.join(DEADLINE)  # it was waiting for this one

    def _accept(self) -> None:
        with self._listener:
            while True:
                connection, _ = self._listener.accept()
                if self._over:
                    connection.close()
                    return
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(DEADLINE)
        with contextlib.suppress(OSError), connection:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while first := stream.readline().decode().strip():
                    pairs = (line.decode().strip().split(": ", 1) for line in iter(stream.readline, b"\r\n"))
                    headers = {name.lower(): value for name, value in pairs}
                    body = stream.read(int(headers.get("content-length", 0)))
                    packed = headers.get("content-encoding") == "gzip"
                    request = Request(first, headers, gzip.decompress(body) if packed else body, packed)
                    self.requests.append(request)
                    act = self._script.pop(0) if self._script else taken
                    act(connection, request)


@contextmanager
def serving(*script: Act, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(*script, tls=tls)
    try:
        yield server
    finally:
        server.close()
