"""What `clankers sync` makes of servers that fail, lie, dawdle and cut: a real one on loopback does as it is told."""

import hashlib
import io
import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from time import monotonic
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clankers.errors import EX_BUSY, EX_CONFIG, EX_FAIL
from clankers.sync import client, responses, transport
from clankers.sync.client import Sender
from clankers.sync.errors import DeniedError, RefusedError, SendError, StoppedError, UnavailableError
from clankers.sync.proxy import bypassed, find_proxy
from clankers.sync.responses import LONGEST, Reply
from clankers.sync.settings import MASK, SETTINGS, SettingsError, load
from tests.patience import DEADLINE
from tests.scripted import Act, Request, Server, endless, plain, raw, serving, silent, taken

KEY = "sk-nobody-may-see-this"
BODY = b'{"session": {"id": "ses_1"}}'
DIGEST = hashlib.sha256(BODY).hexdigest()
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"ok":true}'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quick and talkative; nothing of the machine's own."""
    for name in (*SETTINGS, "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SESSION_API_KEY", KEY)
    monkeypatch.setenv("SESSION_SYNC_RETRY_DELAY_MS", "2")
    monkeypatch.setenv("SESSION_SYNC_DEBUG", "true")


@contextmanager
def sender(
    url: str, *, stop: threading.Event | None = None, say: Callable[[str], None] = lambda _: None
) -> Iterator[Sender]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SESSION_API_URL", url)
        made = Sender(load("/nowhere"), stop or threading.Event(), say)
    try:
        yield made
    finally:
        made.close()


def sent(*script: Act) -> tuple[Server, list[str]]:
    """A body that is sent in the end; the server that took it, and what was said."""
    said: list[str] = []
    with serving(*script) as server, sender(server.url, say=said.append) as one:
        one.send(BODY)
    return server, said


def not_sent(error: type[SendError], *script: Act) -> tuple[SendError, Server]:
    """A body that is not acknowledged, and why."""
    with serving(*script) as server, sender(server.url) as one, pytest.raises(error) as caught:
        one.send(BODY)
    return caught.value, server


def test_a_body_arrives_as_it_is() -> None:
    server, said = sent()
    (request,) = server.requests
    assert request.line == "POST /admin/sync HTTP/1.1"
    assert server.bodies() == [BODY]
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.packed
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert said == []


def test_a_prefix_of_the_path_is_kept() -> None:
    with serving() as server, sender(f"{server.url}/a/b/") as one:
        one.send(BODY)
    assert server.requests[0].line == "POST /a/b/admin/sync HTTP/1.1"


def test_one_connection_serves_all() -> None:
    with serving() as server, sender(server.url) as one:
        for n in range(50):
            one.send(b"[%d]" % n)
    assert server.connections == 1
    assert server.bodies() == [b"[%d]" % n for n in range(50)]


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew() -> None:
    with serving(raw(OK)) as server, sender(server.url) as one:
        one.send(b"[1]")
        one.send(b"[2]")
    assert server.bodies()[:: len(server.requests) - 1] == [b"[1]", b"[2]"]
    assert server.connections >= 2


@pytest.mark.parametrize(
    "act",
    [
        plain(200, b'{"ok": true}'),
        plain(200, b'{"success": true, "synced": 3, "error": null}'),
        plain(201, b"{}"),
        plain(200),
        plain(204),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        raw(b'HTTP/1.0 200 OK\r\n\r\n{"ok":true}'),
        raw(b"HTTP/1.1 102 Processing\r\n\r\n" + OK),
    ],
)
def test_acknowledged(act: Act) -> None:
    server, said = sent(act)
    assert (len(server.requests), said) == (1, [])


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(status: int) -> None:
    server, said = sent(plain(status), plain(status))
    assert server.bodies() == [BODY] * 3
    assert [line.partition(" in ")[0] for line in said] == ["Retry 1/3", "Retry 2/3"]
    assert all(f"API error {status}" in line for line in said)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (raw(b""), "disconnected"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Le"), "disconnected"),
        (raw(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"ok":true}'), "cut off"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"), "cut off"),
        (raw(b"HTTP/1.1 200 OK\r\n\r\n"), "cut off"),
        (raw(b'HTTP/1.1 200 OK\r\n\r\n{"ok":tr'), "no JSON object"),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "illegal"),
        (plain(200, b"<html>Welcome to the hotel</html>", "Content-Type: text/html"), "no JSON object"),
        (plain(200, b"OK"), "no JSON object"),
        (plain(200, b"[]"), "no JSON object"),
        (plain(200, b"[" * 60_000), "no JSON object"),
        (plain(200, b'{"ok": false}'), "did not work"),
        (plain(200, b'{"ok": "no"}'), "did not work"),
        (plain(200, b'{"success": false, "message": "disk full"}'), "disk full"),
        (plain(200, b'{"error": {"message": "disk full"}}'), "disk full"),
        (plain(200, b'{"ok": true, "digest": "%064d"}' % 0), "digest"),
        (plain(200, b'{"ok": true, "digest": null}'), "digest"),
        (plain(200, b'{"x": "' + b"x" * 70_000 + b'"}'), "too long"),
        (endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\n     \r\n"), "too long"),
        (endless(b"HTTP/1.1 200 OK\r\n", b"X: yyyyyyyyyyyyyyyy\r\n"), "buffer too long"),
    ],
)
def test_no_acknowledgement_is_tried_again(act: Act, why: str) -> None:
    server, said = sent(act)
    assert server.bodies() == [BODY] * 2
    assert re.fullmatch(r"Retry 1/3 in \dms: .*", said[0])
    assert why in said[0]


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"ok"\r\n6\r\n:true}\r\n0\r\n\r\n',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
def test_an_answer_that_is_cut_anywhere_is_none(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_SYNC_RETRY_ATTEMPTS", "0")
    with serving(*[raw(answer[:n]) for n in range(len(answer) + 1)]) as server, sender(server.url) as one:
        for _ in range(len(answer)):
            with pytest.raises(UnavailableError):
                one.send(BODY)
        one.send(BODY)
    assert len(server.requests) == len(answer) + 1


def test_retries_are_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_SYNC_RETRY_ATTEMPTS", "2")
    error, server = not_sent(UnavailableError, *[plain(503, b'{"error": "back soon"}')] * 9)
    assert len(server.requests) == 3
    assert (error.status, error.exit_code) == (503, EX_BUSY)
    assert str(error) == (
        f"{server.url}/admin/sync answered 503 Service Unavailable, back soon; "
        "nothing is lost, the next `clankers sync` tries again"
    )


def test_no_retries_are_no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_SYNC_RETRY_ATTEMPTS", "0")
    _, server = not_sent(UnavailableError, plain(500))
    assert len(server.requests) == 1


def test_nobody_there() -> None:
    with serving() as server:
        pass
    with sender(server.url) as one, pytest.raises(UnavailableError, match="cannot be reached"):
        one.send(BODY)


def test_delays_double_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_SYNC_RETRY_DELAY_MS", "20")
    delays = []
    for _ in range(3):
        _, said = sent(plain(500), plain(500), plain(500))
        delays.append([int(found[1]) for line in said if (found := re.search(r"in (\d+)ms", line))])
    for first, second, third in delays:
        assert 20 <= first <= 40 <= second <= 60
        assert 80 <= third <= 100
    assert len(set(map(tuple, delays))) > 1


def waits(told: str) -> int:
    """Milliseconds before a retry where the server sends this `Retry-After`: it says them, and is stopped."""
    stop, said = threading.Event(), []

    def say(line: str) -> None:
        said.append(line)
        stop.set()

    with (
        serving(*[plain(429, b"", f"Retry-After: {told}")] * 2) as server,
        sender(server.url, stop=stop, say=say) as one,
        pytest.raises(StoppedError),
    ):
        one.send(BODY)
    found = re.fullmatch(r"Retry 1/3 in (\d+)ms: API error 429: Too Many Requests", said[0])
    assert found
    return int(found[1])


def test_retry_after_is_waited_for() -> None:
    now = datetime.now(UTC)
    assert waits("7") == 7000
    assert 100_000 < waits(format_datetime(now + timedelta(seconds=200), usegmt=True)) <= 200_000
    for told in (format_datetime(now - timedelta(days=2), usegmt=True), "soon", "-5", "\xb2"):
        assert 2 <= waits(told) <= 4


@pytest.mark.parametrize(("told", "wait"), [("4000", 4000), ("9" * 5000, LONGEST)])
def test_a_server_that_wants_to_be_left_alone_for_long_is(told: str, wait: float) -> None:
    error, server = not_sent(UnavailableError, *[plain(503, b"", f"Retry-After: {told}")] * 2)
    assert isinstance(error, UnavailableError)
    assert error.wait == wait
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 406, 409, 411, 413, 415, 422, 431, 499])
def test_what_will_never_be_taken_is_refused_at_once(status: int) -> None:
    error, server = not_sent(RefusedError, *[plain(status, b'{"detail": "role: \\u001b[31m bad\\n role"}')] * 3)
    assert [request.packed for request in server.requests] == ([True, False] if status in {400, 415, 422} else [True])
    assert (error.status, error.exit_code) == (status, EX_FAIL)
    assert f"answered {status}" in str(error)
    assert "role: ?[31m bad role" in str(error)


@pytest.mark.parametrize("status", [400, 415, 422])
def test_a_server_that_does_not_know_gzip_is_told_without(status: int) -> None:
    with serving(plain(status)) as server, sender(server.url) as one:
        one.send(b"[1]")
        one.send(b"[2]")
    assert [(request.body, request.packed) for request in server.requests] == [
        (b"[1]", True),
        (b"[1]", False),
        (b"[2]", False),
    ]


def test_a_server_that_has_shown_that_it_knows_gzip_is_asked_once() -> None:
    with serving(taken, plain(400)) as server, sender(server.url) as one:
        one.send(b"[1]")
        with pytest.raises(RefusedError):
            one.send(b"[2]")
        one.send(b"[3]")
    assert [(request.body, request.packed) for request in server.requests] == [(b"[%d]" % n, True) for n in (1, 2, 3)]


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 410])
def test_what_the_settings_are_to_blame_for_is_denied_at_once(status: int) -> None:
    error, server = not_sent(DeniedError, plain(status, b"<html>no</html>", "Content-Type: text/html"))
    assert len(server.requests) == 1
    assert (error.status, error.exit_code) == (status, EX_CONFIG)
    assert error.brief.startswith(f"API error {status}: ")
    assert ("config set SESSION_API_KEY" if status < 404 else "SESSION_API_URL") in str(error)
    assert "html" not in str(error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_named_and_not_followed(status: int) -> None:
    with serving() as elsewhere:
        to = f"Location: {elsewhere.url}/login?token=1"
        error, server = not_sent(DeniedError, plain(status, b"", to))
    assert elsewhere.connections == 0
    assert len(server.requests) == 1
    assert f"sends on to {elsewhere.url}/login ({status})" in str(error)


def test_a_body_that_is_refused_while_it_is_sent_is_refused() -> None:
    """The server answers before it has read everything, and hangs up; other systems may lose the answer to that."""
    with Early() as early, sender(early.url) as one, pytest.raises(SendError) as caught:
        one.send(json.dumps(["%x" % (n * n) for n in range(600_000)]).encode())
    assert isinstance(caught.value, RefusedError if sys.platform == "linux" else (RefusedError, UnavailableError))


class Early:
    """Reads one byte of one request."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        one, _ = self._listener.accept()
        with one:
            one.recv(1)
            one.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_TIMEOUT", {"connect": 5.0, "read": 0.3, "write": 0.3, "pool": 5.0})
    monkeypatch.setattr(client, "_REQUEST", 0.9)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "act",
    [
        silent,
        endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.05),
        endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.01),
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b" ", 0.05),
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", b"", 0.05),
    ],
)
def test_an_answer_that_does_not_end_in_time_is_none(act: Act) -> None:
    begun = monotonic()
    server, said = sent(act)
    assert server.bodies() == [BODY] * 2
    assert "no answer in time" in said[0] or "cut off" in said[0]
    assert monotonic() - begun < DEADLINE


def test_a_slow_answer_that_comes_in_time_is_one() -> None:
    def slow(connection: object, request: Request) -> None:
        threading.Event().wait(0.25)  # more than one glance at whether to stop
        taken(connection, request)  # type: ignore[arg-type]

    server, said = sent(slow)
    assert (len(server.requests), said) == (1, [])


def test_a_stop_ends_the_wait_for_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_SYNC_RETRY_DELAY_MS", "600000")
    stop, begun = threading.Event(), monotonic()
    with (
        serving(plain(500)) as server,
        sender(server.url, stop=stop, say=lambda _: threading.Timer(0.1, stop.set).start()) as one,
        pytest.raises(StoppedError),
    ):
        one.send(BODY)
    assert len(server.requests) == 1
    assert monotonic() - begun < DEADLINE


def test_a_stop_while_the_server_is_silent_is_waited_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "GRACE", 0.1)
    stop, begun = threading.Event(), monotonic()

    def stopping(connection: object, request: Request) -> None:
        stop.set()
        silent(connection, request)  # type: ignore[arg-type]

    with serving(stopping) as server, sender(server.url, stop=stop) as one, pytest.raises(StoppedError):
        one.send(BODY)
    assert len(server.requests) == 1
    assert monotonic() - begun < DEADLINE


def test_an_answer_on_its_way_is_taken_though_it_is_to_stop() -> None:
    stop = threading.Event()

    def stopping(connection: object, request: Request) -> None:
        stop.set()
        taken(connection, request)  # type: ignore[arg-type]

    with serving(stopping) as server, sender(server.url, stop=stop) as one:
        one.send(BODY)
        with pytest.raises(StoppedError):
            one.send(BODY)
    assert len(server.requests) == 1


def echo(status: int, header: str = "X-Nothing: {}") -> Act:
    """Tells back what it was told, the key among it."""

    def act(connection: object, request: Request) -> None:
        told = request.headers["authorization"]
        body = json.dumps({"error": f"wrong: {told}"}).encode()
        plain(status, body, header.format(told))(connection, request)  # type: ignore[arg-type]

    return act


@pytest.mark.parametrize(
    "act", [echo(400), echo(401), echo(503), echo(200), echo(302, "Location: https://x.example/{}"), raw(KEY.encode())]
)
def test_the_key_is_in_nothing_that_is_told(act: Act) -> None:
    said: list[str] = []
    with serving(*[act] * 9) as server, sender(server.url, say=said.append) as one:
        with pytest.raises(SendError) as caught:
            one.send(BODY)
        said.append(one.health().wrong)
    error = caught.value
    for text in (*said, *traceback.format_exception(error), repr(error), error.brief, repr(vars(one))):
        assert KEY not in text
    if error.status:
        assert MASK in str(error)


def test_the_key_is_in_no_traceback_with_variables() -> None:
    told = io.StringIO()
    for act in (plain(401), plain(503), raw(b"")):
        error, _ = not_sent(SendError, *[act] * 4)
        traceback.TracebackException.from_exception(error, capture_locals=True).print(file=told)
    assert "url = " in told.getvalue()
    assert KEY not in told.getvalue()


def test_what_is_said_is_said_for_debugging_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_SYNC_DEBUG", "false")
    _, said = sent(plain(500))
    assert said == []


def test_health() -> None:
    said: list[str] = []
    acts = (
        plain(200, b"OK"),
        plain(200, b'{"status": "ok"}'),
        plain(503),
        plain(401),
        plain(200, b"<!doctype html>"),
        plain(200, b'{"ok": false, "error": "no disk"}'),
        raw(b""),
    )
    with serving(*acts) as server, sender(server.url, say=said.append) as one:
        found = [one.health() for _ in acts]
    assert [health.ok for health in found] == [True, True, False, False, False, False, False]
    assert {request.line for request in server.requests} == {"GET /health HTTP/1.1"}
    assert all(health.ms < 5000 for health in found)
    assert re.fullmatch(r"Health check: OK \(\d+ms\)", said[0])
    assert said[2:4] == [
        "Health check FAILED: API error 503: Service Unavailable",
        "Health check FAILED: API error 401: Unauthorized",
    ]
    assert "login page" in found[4].wrong
    assert "no disk" in found[5].wrong
    assert found[6].wrong.startswith("Network error: ")


def certified(place: Path, name: str) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate for `name` that it signed itself: `cert.pem`."""
    if shutil.which("openssl") is None:
        # Not a requirement of clankers, nor does the standard library make certificates.
        pytest.skip("openssl is not installed, which makes the certificates")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "2"]
    files = ["-keyout", str(place / "key.pem"), "-out", str(place / "cert.pem")]
    subprocess.run(
        [*made, *files, "-addext", f"subjectAltName={name}"], check=True, capture_output=True, timeout=DEADLINE
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "cert.pem", place / "key.pem")
    return context


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tls=certified(tmp_path, "IP:127.0.0.1")) as server:
        with sender(server.url) as one, pytest.raises(UnavailableError, match=r"certificate.*SSL_CERT_FILE"):
            one.send(BODY)
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        with sender(server.url) as one:
            one.send(BODY)
    assert server.bodies() == [BODY]


def test_a_certificate_of_another_server_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tls=certified(tmp_path, "DNS:other.example")) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        with sender(server.url) as one, pytest.raises(UnavailableError, match="certificate"):
            one.send(BODY)
    assert server.requests == []


def test_the_environments_proxy_sees_the_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(*[plain(502)] * 4) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass%20word@127.0.0.1:{proxy.port}")
        with sender("https://server.example") as one, pytest.raises(UnavailableError) as caught:
            one.send(BODY)
    assert [request.line for request in proxy.requests] == ["CONNECT server.example:443 HTTP/1.1"] * 4
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6cGFzcyB3b3Jk"
    assert "authorization" not in proxy.requests[0].headers
    assert "word" not in str(caught.value)


def test_no_proxy_for_this_machine_itself_and_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy, serving() as server:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with sender(server.url) as one:
            one.send(BODY)
    assert (proxy.connections, server.connections) == (0, 1)


# As curl 8 does it (lib/noproxy.c).
@pytest.mark.parametrize(
    ("listed", "host", "bypasses"),
    [
        ("server.example", "server.example", True),
        ("server.example", "a.Server.Example.", True),
        ("server.example", "other-server.example", False),
        (".server.example", "server.example", True),
        ("x, .example y", "server.example", True),
        ("*", "server.example", True),
        ("*,x", "server.example", False),
        ("*.example", "server.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1", "10.1.2.3", False),
        ("3", "10.1.2.3", False),
        ("[fd00::1]", "fd00::1", True),
        ("fd00::/8", "fd12::1", True),
        ("", "server.example", False),
        (",, ", "server.example", False),
    ],
)
def test_no_proxy_exempts_what_it_exempts_for_curl(listed: str, host: str, bypasses: bool) -> None:
    assert bypassed(host, listed) == bypasses


def test_the_proxy_is_that_of_the_first_variable_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://server.example"
    assert find_proxy(url) is None
    for name, value, found in (
        ("ALL_PROXY", "last", ("http://last:1080", None)),
        ("HTTPS_PROXY", "https://us%40er:p@[::1]", ("https://[::1]:443", ("us@er", "p"))),
        ("https_proxy", "", ("https://[::1]:443", ("us@er", "p"))),
        ("https_proxy", "http://first:3128/", ("http://first:3128", None)),
    ):
        monkeypatch.setenv(name, value)
        proxy = find_proxy(url)
        assert proxy
        assert proxy[:2] == found
    monkeypatch.setenv("no_proxy", "server.example")
    assert find_proxy(url) is None


@pytest.mark.parametrize(
    ("answers", "what", "error"),
    [
        ([plain(407)] * 4, "407 ", DeniedError),
        ([plain(502)] * 4, "502 ", UnavailableError),
        (None, "Connection refused", UnavailableError),
    ],
)
def test_what_fails_before_the_server_is_reached_is_the_proxys_failure(
    answers: list[Act] | None, what: str, error: type[SendError], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(*answers or ()) as proxy:
        port = proxy.port
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        if answers:
            with sender("https://server.example") as one, pytest.raises(error) as caught:
                one.send(BODY)
    if not answers:  # nobody listens there any more
        with sender("https://server.example") as one, pytest.raises(error) as caught:
            one.send(BODY)
    assert str(caught.value).startswith(f"the proxy 127.0.0.1:{port} (HTTPS_PROXY) does not lead to https://server.exa")
    assert what in str(caught.value)
    assert "NO_PROXY" in str(caught.value)


@pytest.mark.parametrize("address", ["socks5://x:1", "http://", "http://x:port", "ftp://me:secret@x"])
def test_a_proxy_that_is_none_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(SettingsError, match="HTTPS_PROXY") as caught, sender("https://server.example"):
        pass
    assert "secret" not in str(caught.value)


replies = st.builds(
    Reply,
    url=st.just("https://x.example/admin/sync"),
    status=st.integers(100, 999),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "location", "content-type", "content-length", "transfer-encoding"]), st.text()
    ),
    body=st.one_of(
        st.binary(),
        st.text().map(str.encode),
        st.recursive(
            st.none() | st.booleans() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(st.sampled_from(["ok", "error", "success", "digest", "message"]), inner)
            ),
        ).map(lambda told: json.dumps(told).encode()),
    ),
    complete=st.booleans(),
)


@given(replies, st.booleans())
def test_every_answer_is_an_acknowledgement_or_an_error(reply: Reply, of_health: bool) -> None:
    error = None
    try:
        if of_health:
            responses.check_health(reply, str)
        else:
            responses.check(reply, DIGEST, str)
    except SendError as e:
        error = e
    if error is None:
        assert 200 <= reply.status < 300
    elif isinstance(error, UnavailableError):
        assert 0 <= error.wait <= LONGEST


@pytest.mark.parametrize("args", [("config", "list"), ("sessions",), ("--help",)])
def test_no_other_command_imports_what_sends(args: tuple[str, ...], tmp_path: Path) -> None:
    code = "import sys; from clankers.__main__ import main; main(); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env={"CLANKERS_DATA_PATH": str(tmp_path / "data"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    loaded = set(done.stderr.split())
    assert "clankers.cli" in loaded
    assert not loaded & {"httpcore2", "tenacity", "tomlkit", "clankers.sync.client"}
