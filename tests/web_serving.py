"""`clankers web` as a process."""

import http.client
import re
import signal
import subprocess
from pathlib import Path
from typing import Self

from tests.commands import command, environment
from tests.patience import DEADLINE, wait_for


class WebServer:
    """The pages of the data root `root`: `with WebServer(root) as server: server.address()`."""

    def __init__(self, root: Path, *args: str, **env: str) -> None:
        self.root = root
        self.args = [*command(), "web", "--no-open", *args]
        self.env = environment(root, **env)
        self.said = root.parent / "web.stderr"

    def __enter__(self) -> Self:
        self.process = self._start("--port", "0")
        try:
            found = wait_for(self._found, "it listens")
        except BaseException:
            self.__exit__()
            raise
        self.first, self.port = found[1], int(found[2])  # the address that it printed, for one browser
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def address(self) -> str:
        """An address that signs a browser in; a new one each time."""
        again = [*self.args, "--port", str(self.port)]
        done = subprocess.run(again, env=self.env, capture_output=True, text=True, check=False)
        found = re.search(r"open (\S+)", done.stderr)
        assert found, done.stderr
        return found[1]

    def _start(self, *args: str) -> "subprocess.Popen[bytes]":
        with self.said.open("wb") as stderr:
            return subprocess.Popen([*self.args, *args], env=self.env, stdin=subprocess.DEVNULL, stderr=stderr)

    def _found(self) -> re.Match[str] | None:
        assert self.process.poll() is None, self.said.read_text()
        return re.search(r"open (https?://\S+:(\d+)/\S*)", self.said.read_text())

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def sign_in(self, address: str) -> str:
        """The cookie that an address gives."""
        answer = self._ask(address.partition(str(self.port))[2], {})
        assert answer.status == 303
        return (answer.getheader("set-cookie") or "").partition(";")[0]

    def get(self, path: str, *, cookie: str) -> http.client.HTTPResponse:
        """A page; its body is read."""
        return self._ask(path, {"Cookie": cookie})

    def _ask(self, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = self.connect()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer
