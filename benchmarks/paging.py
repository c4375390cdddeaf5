"""`clankers web`: how long a page takes, from the request to its last byte."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

from benchmarks.measure import Measured, Row, percentile
from benchmarks.place import Place, clankers

DEADLINE = 60  # seconds
PAGES = (  # path, what it is, milliseconds at the 95th percentile
    ("/overview", "Overview, all that is recorded", 150),
    ("/overview?since=2026-01-03", "Overview, a week against the one before", 150),
)


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

    def _get(self, path: str) -> tuple[str, bytes]:
        self._connection.request("GET", path, headers={"cookie": self._cookie})
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{path}: {answer.status}")
        return answer.headers.get("set-cookie", ""), body


def rows(place: Place) -> Iterator[Row]:
    """A row for each of `PAGES`, on the large log, beside a file of the same server."""
    with _server(place) as address:
        browser = _Browser(address)
        browser.milliseconds("/overview", 1)  # the templates are read
        floor = percentile(browser.milliseconds("/static/style.css", place.size.short), 0.95)
        for path, what, target in PAGES:

            def measured(path: str = path) -> Measured:
                took = percentile(browser.milliseconds(path, place.size.short), 0.95)
                return Measured(f"{took:.0f} ms", f"{floor:.1f} ms", took)

            name = f"web{path}"
            yield Row(name, f"web: {what}, {place.events:,} events, p95", "its style sheet", target, "ms", measured)


@contextmanager
def _server(place: Place) -> Iterator[str]:
    """A server at work; the address that signs in."""
    command = (clankers(), "web", "--no-open", "--port", "0")
    server = subprocess.Popen(command, env=place.environment(place.root), stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr
        said = next((line for line in server.stderr if "http://" in line), "")
        yield said.split()[-1]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(DEADLINE)
