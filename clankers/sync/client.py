"""Sending a body until the server has acknowledged it. For `clankers sync` alone: what this imports is not cheap."""

import gzip
import hashlib
import ssl
import threading
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

import httpcore2
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from clankers import __version__
from clankers.sync import responses
from clankers.sync.errors import DeniedError, RefusedError, SendError, StoppedError, UnavailableError
from clankers.sync.proxy import find_proxy
from clankers.sync.responses import LATER, Reply
from clankers.sync.settings import MASK, Settings
from clankers.sync.transport import Deadline, pool
from projector.adapters.session_sync.wire import HEALTH_PATH, PATH

STOPPED = "stopped; what was not acknowledged is sent the next time"
MAX_BACKOFF = 60.0  # seconds from one retry to the next, at most
PATIENCE = 300.0  # seconds for which a server may ask by Retry-After; for more, it is left alone at once
_REQUEST = 120.0  # seconds that a request may take in all
_HEALTH = 10.0  # and a health check
_TIMEOUT = {"connect": 10.0, "read": 30.0, "write": 10.0, "pool": 10.0}  # seconds, of each step
_LEVEL = 3  # of gzip
_REFUSED_BY_PROXY = ("401", "403", "407")
_GARBLED = {400, 415, 422}  # what servers that do not know gzip say; session-sync itself sends none
_LONGEST_ANSWER = 1 << 16  # bytes
_LONGEST_REASON = 200  # characters of what a server says that are shown
_BROKEN = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError)


class Health(NamedTuple):
    """What a health check found.

    Attributes:
        ms: milliseconds that it took.
        wrong: what is; empty where it is `ok`.
    """

    ok: bool
    ms: int
    wrong: str


class Sender:
    """Sends over one connection, which it keeps; for one thread.

    Args:
        settings: those that `Settings.check` has found complete.
        stop: once set, waits end at once, and an answer is waited for no longer than `connection.GRACE`.
        say: gets what SESSION_SYNC_DEBUG asks for, a line each.
    """

    def __init__(self, settings: Settings, stop: threading.Event, say: Callable[[str], None]) -> None:
        settings.check()
        self._settings = settings
        self._stop = stop
        self._tell = say
        self._deadline = Deadline(stop)
        self._proxy = find_proxy(settings.session_api_url)
        self._pool = pool(self._deadline, self._proxy)
        delay = settings.session_sync_retry_delay_ms / 1000
        self._backoff = wait_exponential(delay, max=max(MAX_BACKOFF, delay)) + wait_random(0, delay)
        self._retrying = Retrying(
            retry=retry_if_exception_type(UnavailableError),
            stop=self._enough,
            wait=self._wait,
            sleep=sleep_using_event(stop),
            before_sleep=self._say_retry,
            reraise=True,
        )
        self._packs: bool | None = None  # whether the server takes gzip; None: it has not shown it
        self._last = stop_after_attempt(settings.session_sync_retry_attempts + 1)

    def send(self, body: bytes) -> None:
        """Send `body`, JSON in UTF-8, and come back once the server has acknowledged it.

        Raises:
            RefusedError: this body will never be taken.
            DeniedError: nothing is accepted until the settings are fixed.
            UnavailableError: retries are used up.
            StoppedError: the event `stop` was set.
        """
        try:
            self._retrying(self._post, body, hashlib.sha256(body).hexdigest())
        except UnavailableError:
            if self._stop.is_set():
                raise StoppedError(STOPPED) from None
            raise

    def health(self) -> Health:
        """Whether the server is there and well: one GET, no retries."""
        begun = monotonic()
        url = self._settings.session_api_url + HEALTH_PATH
        try:
            responses.check_health(self._ask("GET", url, _HEALTH), self._clean)
            wrong = ""
        except SendError as e:
            wrong = e.brief
        health = Health(not wrong, round((monotonic() - begun) * 1000), wrong)
        self._say(f"Health check: OK ({health.ms}ms)" if health.ok else f"Health check FAILED: {wrong}")
        return health

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def _post(self, body: bytes, digest: str) -> None:
        if self._stop.is_set():  # also where that has ended the wait for a retry
            raise StoppedError(STOPPED)
        if self._packs is not False:
            try:
                self._post_once(gzip.compress(body, _LEVEL, mtime=0), digest, packed=True)
            except RefusedError as e:
                if self._packs or e.status not in _GARBLED:
                    raise
            else:
                self._packs = True
                return
        self._post_once(body, digest)
        self._packs = False

    def _post_once(self, data: bytes, digest: str, *, packed: bool = False) -> None:
        url = self._settings.session_api_url + PATH
        responses.check(self._ask("POST", url, _REQUEST, data, packed=packed), digest, self._clean)

    def _ask(self, method: str, url: str, seconds: float, data: bytes | None = None, *, packed: bool = False) -> Reply:
        """The server's answer, whatever it is.

        Raises:
            UnavailableError: there was none.
            DeniedError: the proxy does not let us through.
        """
        self._deadline.begin(seconds)
        more = {"timeout": _TIMEOUT}
        try:
            with self._pool.stream(method, url, headers=self._head(packed), content=data, extensions=more) as response:
                return Reply(url, response.status, _headers(response), *_body(response))
        except httpcore2.ProxyError as e:
            raise self._failure_of_proxy(url, self._clean(str(e))) from None
        except _BROKEN as e:
            late = isinstance(e, httpcore2.TimeoutException)
            what = self._clean("no answer in time" if late else str(e) or type(e).__name__)
            strange = any(isinstance(why, ssl.SSLCertVerificationError) for why in e.args)
            hint = "if it is a server of yours, name the file of its certificate in SSL_CERT_FILE; " if strange else ""
            message = f"{url} cannot be reached: {what}; {hint}{LATER}"
            raise UnavailableError(message, brief=f"Network error: {what}") from None

    def _failure_of_proxy(self, url: str, what: str) -> SendError:
        """`what` went wrong before `url` was reached: a status and a phrase, or why there is no connection."""
        assert self._proxy
        message = f"the proxy {self._proxy.origin} does not lead to {url}: {what}; "
        if what[:3] in _REFUSED_BY_PROXY:
            remedy = "check the user and password in the variable, or exempt the server with NO_PROXY"
            return DeniedError(message + remedy, brief=f"Proxy error: {what}", status=int(what[:3]))
        remedy = f"check the variable, or exempt the server with NO_PROXY; {LATER}"
        return UnavailableError(message + remedy, brief=f"Proxy error: {what}")

    def _head(self, packed: bool) -> list[tuple[bytes | str, bytes | str]]:
        """The headers: in no variable, so that a traceback with variables does not have the key either."""
        return [
            ("Authorization", f"Bearer {self._settings.session_api_key.reveal()}"),
            ("User-Agent", f"clankers/{__version__}"),
            ("Accept", "application/json"),
            ("Accept-Encoding", "identity"),
            ("Content-Type", "application/json"),
            *([("Content-Encoding", "gzip")] if packed else []),
        ]

    def _enough(self, state: RetryCallState) -> bool:
        return _failure(state).wait > PATIENCE or self._last(state)

    def _wait(self, state: RetryCallState) -> float:
        return max(self._backoff(state), _failure(state).wait)

    def _say_retry(self, state: RetryCallState) -> None:
        attempts = self._settings.session_sync_retry_attempts
        ms = round(state.upcoming_sleep * 1000)
        self._say(f"Retry {state.attempt_number}/{attempts} in {ms}ms: {_failure(state).brief}")

    def _say(self, line: str) -> None:
        if self._settings.session_sync_debug:
            self._tell(line)

    def _clean(self, text: str) -> str:
        """What a server says, in one short line that no terminal minds, and without the key."""
        masked = text.replace(self._settings.session_api_key.reveal(), MASK)
        line = "".join(c if c.isprintable() else "?" for c in " ".join(masked.split()))
        return line if len(line) <= _LONGEST_REASON else line[:_LONGEST_REASON] + "…"


def _failure(state: RetryCallState) -> UnavailableError:
    failure = state.outcome and state.outcome.exception()
    assert isinstance(failure, UnavailableError)
    return failure


def _headers(response: httpcore2.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


def _body(response: httpcore2.Response) -> tuple[bytes, bool]:
    """What there is of the body, as far as an answer may be long, and whether that is all of it."""
    body = b""
    try:
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > _LONGEST_ANSWER:
                return body[:_LONGEST_ANSWER], False
    except _BROKEN:
        return body, False
    return body, True
