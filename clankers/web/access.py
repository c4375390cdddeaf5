"""Refuses whoever may not see the pages, before anything is read.

Three things must be right: the host, against DNS rebinding; the origin, against pages from elsewhere; and a cookie or
bearer key. A visit with a token gets the cookie, and goes on without the token.
"""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clankers.web.keys import COOKIE_SECONDS, Keys

_TOKEN = "token"  # noqa: S105 - its name in the URL
_BEARER_PATHS = ("/api/", "/mcp")
_PUBLIC_PATHS = ("/static/",)  # ours alone, nothing recorded
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

# Nothing but what this server sends may run, be shown or be asked.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Access:
    """Middleware that lets nobody through who has no key, and adds `HEADERS` to every answer.

    Args:
        app: who gets the rest.
        keys: of the server.
        hosts: names and addresses by which it may be called; all are in small letters.
    """

    def __init__(self, app: ASGIApp, keys: Keys, hosts: frozenset[str]) -> None:
        self._app = app
        self._keys = keys
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or refuse it."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "private, no-cache")
            await send(message)

        answer = self._answer(scope, Headers(scope=scope))
        await (answer or self._app)(scope, receive, send_with_headers)

    def _answer(self, scope: Scope, headers: Headers) -> Response | None:
        """What to answer instead of the application; None: nothing."""
        host = headers.get("host", "")
        if _name(host) not in self._hosts:
            return _refused("This address is not one of this server's. Open the address that `clankers web` prints.")
        if not _is_own(headers, f"{scope['scheme']}://{host}"):
            return _refused("Another site asked for this. Open the page in a tab of its own.")
        if scope["path"].startswith(_PUBLIC_PATHS):
            return None
        query = scope["query_string"].decode("latin-1")
        if scope["path"].startswith(_BEARER_PATHS):
            scheme, _, key = headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer" and self._keys.is_bearer(key.strip()):
                return None
        known = self._keys.is_cookie(_cookie(headers, self._keys.cookie_name))
        if scope["method"] == "GET" and (token := dict(parse_qsl(query)).get(_TOKEN)):
            known = self._keys.use_token(token) or known
            if known:
                return self._welcome(scope, query)
        if known:
            return None
        return _refused(
            "This browser is not signed in, or its link is used up: each works once, for half a minute. "
            "Run `clankers web` again: it opens the page."
        )

    def _welcome(self, scope: Scope, query: str) -> Response:
        """Set the cookie, and go to the same page without the token."""
        rest = urlencode([(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != _TOKEN])
        # A path that begins with two slashes would be another host's.
        where = "/" + scope["raw_path"].decode("latin-1").lstrip("/\\") + (f"?{rest}" if rest else "")
        answer = Response(status_code=303, headers={"location": where, "cache-control": "no-store"})
        answer.set_cookie(
            self._keys.cookie_name,
            self._keys.cookie(),
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="strict",
            secure=scope["scheme"] == "https",
        )
        return answer


def allowed_hosts(host: str, address: str) -> frozenset[str]:
    """The names by which a server may be called that was told to listen at `host`, and listens at `address`.

    The port does not matter: it may be another one behind a tunnel, and no rebound name is among these.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_loopback:
        return frozenset((*_LOOPBACK, host.lower(), str(ip)))
    names: Iterable[str] = (host, str(ip))
    if ip.is_unspecified:  # all addresses of this machine
        own = socket.gethostname()
        names = (*_LOOPBACK, own, socket.getfqdn(), *(str(found[4][0]) for found in _addresses(own)))
    return frozenset(name.lower() for name in names)


def _addresses(name: str) -> list[tuple[object, object, object, str, tuple[str | int, ...]]]:
    try:
        return list(socket.getaddrinfo(name, None))  # type: ignore[arg-type]
    except OSError:
        return []


def _name(host: str) -> str:
    """The name in a `Host` header, without the port; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_own(headers: Headers, own: str) -> bool:
    """Whether the request comes from a page of ours, a person, or a program that is no browser."""
    if (origin := headers.get("origin")) is not None and origin != own:
        return False
    site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
    return site in (None, "same-origin", "none") or mode == "navigate"


def _cookie(headers: Headers, name: str) -> str:
    """The value of our cookie. Others, of any form, are beside it: all ports of a host share theirs."""
    pairs = (one.strip().partition("=") for one in headers.get("cookie", "").split(";"))
    return next((value for found, _, value in pairs if found == name), "")


def _refused(why: str) -> Response:
    return Response(f"{why}\n", 403, media_type="text/plain")
