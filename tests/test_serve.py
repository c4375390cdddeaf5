"""`clankers serve`, a real process: what it takes is on the disk, what it refuses costs it nothing."""

import gzip
import hashlib
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from errno import EIO
from functools import partial
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import pytest

from clankers.errors import EX_FAIL, EX_IO, EX_USAGE
from clankers.log import envelope
from clankers.log.reader import log_files, read
from clankers.serve import rate_limit
from clankers.serve.group_commit import Storage
from clankers.serve.request_body import Received, checked
from projector.adapters.session_sync import wire
from tests.commands import POSIX_ONLY, run
from tests.golden import SCHEMAS, assert_file, schema_of
from tests.patience import DEADLINE, wait_for
from tests.serving import KEY, Server, answer, body, head, high_water, limited

MIB = 1 << 20
NOW = 1_700_000_000_000_000_000  # nanoseconds
TOOL = {"id": "t", "session_id": "s1", "call_id": "c", "tool_name": "x", "input": ""}
ERROR = {"error_name": "x", "occurred_at": 1}
FEW_DESCRIPTORS = (
    "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
    "from clankers.__main__ import main; raise SystemExit(main())"
)
LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's count of memory")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One that takes what tests send that leave no trace, or each its own session's."""
    with Server(tmp_path_factory.mktemp("serve"), "--max-body", "4", "--rate", "1000000") as running:
        yield running


def test_what_is_acknowledged_is_a_line_of_the_log_and_a_session_of_its_database(tmp_path: Path) -> None:
    sent = b'{\n"session": ' + body()[12:-1] + b',"\\u00fc": "\xc3\xbc\\ud83d", "n": 1.50}'
    with Server(tmp_path) as server:
        got = server.post(sent)
        assert (got.status, got.said) == (200, {"ok": True, "digest": hashlib.sha256(sent).hexdigest()})
        (line,) = server.logged()
        assert (line.source, line.type, line.id) == ("session-sync", "sync", f"sync:{got.said['digest']}")
        (file,) = server.data.glob("clankers-*.jsonl")
        assert sent.replace(b"\n", b" ") in file.read_bytes()
        assert [oct(path.stat().st_mode & 0o777) for path in (server.data, file)] == ["0o700", "0o600"]
        shown = run(server.data, "sessions", "--json")
        assert [one["title"] for one in json.loads(shown.out)] == ["hello"]


@pytest.mark.parametrize(
    "told", ["", KEY, f"Bearer {KEY[:-1]}", f"Bearer {KEY}x", f"Basic {KEY}", "Bearer", "Bearer é", f"Bearer {KEY} x"]
)
def test_who_does_not_hold_the_key_is_refused(server: Server, told: str) -> None:
    got = server.post(body("nobody"), Authorization=told)
    assert (got.status, got.headers["www-authenticate"]) == (401, "Bearer")
    assert KEY not in str(got)
    assert not [line for line in server.logged() if b"nobody" in bytes(line.payload)]


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer x"}, {"Content-Type": "text/plain"}])
def test_a_body_that_is_not_wanted_is_not_waited_for(server: Server, headers: dict[str, str]) -> None:
    with server.socket() as connection:
        connection.sendall(head(3 * MIB, **headers) + b"{")
        status, _ = answer(connection)
    assert status in (401, 415)


def test_who_sends_to_the_end_before_listening_is_told_all_the_same(server: Server) -> None:
    got = server.post(body(title="x" * (900 << 10)), packed=False, Authorization="Bearer x")
    assert got.status == 401


def test_the_health_needs_no_key(server: Server) -> None:
    got = server.ask("GET", "/health")
    assert (got.status, got.said) == (200, {"ok": True})


def test_an_answer_does_not_wait_for_the_network(server: Server) -> None:
    """Two small writes on a socket that delays the second cost 40 ms."""
    connection = server.connect()

    def quick() -> bool:
        begun = time.monotonic()
        assert server.ask("GET", "/health", connection=connection).status == 200
        return time.monotonic() - begun < 0.03

    wait_for(quick, "an answer within 30 ms, of which every one would be late,")
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", wire.PATH, 405), ("POST", "/health", 405), ("GET", "/", 404), ("POST", wire.PATH + "/", 404)],
)
def test_other_paths_and_methods_are_refused_in_json(server: Server, method: str, path: str, status: int) -> None:
    got = server.ask(method, path)
    assert (got.status, list(got.said)) == (status, ["error"])


@pytest.mark.parametrize(
    "headers",
    [{"Content_Type": ""}, {"Content_Type": "application/x-www-form-urlencoded"}, {"Content_Encoding": "br"}],
)
def test_other_content_is_refused(server: Server, headers: Any) -> None:
    assert server.post(body("other"), **headers).status == 415
    assert server.post(body("other"), Content_Type="Application/JSON; charset=utf-8").status == 200


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "empty"),
        (b"{", "JSON"),
        (body() + body(), "more than one JSON document"),
        (b'{"session":{"id":"s","n":NaN}}', "NaN"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper"),
        (body()[:-1] + b',"x":' + b"[" * 250 + b"]" * 250 + b"}", "nested deeper"),
        (b"[]", "object"),
        (b"{}", "session"),
        (body(created_at="now"), "$.session.created_at"),
        (body("x" * 513), "$.session.id"),
        (body(created_at=2**64), "$.session.created_at"),
    ],
)
def test_what_the_schema_does_not_say_is_refused_with_its_place(server: Server, sent: bytes, why: str) -> None:
    with_connection = server.connect()
    got = server.post(sent, connection=with_connection)
    assert got.status == 400
    assert why in got.said["error"]
    assert server.post(body("after"), connection=with_connection).status == 200, "on the same connection"
    with_connection.close()


@pytest.mark.parametrize("packed", [b"no gzip", gzip.compress(body())[:-4], gzip.compress(body()) + b"more", b""])
def test_what_is_not_one_gzip_member_is_refused(server: Server, packed: bytes) -> None:
    got = server.post(packed, packed=False, Content_Encoding="gzip")
    assert (got.status, "gzip" in got.said["error"]) == (400, True)


@pytest.mark.parametrize("length", [5 * MIB, 10**18, None])
def test_a_body_that_is_too_large_is_refused(server: Server, length: int | None) -> None:
    with server.socket() as connection:
        connection.sendall(head(length))
        if length is None:
            with pytest.raises(OSError):  # noqa: PT012 (it depends on the system which write is the first to fail)
                for _ in range(1000):
                    connection.sendall(b"10000\r\n%s\r\n" % (b" " * 65536))
                status, _ = answer(connection)
                assert status == 413
                raise OSError
        else:
            status, said = answer(connection)
            assert (status, b"4194304" in said) == (413, True)


@LINUX_ONLY
def test_a_bomb_does_not_fill_the_memory(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b" " * MIB) for _ in range(400)) + packer.flush()
    with Server(tmp_path) as server:
        server.post(body())
        before = high_water(server.process)
        got = server.post(bomb, packed=False, Content_Encoding="gzip")
        assert (got.status, len(bomb) < 3 * MIB) == (413, True)
        assert high_water(server.process) - before < 64 * MIB


def test_a_body_that_does_not_come_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with Server(tmp_path, "--max-seconds", "1") as server, server.socket() as connection:
        connection.sendall(head(1000) + b"{")
        status, said = answer(connection)
        assert (status, list(json.loads(said))) == (408, ["error"])
        assert server.post(body()).status == 200


def test_a_request_that_does_not_begin_or_does_not_end_its_head_is_closed(tmp_path: Path) -> None:
    short = "import sys; from clankers.http import server; server._HEAD = 0.3; from clankers.__main__ import main; "
    with Server(tmp_path, argv=[sys.executable, "-c", short + "sys.exit(main())"]) as server:
        kept = server.connect()
        assert server.post(body(), connection=kept).status == 200
        for said in (b"", b"POST /admin"):
            with server.socket() as connection:
                connection.sendall(said)
                assert connection.recv(1) == b"", said
        assert server.post(body(), connection=kept).status == 200, "one that waits between two is kept"
        kept.sock.sendall(b"GET")
        assert kept.sock.recv(1) == b""


def test_who_asks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    with Server(tmp_path, "--rate", "2") as server:
        begun = time.monotonic()
        got = [server.ask("GET", "/health") for _ in range(30)]
        assert [one.status for one in got[:2]] == [200] * 2
        refused = [one for one in got if one.status == 429]
        assert len(got) - len(refused) <= 2 + 2 * (time.monotonic() - begun)
        assert {one.headers["retry-after"] for one in refused} == {"1"}
        wait_for(lambda: server.post(body()).status == 200, "there is room again")


def test_the_same_body_again_makes_no_second_line_unless_another_came_between(tmp_path: Path) -> None:
    one, other = body(title="one"), body(title="other")
    with Server(tmp_path, SESSION_SYNC_MAX_DEDUP_ENTRIES="2") as server:
        for sent in (one, one, other, one):
            assert server.post(sent).said["digest"] == hashlib.sha256(sent).hexdigest()
        assert [json.loads(bytes(line.payload))["session"]["title"] for line in server.logged()] == [
            "one",
            "other",
            "one",
        ], "else the session would stay called `other`"
        for id in ("a", "b", "c", "a"):
            server.post(body(id))
        assert len(server.logged()) == 7, "more than two sessions are not remembered"


def test_what_comes_at_once_is_each_a_line(tmp_path: Path) -> None:
    with Server(tmp_path) as server, ThreadPoolExecutor(24) as pool:
        sent = [body(f"s{i}") for i in range(200)]
        answers = list(pool.map(server.post, sent))
        assert {one.status for one in answers} == {200}
        assert sorted(bytes(line.payload) for line in server.logged()) == sorted(sent)


@POSIX_ONLY
def test_a_killed_server_has_lost_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    acknowledged: list[bytes] = []
    numbers = count()
    for _ in range(5):
        with Server(tmp_path) as server:
            before = len(acknowledged)

            def send(server: Server) -> None:
                connection = server.connect()
                while True:
                    sent = body(f"s{next(numbers)}")
                    try:
                        status = server.post(sent, connection=connection).status
                    except (OSError, HTTPException):
                        return
                    assert status == 200
                    acknowledged.append(sent)

            senders = [threading.Thread(target=send, args=(server,)) for _ in range(4)]
            for one in senders:
                one.start()
            wait_for(partial(_more_than, acknowledged, before + 40), "some are through")
            server.kill()
            for one in senders:
                one.join()
    stored = [bytes(line.payload) for line in server.logged()]
    assert len(acknowledged) == len(set(acknowledged) & set(stored)) > 200


def test_nobody_is_told_of_success_when_who_took_his_body_along_failed(tmp_path: Path) -> None:
    bodies = [Received(f"s{i}", "info", b"{}", f"{i}") for i in range(5)]
    storage = Storage(str(tmp_path), 10, print)
    ended: list[str] = []

    async def store(one: Received) -> None:
        try:
            await storage.store(one)
        except (OSError, ZeroDivisionError) as e:
            ended.append(type(e).__name__)
        else:
            ended.append("stored")

    async def at_once() -> None:
        async with anyio.create_task_group() as tasks:
            for one in bodies:
                tasks.start_soon(store, one)

    with mock.patch.object(storage, "_write", side_effect=ZeroDivisionError):
        anyio.run(at_once)
    assert sorted(ended) == ["OSError"] * 4 + ["ZeroDivisionError"]
    anyio.run(storage.store, bodies[0])
    storage.close()


def test_equal_bodies_that_come_together_are_one_line_and_no_line_is_older_than_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(str(tmp_path), 10, print)
    clock = iter((NOW, NOW - 3_600_000_000_000))
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    one, other = Received("s1", "info", b"{}", "1"), Received("s1", "info", b"[]", "2")

    async def twice_at_once(body: Received) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(storage.store, body)
            tasks.start_soon(storage.store, body)

    anyio.run(twice_at_once, one)
    anyio.run(twice_at_once, other)
    storage.close()
    (file,) = log_files(str(tmp_path))
    lines = [line.event for line in read(str(tmp_path), file) if line.event]
    assert [bytes(line.payload) for line in lines] == [b"{}", b"[]"]
    assert [line.ts for line in lines] == [envelope.stamp(NOW)] * 2


def test_the_address_that_was_not_seen_for_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_ADDRESSES", 2)
    rate = rate_limit.Rate(mock.Mock(), 1)
    taken = [rate._taken(address, 0.0) for address in ("a", "b", "a", "c", "a", "b")]
    assert taken == [0, 0, 1, 0, 1, 0]


def test_what_may_not_be_on_the_disk_is_not_acknowledged(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path), 10, print)
    one = Received("s1", "info", b"{}", "1")
    with mock.patch("clankers.serve.group_commit.Log.sync", side_effect=OSError(EIO, "lost")), pytest.raises(OSError):
        anyio.run(storage.store, one)
    anyio.run(storage.store, one)
    storage.close()
    lines = (line for file in log_files(str(tmp_path)) for line in read(str(tmp_path), file))
    assert [line.reason for line in lines] == ["", ""], "the second one was synced; the first may have been lost"


@pytest.mark.parametrize(
    ("told", "level"),
    [
        ({}, "info"),
        ({"tool_executions": [TOOL | {"status": "completed"}]}, "info"),
        ({"tool_executions": [TOOL | {"status": "error"}]}, "warn"),
        ({"errors": [ERROR | {"error_data": {"clankers": {"id": "e", "will_retry": True}}}]}, "warn"),
        ({"errors": [ERROR | {"error_data": {"statusCode": 500}}]}, "error"),
    ],
)
def test_a_line_has_the_level_of_the_worst_that_its_body_tells(told: dict[str, Any], level: str) -> None:
    assert checked(json.dumps(json.loads(body()) | told).encode()).level == level


def test_a_client_that_goes_away_leaves_no_trace(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        for sent in (b"", b"{", body()[:-1]):
            with server.socket() as connection:
                connection.sendall(head(len(body())) + sent)
        assert server.post(body("after")).status == 200
        assert [b"after" in bytes(line.payload) for line in server.logged()] == [True]
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 0
        assert len(server.said.read_text().splitlines()) == 1


def _more_than(some: list[bytes], many: int) -> bool:
    return len(some) > many


@POSIX_ONLY
def test_on_a_full_disk_nothing_is_acknowledged_that_is_not_there(tmp_path: Path) -> None:
    with Server(tmp_path, argv=limited(100_000)) as server:
        sent = [body(f"s{i}", title="x" * 5000) for i in range(40)]
        got = [server.post(one) for one in sent]
        taken = [one for one, told in zip(sent, got, strict=True) if told.status == 200]
        assert {one.status for one in got} == {200, 503}
        assert {one.headers.get("retry-after") for one in got if one.status == 503} == {"10"}
        assert 10 < len(taken) < 25
        text = b"".join(path.read_bytes() for path in server.data.glob("clankers-*.jsonl"))
        assert all(one in text for one in taken)
        assert server.said.read_text().count("are refused until") == 1
        assert server.process.poll() is None


@POSIX_ONLY
def test_a_log_that_cannot_be_written_is_written_again_once_it_can(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert server.post(body(title="one")).status == 200
        kept = server.data.rename(tmp_path / "kept")
        server.data.write_text("")
        assert server.post(body(title="two")).status == 503
        server.data.unlink()
        kept.rename(server.data)
        assert server.post(body(title="one")).status == 200, "nobody knows whether `two` came to the disk"
        assert [json.loads(bytes(line.payload))["session"]["title"] for line in server.logged()] == ["one", "one"]


@POSIX_ONLY
def test_more_idle_connections_than_descriptors_are_one_line_and_others_are_served_later(tmp_path: Path) -> None:
    few = [sys.executable, "-c", FEW_DESCRIPTORS]
    with Server(tmp_path, argv=few) as server:
        idle = [server.socket() for _ in range(80)]
        wait_for(lambda: "which is the maximum" in server.said.read_text())
        for one in idle:
            one.close()
        assert server.post(body()).status == 200
        assert len(server.said.read_text().splitlines()) == 2


@POSIX_ONLY
def test_a_client_that_closes_its_side_behind_a_whole_request_is_answered(server: Server) -> None:
    sent = body("half")
    for whole in (True, False):
        with server.socket() as connection:
            connection.sendall(head(len(sent)) + (sent if whole else sent[:-1]))
            connection.shutdown(socket.SHUT_WR)
            got = connection.makefile("rb").read()
            assert got.startswith(b"HTTP/1.1 200 ") == whole


@POSIX_ONLY
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_a_request_under_way_finish(tmp_path: Path, number: signal.Signals) -> None:
    sent = body()
    with Server(tmp_path) as server, server.socket() as connection:
        idle = server.connect()
        idle.connect()
        connection.sendall(head(len(sent)) + sent[:10])
        assert server.ask("GET", "/health").status == 200, "so the head has been read as well"
        server.process.send_signal(number)
        wait_for(lambda: not _listens(server.port), "nobody else comes in")
        connection.sendall(sent[10:])
        assert answer(connection)[0] == 200
        assert server.process.wait(DEADLINE) == 0
        assert len(server.logged()) == 1


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@POSIX_ONLY
def test_the_second_signal_waits_for_nobody(tmp_path: Path) -> None:
    with Server(tmp_path) as server, server.socket() as connection:
        connection.sendall(head(1000) + b"{")
        assert server.ask("GET", "/health").status == 200
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not _listens(server.port), "it is about to end")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 0
        assert len(server.said.read_text().splitlines()) == 1


def test_without_a_key_nothing_is_served(tmp_path: Path) -> None:
    got = run(tmp_path / "data", "serve", "--port", "0", SESSION_API_KEY="")
    assert (got.code, "SESSION_API_KEY is not set" in got.err) == (EX_USAGE, True)


def test_others_are_served_by_tls_and_with_a_long_key_alone(tmp_path: Path) -> None:
    got = run(tmp_path / "data", "serve", "--port", "0", "--host", "0.0.0.0", SESSION_API_KEY=KEY)
    assert (got.code, "--tls-cert" in got.err) == (EX_USAGE, True)
    got = run(tmp_path / "data", "serve", "--port", "0", "--tls-key", "x", SESSION_API_KEY=KEY)
    assert (got.code, "--tls-cert" in got.err) == (EX_USAGE, True)
    tls = ("--host", "0.0.0.0", "--tls-cert", str(tmp_path / "none"))
    got = run(tmp_path / "data", "serve", "--port", "0", *tls, SESSION_API_KEY="short")
    assert (got.code, "guess" in got.err) == (EX_USAGE, True)
    got = run(tmp_path / "data", "serve", "--port", "0", *tls, SESSION_API_KEY=KEY)
    assert (got.code, "PEM" in got.err) == (EX_FAIL, True)


@pytest.mark.skipif(not shutil.which("openssl"), reason="a certificate is made by openssl")
def test_tls_with_a_certificate_that_is_renewed(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def renew() -> None:
        subprocess.run(
            f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
            f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}".split(),
            check=True,
            capture_output=True,
        )

    def sent(server: Server, id: str, trusted: str) -> int:
        trusting = ssl.create_default_context(cadata=trusted)
        with server.socket() as plain, trusting.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            connection.sendall(head(len(body(id))) + body(id))
            return answer(connection)[0]

    def reload(server: Server, said: str) -> None:
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: said in server.said.read_text())

    renew()
    with Server(tmp_path, "--tls-cert", str(cert), "--tls-key", str(key)) as server:
        first = cert.read_text()
        assert sent(server, "s1", first) == 200
        key.write_text("")
        reload(server, "the previous certificate stays in use")
        assert sent(server, "s2", first) == 200
        renew()
        reload(server, "the certificate was read again")
        assert sent(server, "s3", cert.read_text()) == 200
    assert len(server.logged()) == 3


def test_one_server_has_a_log_and_a_port(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        got = run(tmp_path, "serve", "--port", "0", SESSION_API_KEY=KEY)
        assert "is served already" in got.err
        got = run(tmp_path, "serve", "--port", str(server.port), "--data", str(tmp_path / "x"), SESSION_API_KEY=KEY)
        assert (got.code, "another --host or --port" in got.err) == (EX_FAIL, True)
    (tmp_path / "file").write_text("")
    got = run(tmp_path, "serve", "--port", "0", "--data", str(tmp_path / "file"), SESSION_API_KEY=KEY)
    assert got.code == EX_IO


def test_the_schema_is_published() -> None:
    assert_file(SCHEMAS / "sync.json", schema_of(wire.SyncBody, "clankers sync"))


@LINUX_ONLY
def test_memory_stays_flat(tmp_path: Path) -> None:
    sent = json.dumps({"session": json.loads(body())["session"], "x": ["y" * 1000] * 500}).encode()
    with Server(tmp_path) as server:
        connection = server.connect()

        def some(first: int) -> int:
            for i in range(first, first + 40):
                assert server.post(sent.replace(b'"s1"', b'"s%d"' % i), connection=connection).status == 200
            return high_water(server.process)

        before = some(0)
        after = [some(40 * i) for i in (1, 2, 3)]
        assert after[-1] - before < 16 * MIB, (before, after)
