"""`clankers web`: how long a page takes, from the request to its last byte."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.measure import Measured, Row, percentile
from benchmarks.place import Place, clankers
from benchmarks.reading import long_session

DEADLINE = 60  # seconds
PAGES = (  # path, what it is, milliseconds at the 95th percentile
    ("/overview", "Overview, all that is recorded", 150),
    ("/overview?since=2026-01-03", "Overview, a week against the one before", 150),
    ("/sessions", "Sessions", 50),
    ("/search?q=prom", "a keystroke in Search", 60),
)
MESSAGES = 200  # of a session that people read


class _Browser:
    """A connection that is signed in at an address that `clankers web` printed."""

    def __init__(self, address: str) -> None:
        host, path = re.fullmatch(r"http://([^/]+)(/.*)", address).groups()  # type: ignore[union-attr]
        self._connection = HTTPConnection(host, timeout=DEADLINE)
        self._cookie = ""
        self._cookie = self._get(path)[0].partition(";")[0]

    def milliseconds(self, path: str, rounds: int) -> list[float]:
        """How long each of so many visits takes."""
        found = []
        for _ in range(rounds):
            begun = time.perf_counter()
            self._get(path)
            found.append((time.perf_counter() - begun) * 1000)
        return found

    def sessions(self) -> list[dict[str, Any]]:
        """The sessions with the most calls."""
        listed: list[dict[str, Any]] = json.loads(self._get("/api/sessions?sort=calls")[1])["sessions"]
        return listed

    def _get(self, path: str) -> tuple[str, bytes]:
        self._connection.request("GET", path, headers={"cookie": self._cookie})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{path}: {answer.status}")
        return answer.headers.get("set-cookie", ""), body


def rows(place: Place) -> Iterator[Row]:
    """A row for each of `PAGES` and for a session, on the large log; and for a long session in a root of its own."""
    with _server(place, place.root) as address:
        browser = _Browser(address)
        for path, what, target in PAGES:
            yield _row(f"web{path}", f"web: {what}, {place.events:,} events, p95", browser, path, target, place)
        one = min(browser.sessions(), key=lambda one: abs(one["message_count"] - MESSAGES))
        what = f"web: a session of {one['message_count']:,} messages, p95"
        yield _row("web/session", what, browser, f"/sessions/{one['id']}", 80, place)
    alone = long_session(place)
    with _server(alone, alone.root) as address:
        browser = _Browser(address)
        (one,) = browser.sessions()
        what = f"web: the first screen of a session of {one['message_count']:,} messages, p95"
        yield _row("web/long-session", what, browser, f"/sessions/{one['id']}", 200, place)


def _row(key: str, what: str, browser: _Browser, path: str, target: float, place: Place) -> Row:
    def measured() -> Measured:
        browser.milliseconds(path, 1)  # templates and lexers are loaded, and the index is made
        took = percentile(browser.milliseconds(path, place.size.short), 0.95)
        floor = percentile(browser.milliseconds("/static/style.css", place.size.short), 0.95)
        return Measured(f"{took:.0f} ms", f"{floor:.1f} ms", took)

    return Row(key, what, "its style sheet", target, "ms", measured)


@contextmanager
def _server(place: Place, root: Path) -> Iterator[str]:
    """A server at work on the data in `root`; the address that signs in."""
    command = (clankers(), "web", "--no-open", "--port", "0")
    server = subprocess.Popen(command, env=place.environment(root), stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr
        said = next((line for line in server.stderr if "http://" in line), "")
        yield said.split()[-1]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(DEADLINE)
