"""`clankers sync` and `clankers serve` while either is killed, or what is between them lies: none lost or doubled."""

import itertools
import os
import random
import socket
import subprocess
import time
from functools import partial
from pathlib import Path

from clankers.errors import EX_BUSY
from clankers.sync.settings import config_path
from tests.commands import POSIX_ONLY, environment
from tests.faults.common import (
    SEED,
    Moments,
    clankers,
    figures,
    killed_after,
    run,
    three_a_session,
    until_killed,
)
from tests.feeding import append
from tests.patience import DEADLINE, wait_for
from tests.scripted import Act, Request, plain, raw, serving, taken
from tests.serving import Server
from tests.sizes import sizes
from tests.syncing import assert_the_same, settings

SYNC = clankers("sync")


class Machine:
    """One with new work whenever it is asked for, set up to send to `url`."""

    def __init__(self, root: Path, url: str, **more: str) -> None:
        self.root = root
        self._numbers = itertools.count()
        root.mkdir(mode=0o700)
        told = settings(url) | {"SESSION_SYNC_RETRY_ATTEMPTS": "60"} | more
        config = Path(config_path(str(root)))
        config.write_text("".join(f'{name} = "{value}"\n' for name, value in told.items()))
        config.chmod(0o600)

    def work(self) -> None:
        append(self.root, three_a_session(next(self._numbers) * 20, 20, pad=200))

    def sync(self) -> int:
        return run(self.root, SYNC).code


@POSIX_ONLY
@sizes(3, 200)
def test_a_client_that_is_killed_sends_again_what_was_not_acknowledged(tmp_path: Path, size: int) -> None:
    chance = random.Random(SEED)
    with Server(tmp_path) as server:
        machine = Machine(tmp_path / "local", f"http://127.0.0.1:{server.port}")

        def live() -> None:
            machine.work()
            assert machine.sync() == 0

        moments = Moments(chance, live)
        codes: list[int] = []
        for _ in until_killed(size, codes):
            moment = moments()
            machine.work()
            codes.append(killed_after(moment, SYNC, machine.root))
        assert machine.sync() == 0
        assert_the_same(machine.root, server.data)
        figures(f"sync: {size} kills of the client of {len(codes)} tries, {len(server.logged())} bodies at the server")


@POSIX_ONLY
@sizes(4, 100)
def test_a_server_that_is_killed_lost_nothing_that_it_acknowledged(tmp_path: Path, size: int) -> None:
    """The client goes on by itself, once there is a server again."""
    chance = random.Random(SEED)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    machine = Machine(tmp_path / "local", f"http://127.0.0.1:{port}", SESSION_SYNC_DEBUG="true")
    said = tmp_path / "said"
    for _ in range(size):
        machine.work()
        with Server(tmp_path, "--port", str(port)) as server:
            enough = len(server.logged()) + chance.randrange(0, 20)
            with (
                said.open("ab") as stderr,
                subprocess.Popen(SYNC, env=environment(machine.root), stdout=stderr, stderr=stderr) as client,
            ):
                wait_for(partial(_came_or_ended, server, enough, client), "bodies come")
                server.kill()
                with Server(tmp_path, "--port", str(port)):
                    assert client.wait(timeout=DEADLINE) == 0, said.read_text()
    with Server(tmp_path, "--port", str(port)) as server:
        assert machine.sync() == 0
        assert_the_same(machine.root, server.data)
    retries = said.read_text().count("Retry 1/")
    assert retries >= size // 3, "most kills hit a client at work"
    figures(f"sync: {size} kills of the server, of which {retries} cut a request off")


def _came_or_ended(server: Server, bodies: int, client: subprocess.Popen[bytes]) -> bool:
    return client.poll() is not None or len(server.logged()) >= bodies


@sizes(80, 2000)
def test_what_lies_in_between_changes_nothing_at_the_ends(tmp_path: Path, size: int) -> None:
    """Requests that are cut off before or behind the server, answered by others, late, or not as they should be."""
    chance = random.Random(SEED)
    with Server(tmp_path) as server:

        def passed_on(connection: socket.socket, request: Request) -> None:
            answer = server.post(request.body)
            plain(answer.status, b'{"ok":true,"digest":"%s"}' % answer.said["digest"].encode())(connection, request)

        def answer_lost(connection: socket.socket, request: Request) -> None:
            server.post(request.body)
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")(connection, request)

        def late(connection: socket.socket, request: Request) -> None:
            time.sleep(0.05)  # a slow server is what is tested
            passed_on(connection, request)

        odd: list[Act] = [
            *(answer_lost, late),
            raw(b""),
            raw(b"HTTP/1.1 200 O"),
            raw(b"\x16\x03\x01\x00"),
            *(plain(status, b"no") for status in (408, 425, 429, 500, 502, 503)),
            plain(429, b"{}", "Retry-After: 0"),
            plain(200, b"<html>Please log in</html>"),
            plain(200, b'{"ok":false}'),
            plain(200, b'{"ok":true,"digest":"0"}'),
        ]
        script = [chance.choice(odd) if chance.random() < 0.5 else passed_on for _ in range(size)]
        with serving(*script, *[passed_on] * 10_000) as between:
            machine = Machine(tmp_path / "local", between.url)
            while len(between.requests) < size:
                machine.work()
                assert machine.sync() in (0, EX_BUSY)
            assert machine.sync() == 0
            assert_the_same(machine.root, server.data)
            figures(f"sync: {len(between.requests)} requests, {sum(one in odd for one in script)} of them disturbed")
        assert taken not in script
    assert not os.path.exists(tmp_path / "local" / "sync.db-journal")
