"""`clankers web`: pages over the database, in the browser."""

from __future__ import annotations

import ipaddress
import os
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clankers import paths
from clankers.cli.database import open_current
from clankers.cli.output import say
from clankers.errors import UsageError
from clankers.system.locks import NamedLock, holder

if TYPE_CHECKING:
    from clankers.web.keys import Keys

_DEFAULT_PORT = 8724
_GRACE = 3.0  # seconds that an answer may need when the server stops

commands = typer.Typer()


@commands.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 picks a free one.")] = _DEFAULT_PORT,
    no_open: Annotated[bool, typer.Option("--no-open", help="Print the address only.")] = False,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="A certificate, for HTTPS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key.")] = None,
) -> None:
    """Show all sessions in the browser, live while agents work.

    The printed address signs one browser in: it works once, for 30 seconds.
    Run the command again for another one. Ctrl-C stops it.

    Examples:
        clankers web
        clankers web --no-open
        clankers web key
    """
    if context.invoked_subcommand:
        return
    if tls_key and not tls_cert:
        raise UsageError("--tls-key needs --tls-cert")
    from clankers.http.server import Endpoint, listen, run
    from clankers.web.access import allowed_hosts
    from clankers.web.app import Site, application
    from clankers.web.keys import Keys, read_key

    root = paths.data_root()
    key = read_key(root)
    endpoint = Endpoint(host, port, str(tls_cert) if tls_cert else None, str(tls_key) if tls_key else None)
    if running := port and _served_url(root, port):
        _show(running, Keys(key, port), no_open)
        return
    open_current().close()
    with listen(endpoint) as listener:
        address, port = listener.getsockname()[:2]
        url = _url(host, port, secure=bool(tls_cert))
        with NamedLock(_lock_path(root, port), f"web {url}", f"port {port} is in use"):
            keys, site = Keys(key, port), Site()
            try:
                run(
                    application(site, keys, allowed_hosts(host, address)),
                    endpoint,
                    listener,
                    _GRACE,
                    on_start=lambda _: _show(url, keys, no_open),
                    say=say,
                    on_stop=site.live.close,
                )
            finally:
                site.close()


@commands.command("key")
def show_key() -> None:
    """Print the key that programs send to /api: `Authorization: Bearer KEY`."""
    from clankers.web.keys import bearer, read_key

    typer.echo(bearer(read_key(paths.data_root())))


def _show(url: str, keys: Keys, no_open: bool) -> None:
    """Print the address for one visit, and open it."""
    address = f"{url}/?token={keys.token()}"
    say(f"open {address}")
    if not no_open and _has_screen():
        webbrowser.open(address)


def _lock_path(root: str, port: int) -> str:
    """The lock file of the server on `port`; it names the URL that is served."""
    return os.path.join(root, f"web-{port}.lock")


def _served_url(root: str, port: int) -> str:
    """What a server on `port` that runs already serves, whatever options it was started with; empty: none runs."""
    return holder(_lock_path(root, port)).partition(", clankers web ")[2]


def _has_screen() -> bool:
    """Whether a browser has a place to open: one in this terminal would stand in the way."""
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _url(host: str, port: int, *, secure: bool) -> str:
    """Where a browser here reaches the server that listens at `host`: a certificate has the name, not the address."""
    with suppress(ValueError):  # a name
        if ipaddress.ip_address(host).is_unspecified:  # all addresses of this machine; none that a browser may ask
            host = "localhost"
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{shown}:{port}"
