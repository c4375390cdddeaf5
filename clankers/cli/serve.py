"""`clankers serve`: the receiving end of `clankers sync`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from clankers import paths
from clankers.cli.output import say
from clankers.errors import UsageError
from clankers.sync.settings import load
from clankers.system.locks import NamedLock

_KEY = "SESSION_API_KEY"
_SHORT = 16  # characters of a key that others than this machine can try


def command(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 picks a free one.")] = 8723,
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="The data root of the server. Default: `served` in the data root."),
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="A certificate, for HTTPS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key.")] = None,
    max_body: Annotated[int, typer.Option(metavar="MIB", min=1, max=256, help="Largest request, in MiB.")] = 16,
    max_seconds: Annotated[
        int, typer.Option(metavar="S", min=1, max=3600, help="Longest time for the body of a request, in seconds.")
    ] = 60,
    rate: Annotated[int, typer.Option(min=1, max=1_000_000, help="Most requests per second from one address.")] = 1000,
) -> None:
    """Receive sessions that other machines send with `clankers sync`.

    They go to a log of its own, `served` in the data root. SESSION_API_KEY is
    the key that senders need. Any address but this machine's own requires TLS.

    Examples:
        clankers serve
        clankers serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
    """
    if tls_key and not tls_cert:
        raise UsageError("--tls-key needs --tls-cert")
    settings = load(paths.data_root())
    key = settings.session_api_key.reveal()
    if not key:
        raise UsageError(
            f"{_KEY} is not set, and without a key anybody could write here: `openssl rand -hex 32` makes one, "
            "for here and for each machine that sends"
        )
    from clankers.http.server import Endpoint, is_loopback, listen, run
    from clankers.serve.app import RequestLimits, application
    from clankers.serve.group_commit import Storage

    endpoint = Endpoint(host, port, str(tls_cert) if tls_cert else None, str(tls_key) if tls_key else None)
    root = str(data) if data else os.path.join(paths.data_root(), "served")
    with (
        listen(endpoint) as listener,
        NamedLock(os.path.join(root, "serve.lock"), "serve", f"{root} is served already"),
    ):
        if len(key) < _SHORT and not is_loopback(listener):
            raise UsageError(f"{_KEY} has less than {_SHORT} characters: others could guess it; `openssl rand -hex 32`")
        storage = Storage(root, settings.session_sync_max_dedup_entries, say)
        app = application(key, RequestLimits(max_body << 20, max_seconds, rate), storage)
        try:
            run(
                app,
                endpoint,
                listener,
                max_seconds + 5,
                on_start=lambda url: say(f"listening on {url}, data in {root}"),
                say=say,
            )
        finally:
            storage.close()
