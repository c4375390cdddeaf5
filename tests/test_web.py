"""`clankers web`: who may see the pages, and what they show."""

import asyncio
import http.client
import json
import re
import shutil
import signal
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from itertools import product
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote, urlsplit

import apsw
import pytest
from starlette.testclient import TestClient

from clankers.cli import web
from clankers.errors import EX_USAGE
from clankers.paths import DATA_ENV
from clankers.queries import tail
from clankers.queries.filters import filters
from clankers.queries.session_pages import ORDERS, session_page
from clankers.web import live
from clankers.web.access import allowed_hosts
from clankers.web.app import Site, application
from clankers.web.keys import Keys, bearer, read_key
from tests.commands import NOW, POSIX_ONLY, RAW, call, event, run, session, work
from tests.feeding import append, project
from tests.patience import DEADLINE, wait_for
from tests.talks import GITHUB, demo, talk
from tests.web_serving import WebServer

PORT = 8724
OWN = f"http://127.0.0.1:{PORT}"
HOSTS = frozenset(("127.0.0.1", "localhost"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several sessions, one with all that a page must bear."""
    found = talk(tmp_path_factory.mktemp("web") / "data")
    for log in demo(tmp_path_factory.mktemp("demo") / "data").glob("*.jsonl"):
        shutil.copy(log, found)
    project(found).close()
    return found


@pytest.fixture
def keys(root: Path) -> Keys:
    return Keys(read_key(str(root)), PORT)


@pytest.fixture
def stranger(root: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A client without a key."""
    monkeypatch.setenv(DATA_ENV, str(root))
    monkeypatch.setenv("HOME", str(root.parent))
    site = Site()
    yield TestClient(application(site, keys, HOSTS), base_url=OWN, follow_redirects=False)
    site.close()


@pytest.fixture
def client(stranger: TestClient, keys: Keys) -> TestClient:
    """A browser that is signed in."""
    stranger.cookies.set(keys.cookie_name, keys.cookie())
    return stranger


@pytest.mark.parametrize("path", ["/", "/sessions", "/sessions/ses_talk", "/api/sessions", "/nothing"])
def test_a_stranger_is_refused(stranger: TestClient, path: str) -> None:
    assert stranger.get(path).status_code == 403


def test_a_token_signs_in_once_and_leaves_the_address(stranger: TestClient, keys: Keys) -> None:
    token = keys.token()
    answer = stranger.get("/sessions", params={"since": "7d", "token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sessions?since=7d")
    cookie = answer.headers["set-cookie"]
    assert all(word in cookie for word in (f"clankers-{PORT}=", "HttpOnly", "SameSite=strict", "Path=/"))
    assert stranger.get("/sessions").status_code == 200
    stranger.cookies.clear()
    assert stranger.get("/sessions", params={"token": token}).status_code == 403


def test_a_token_ends_after_its_time(stranger: TestClient, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clankers.web.keys.TOKEN_SECONDS", -1)
    assert stranger.get("/sessions", params={"token": keys.token()}).status_code == 403


def test_a_token_from_before_a_restart_is_refused(root: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    token = keys.token()
    later = time.time() + 2
    monkeypatch.setattr("clankers.web.keys.time.time", lambda: later)
    restarted = Keys(read_key(str(root)), PORT)
    assert not restarted.use_token(token)
    assert restarted.use_token(keys.token())  # as a second command makes one


def test_a_cookie_is_for_its_port_and_key_alone(stranger: TestClient, root: Path, keys: Keys) -> None:
    name = keys.cookie_name
    for value in (
        Keys(read_key(str(root)), 1).cookie(),
        Keys(bytes(32), PORT).cookie(),
        keys.token(),
        keys.cookie() + "x",
        "",
        "9" * 5000,
        "..",
        "\xff",
    ):
        assert stranger.get("/sessions", headers=[(b"cookie", f"{name}={value}".encode("latin-1"))]).status_code == 403
    beside = f'bad cookie; {{"a":1}}; {name}={keys.cookie()}; z="'
    assert stranger.get("/sessions", headers={"cookie": beside}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example:8724"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "[::1"}, 403),
        ({"host": "localhost:9000"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": OWN}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, 200),
    ],
)
def test_other_hosts_and_sites_are_refused(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.get("/sessions", headers=headers).status_code == status


def test_the_bearer_key_is_for_the_data_alone(stranger: TestClient, root: Path) -> None:
    key = bearer(read_key(str(root)))
    assert call(root, "web", "key").out.strip() == key
    headers = {"authorization": f"Bearer {key}"}
    assert stranger.get("/api/sessions", headers=headers).json()["sessions"]
    assert stranger.get("/sessions", headers=headers).status_code == 403
    assert stranger.get("/api/sessions", headers={"authorization": f"Bearer {key}x"}).status_code == 403


@POSIX_ONLY
def test_the_key_is_private_and_stays(root: Path) -> None:
    key = read_key(str(root))
    path = root / "web.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(str(root)) == key
    path.write_bytes(key[:5])  # a crash while it was made
    assert len(read_key(str(root))) == len(key)
    path.write_bytes(key)


@pytest.mark.parametrize("path", ["/sessions", "/sessions/ses_talk", "/sessions/none", "/static/style.css", "/x"])
def test_every_answer_forbids_what_is_not_ours(client: TestClient, path: str) -> None:
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [word for word in ("<script>", " onclick", " style=", "http://evil") if word in answer.text]


def test_nothing_can_be_sent(client: TestClient) -> None:
    assert {client.request(method, "/sessions").status_code for method in ("POST", "PUT", "DELETE", "PATCH")} == {405}


def test_paths_lead_nowhere_else(client: TestClient) -> None:
    for path in ("/static/../web.key", "/static/%2e%2e%2fweb.key", "/static//etc/passwd", "/sessions/../../etc/passwd"):
        assert client.get(path).status_code == 404, path


def test_a_wrong_filter_is_named(client: TestClient) -> None:
    answer = client.get("/sessions?since=nonsense")
    assert answer.status_code == 400
    assert "nonsense" in answer.text
    assert client.get("/api/sessions?since=nonsense").json()["error"]


def test_a_session_is_read_a_window_at_a_time(client: TestClient, root: Path) -> None:
    whole = client.get("/api/sessions/ses_talk").json()
    assert (whole["start"], whole["count"]) == (0, len(whole["items"]))
    last = client.get(f"/api/sessions/ses_talk?at={whole['count'] - 1}").json()
    assert last["items"] == whole["items"][-1:]
    failed = whole["failures"][0]["id"]
    around = client.get(f"/sessions/ses_talk?item={failed}").text
    assert f'id="i-{failed}"' in around


def test_a_session_of_any_id_is_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, id = tmp_path / "data", "ses ?b#c"
    monkeypatch.setenv(DATA_ENV, str(root))
    monkeypatch.setenv("HOME", str(tmp_path))
    append(root, [session(id)])
    for number in range(2):
        info = {"id": f"msg_{number}", "sessionID": id, "role": "user", "time": {"created": NOW + number}}
        part = {"id": f"prt_{number}", "messageID": f"msg_{number}", "sessionID": id, "type": "text", "text": "Go on"}
        append(root, [event("message.updated", info=info), event("message.part.updated", part=part)])
    keys, site = Keys(read_key(str(root)), PORT), Site()
    client = TestClient(application(site, keys, HOSTS), base_url=OWN, cookies={keys.cookie_name: keys.cookie()})
    project(root).close()
    page = client.get(f"/sessions/{quote(id)}?at=1").text
    earlier = re.findall(r'data-window="earlier"><a href="([^"]+)"', page)
    assert [client.get(unescape(where)).status_code for where in earlier] == [200]
    site.close()


def test_what_was_recorded_is_text(client: TestClient) -> None:
    page = client.get("/sessions/ses_talk").text
    assert "<script>alert" not in page
    assert "javascript:" not in page.replace("(javascript:alert(1))", "")
    assert not RAW.search(page.replace("\t", ""))


def test_a_call_leads_to_its_lines_of_the_log(client: TestClient, root: Path) -> None:
    found = client.get("/api/log/ses_talk?row=prt_25").json()["found"]
    assert found["next"] is None
    for line in found["lines"]:
        raw = (root / line["file"]).read_bytes()
        assert raw[line["offset"] :][: line["size"]].decode().rstrip("\n") == line["text"]
        assert raw[: line["offset"]].count(b"\n") == line["number"] - 1
        assert ["tools", "prt_25"] in line["rows"]
    assert found["lines"]
    assert len(client.get("/api/log/ses_talk").json()["found"]["lines"]) > len(found["lines"])


@pytest.mark.parametrize("form", ["md", "html"])
def test_a_session_is_exported_with_its_credentials_masked(client: TestClient, form: str) -> None:
    answer = client.get(f"/export/ses_talk?format={form}")
    assert answer.headers["content-disposition"] == f'attachment; filename="ses_talk.{form}"'
    assert "Fix the" in answer.text
    assert GITHUB not in answer.text
    assert client.get("/export/none").status_code == 404
    assert client.get("/export/ses_talk?format=exe").status_code == 400


def test_the_list_goes_on_behind_its_last_session(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for by, order in product(ORDERS, ("asc", "desc")):
        whole = [one["id"] for one in client.get(f"/api/sessions?sort={by}&order={order}").json()["sessions"]]
        assert len(whole) == len(set(whole)) > 3
        found: list[str] = []
        after: str | None = ""
        with monkeypatch.context() as small:
            small.setattr("clankers.web.pages.sessions._AT_ONCE", 2)
            while after is not None:
                page = client.get("/api/sessions", params={"sort": by, "order": order, "after": after}).json()
                found += [one["id"] for one in page["sessions"]]
                after = json.dumps(page["next"]) if page["next"] else None
        assert found == whole, (by, order)
    backward = [one["id"] for one in client.get("/api/sessions?order=asc").json()["sessions"]]
    assert backward == [one["id"] for one in client.get("/api/sessions").json()["sessions"]][::-1]


def test_the_list_counts_a_session_with_its_subagents_as_the_command_does(client: TestClient, root: Path) -> None:
    listed = [one for one in json.loads(call(root, "sessions", "--json").out) if not one["depth"]]
    assert client.get("/api/sessions").json()["sessions"] == listed
    assert any(one["subagents"] for one in listed)
    (parent,) = [one["id"] for one in listed if one["subagents"] == 2]
    assert len(client.get(f"/api/sessions?parent={parent}").json()["sessions"]) == 2


def test_the_list_finds_words_anywhere_in_a_name(client: TestClient) -> None:
    found = client.get("/api/sessions?q=login+SHOP").json()["sessions"]
    assert [one["id"] for one in found] == ["ses_talk"]
    assert client.get("/api/sessions?q=login+nowhere").json()["sessions"] == []
    assert client.get("/sessions?sort=nothing").status_code == 400
    assert client.get("/sessions?after=nothing").status_code == 400


def test_names_with_capitals_that_are_not_ascii_are_found(tmp_path: Path) -> None:
    root = tmp_path / "data"
    append(root, [session("ses_1", title="Émile's LIST")])
    with closing(project(root)) as db:
        db.execute("UPDATE sessions SET model = 'Ümlaut-1'")
        assert [one.id for one in session_page(db, 9, words="Émile list").sessions] == ["ses_1"]
        assert [one.id for one in session_page(db, 9, filters(model="Ümlaut")).sessions] == ["ses_1"]


def test_search_finds_the_beginning_of_the_last_word(client: TestClient) -> None:
    (group,) = client.get("/api/search?q=fix+the+log").json()["groups"]
    assert group["session_id"] == "ses_talk"
    page = client.get("/search?q=fix+the+log").text
    assert "<mark>login</mark>" in page
    assert "<script>alert" not in page
    assert client.get("/api/search?q=%22").json() == {"asked": True, "groups": [], "indexed": 0, "limited": False}


# The server as a process


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with WebServer(talk(tmp_path_factory.mktemp("server") / "data")) as found:
        yield found


def test_a_second_command_signs_another_browser_in(server: WebServer) -> None:
    first, second = server.first, server.address()
    assert first != second
    assert [server.get("/sessions", cookie=server.sign_in(address)).status for address in (first, second)] == [200, 200]


def test_a_second_command_prints_the_address_that_the_first_one_serves(server: WebServer) -> None:
    done = call(server.root, "web", "--no-open", "--host", "::1", "--port", str(server.port))
    assert f"open http://127.0.0.1:{server.port}/?token=" in done.err


def test_any_address_but_loopback_needs_tls(tmp_path: Path) -> None:
    done = call(tmp_path / "data", "web", "--no-open", "--port", "0", "--host", "0.0.0.0")
    assert done.code == EX_USAGE
    assert "--tls-cert" in done.err


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "https://localhost:9"),
        ("::", "https://localhost:9"),
        ("::1", "https://[::1]:9"),
        ("box.example", "https://box.example:9"),
    ],
)
def test_the_printed_address_is_one_that_is_answered(host: str, url: str) -> None:
    assert web._url(host, 9, secure=True) == url
    listens_at = {"box.example": "192.0.2.1"}.get(host, host)
    assert urlsplit(url).hostname in allowed_hosts(host, listens_at)


def test_pages_go_on_while_the_database_is_deleted_rebuilt_and_forgotten_from(server: WebServer) -> None:
    cookie = server.sign_in(server.address())
    stream = server.connect()
    stream.request("GET", "/api/live", headers={"Cookie": cookie})
    events = stream.getresponse()
    assert server.get("/sessions/ses_talk", cookie=cookie).status == 200
    for file in server.root.glob("clankers.db*"):
        file.unlink()
    assert server.get("/sessions/ses_talk", cookie=cookie).status in (200, 503)  # while it is made again
    wait_for((server.root / "clankers.db").exists, "the database is made again")
    wait_for(lambda: run(server.root, "project", "--rebuild").code == 0, "it is rebuilt")  # not while it is made
    assert b'{"sessions":null}' in until(events, b"event: change")
    assert run(server.root, "forget", "ses_talk", "--yes").code == 0
    assert server.get("/sessions/ses_talk", cookie=cookie).status == 404
    assert server.get("/sessions", cookie=cookie).status == 200
    stream.close()


def test_slow_and_many_clients_keep_nobody_waiting(server: WebServer) -> None:
    cookie = server.sign_in(server.address())
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    for one in slow:
        one.sendall(b"GET /sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")  # and no more
    many = [server.connect() for _ in range(200)]
    for client in many:
        client.request("GET", "/static/icon.svg")
    assert {client.getresponse().status for client in many} == {200}
    assert server.get("/sessions", cookie=cookie).status == 200
    for client in many:
        client.close()
    for one in slow:
        one.close()


def test_a_stop_ends_the_streams(tmp_path: Path) -> None:
    with WebServer(tmp_path / "data") as server:
        stream = server.connect()
        stream.request("GET", "/api/live", headers={"Cookie": server.sign_in(server.first)})
        events = stream.getresponse()
        assert b"retry" in until(events, b"retry")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 0
        events.read()
        assert "Traceback" not in server.said.read_text()


class Looks:
    """Stands before `tail.follow`: the first looks fail, and the watcher is held while it ends."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.looked, self.ending, self.may_end = Event(), Event(), Event()

    def follow(self, *args: Any) -> Iterator[tail.TailItem | None]:
        if self._failures:
            raise self._failures.pop(0)
        try:
            for happened in tail.follow(*args):
                yield happened
                self.looked.set()
        finally:
            self.ending.set()
            assert self.may_end.wait(DEADLINE)


def listening(root: Path, monkeypatch: pytest.MonkeyPatch, looks: Looks) -> Site:
    append(root, work(0, 1))
    project(root).close()
    monkeypatch.setenv(DATA_ENV, str(root))
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.setattr(live, "follow", looks.follow)
    monkeypatch.setattr(live, "_AGAIN", 0.0)
    return Site()


def test_looks_that_fail_leave_no_page_without_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = Looks(apsw.BusyError("it is being recovered"), ValueError("a bug"), ValueError("a bug"))
    looks.may_end.set()
    site = listening(tmp_path / "data", monkeypatch, looks)

    async def hear() -> None:
        events = site.live.events()
        await anext(events)
        assert await asyncio.to_thread(looks.looked.wait, DEADLINE)
        append(tmp_path / "data", work(1, 1))
        while b"event: item" not in await anext(events):
            pass
        await events.aclose()

    asyncio.run(asyncio.wait_for(hear(), DEADLINE))
    site.close()
    assert [str(one.exc_info and one.exc_info[1]) for one in caplog.records] == ["a bug"]


def test_a_page_that_comes_while_the_watcher_ends_gets_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks()
    site = listening(tmp_path / "data", monkeypatch, looks)

    async def come_late() -> None:
        first = site.live.events()
        await anext(first)
        assert await asyncio.to_thread(looks.looked.wait, DEADLINE)
        await first.aclose()
        assert await asyncio.to_thread(looks.ending.wait, DEADLINE)
        looks.looked.clear()
        second = site.live.events()
        await anext(second)
        looks.may_end.set()
        assert await asyncio.to_thread(looks.looked.wait, DEADLINE)
        await second.aclose()

    asyncio.run(come_late())
    site.close()


def until(events: http.client.HTTPResponse, what: bytes) -> bytes:
    """What comes up to the end of the event that has `what` in it."""
    found = b""
    while what not in found or not found.endswith(b"\n\n"):
        found += events.read1()
    return found


# Very much of something


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session with an output of 10 MB and many subagents, none of whose calls is known."""
    root = tmp_path_factory.mktemp("crowd") / "data"
    output = "<script>alert(1)</script>\x1b[31m" * 350_000
    state = {"status": "completed", "input": {"command": "yes"}, "output": output, "time": {"start": NOW, "end": NOW}}
    part = {"id": "prt_big", "messageID": "msg_1", "sessionID": "ses_big", "type": "tool", "tool": "bash"}
    events = [
        session("ses_big", title="Big"),
        event(
            "message.updated",
            info={"id": "msg_1", "sessionID": "ses_big", "role": "assistant", "time": {"created": NOW}},
        ),
        event("message.part.updated", part=part | {"callID": "c", "state": state}),
        *(session(f"ses_child{number}", title=f"Child {number}", parentID="ses_big") for number in range(1000)),
    ]
    append(root, events)
    project(root).close()
    return root


def test_a_page_stays_small_whatever_was_recorded(crowd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_ENV, str(crowd))
    monkeypatch.setenv("HOME", str(crowd.parent))
    keys, site = Keys(read_key(str(crowd)), PORT), Site()
    client = TestClient(application(site, keys, HOSTS), base_url=OWN, cookies={keys.cookie_name: keys.cookie()})
    page = client.get("/sessions/ses_big").text
    assert len(page) < 400_000
    assert "<script>alert" not in page
    assert "Cut here" in page
    whole = client.get("/text/prt_big")
    assert whole.headers["content-type"].startswith("text/plain")
    assert len(whole.content) > 10**7
    assert client.get("/sessions").text.count("<tr") == 2
    assert len(client.get("/api/sessions?parent=ses_big").json()["sessions"]) == 100
    site.close()
