"""A server of our own as a process, and clients for it that do as they like."""

import gzip
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, Self

from clankers.log.reader import Event, log_files, read
from projector.adapters.session_sync.wire import PATH
from tests.commands import command, environment
from tests.patience import DEADLINE, wait_for

KEY = "0123456789abcdef0123456789abcdef"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    said: Any


class Server:
    """`clankers serve` with its log in `root`/served: `with Server(tmp_path) as server: server.post(b"{}")`."""

    def __init__(self, root: Path, *args: str, argv: list[str] | None = None, **env: str) -> None:
        self.data = root / "served"
        self.args = [*(argv or command()), "serve", "--port", "0", *args]
        self.env = environment(root, SESSION_API_KEY=KEY, **env)
        self.said = root / "stderr"
        self.port = 0

    def __enter__(self) -> Self:
        self.said.parent.mkdir(parents=True, exist_ok=True)
        with self.said.open("wb") as stderr:
            self.process = subprocess.Popen(self.args, env=self.env, stdin=subprocess.DEVNULL, stderr=stderr)
        try:
            self.port = int(wait_for(self._port, "it listens")[1])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def _port(self) -> re.Match[str] | None:
        assert self.process.poll() is None, self.said.read_text()
        return re.search(r"listening on https?://127\.0\.0\.1:(\d+)", self.said.read_text())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def post(
        self, body: bytes, *, connection: http.client.HTTPConnection | None = None, packed: bool = True, **headers: str
    ) -> Answer:
        """A request as our own client makes it; `headers`, with underscores, change it, and an empty one falls out."""
        usual = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        if packed:
            usual["Content-Encoding"] = "gzip"
            body = gzip.compress(body, mtime=0)
        usual |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", PATH, body, {n: v for n, v in usual.items() if v}, connection)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> Answer:
        kept = connection or self.connect()
        try:
            kept.request(method, path, body, headers or {})
            got = kept.getresponse()
            said = got.read()
        finally:
            if not connection:
                kept.close()
        return Answer(got.status, {n.lower(): v for n, v in got.getheaders()}, json.loads(said) if said else None)

    def logged(self) -> list[Event]:
        """The lines of its log; all of them must be whole."""
        root = str(self.data)
        lines = [line for file in log_files(root) for line in read(root, file)]
        assert not [line.reason for line in lines if line.event is None]
        return [line.event for line in lines if line.event]


def body(id: str = "s1", **more: Any) -> bytes:
    """What tells of the session `id`, and nothing else."""
    session = {"id": id, "version": "1", "project_id": "", "directory": "/src/shop", "created_at": 1, "title": "hello"}
    return json.dumps({"session": session | more}).encode()


def head(length: int | None, **headers: str) -> bytes:
    """The head of a request with a body of so many bytes; None: in chunks."""
    size = {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
    told = {"Host": "x", "Authorization": f"Bearer {KEY}", "Content-Type": "application/json"} | size | headers
    lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    return "\r\n".join(lines).encode()


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the rest of what comes until the connection is closed, or its answer is whole."""
    got = http.client.HTTPResponse(connection)
    got.begin()
    return got.status, got.read()


def high_water(process: subprocess.Popen[bytes]) -> int:
    """The most memory that a process has used so far, in bytes; Linux."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) << 10


def limited(size: int) -> list[str]:
    """The command in a process whose files can have so many bytes, as on a disk that is full."""
    code = f"import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); "
    return [sys.executable, "-c", code + "runpy.run_module('clankers', run_name='__main__', alter_sys=True)"]
