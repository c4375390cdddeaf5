"""Which proxy a request goes through: the environment's, as curl reads it (curl(1): ENVIRONMENT, `--noproxy`)."""

import ipaddress
import os
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from clankers.sync.settings import SettingsError, is_loopback

# The first that is set and not empty. Only https leaves this machine, so `http_proxy` is not among them.
_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_PORTS = {"http": 1080, "https": 443}  # where the variable names none


class ProxyChoice(NamedTuple):
    """A proxy.

    Attributes:
        url: without user and password.
        auth: user and password; None for none.
        origin: what a message calls it: host and port, and the variable that names it.
    """

    url: str
    auth: tuple[str, str] | None
    origin: str


def find_proxy(url: str) -> ProxyChoice | None:
    """The proxy to `url`; None: none, as always to this machine itself.

    Raises:
        SettingsError: the variable names no proxy that can be used.
    """
    if is_loopback(url) or bypassed(urlsplit(url).hostname or "", _first("no_proxy", "NO_PROXY")[1]):
        return None
    variable, address = _first(*_VARIABLES)
    if not address:
        return None
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        usual = _PORTS[parts.scheme]
        port = parts.port or usual
    except (ValueError, LookupError):
        parts, port = urlsplit(""), 0
    if not parts.hostname:
        raise SettingsError(
            f"{variable} names no proxy of the form http://host:port; fix it, or set NO_PROXY to go without"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return ProxyChoice(f"{parts.scheme}://{host}:{port}", auth, f"{host}:{port} ({variable})")


def bypassed(host: str, listed: str) -> bool:
    """Whether `no_proxy`, as `listed`, exempts `host`.

    A name exempts its subdomains too, with or without a leading dot; an address is equal, or within a network such as
    10.0.0.0/8. A single asterisk exempts all.
    """
    if listed.strip() == "*":
        return True
    host = host.lower().rstrip(".")
    entries = [entry.lower().strip("[]") for entry in listed.replace(",", " ").split()]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        names = [entry.strip(".") for entry in entries]
        return any(name and (host == name or host.endswith(f".{name}")) for name in names)
    return any(address in network for entry in entries if (network := _network(entry)))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _first(*names: str) -> tuple[str, str]:
    """The first of the variables that is set, and its value; empty if none is."""
    return next(((name, value) for name in names if (value := os.environ.get(name))), (names[0], ""))
