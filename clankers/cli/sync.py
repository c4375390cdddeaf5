"""`clankers sync`: sends what is recorded to a server, by `POST /admin/sync`. Off unless it is configured."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from clankers import paths
from clankers.cli.database import open_current
from clankers.cli.options import Since
from clankers.cli.output import counting_bar, print_json, say
from clankers.errors import EX_FAIL, ClankersError, UsageError
from clankers.formatting import clean, counted, local_time, short_bytes
from clankers.queries.changes import log_end
from clankers.queries.dialect import Database
from clankers.queries.filters import Filters, filters
from clankers.queries.session_select import all_sessions, named, with_children
from clankers.render.redact import Masks
from clankers.sync.acknowledged import FILE, MEMORY, Acknowledged, AcknowledgedRow, set_aside, unusable
from clankers.sync.encode import Encoder
from clankers.sync.errors import DeniedError, SendError, StoppedError, UnavailableError
from clankers.sync.push import SESSIONS, Push, Sends, Sent, count_pending
from clankers.sync.settings import Settings, load
from clankers.system.locks import NamedLock

if TYPE_CHECKING:
    from clankers.sync.client import Health, Sender

_POLL = 2.0  # seconds between two looks at what is new, as session-sync has it
_WINDOW = 5.0  # seconds after which a session may be sent again
_LONGEST_WAIT = 60.0  # seconds between two tries to reach a server that is away

commands = typer.Typer(invoke_without_command=True)


@commands.callback()
def command(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Keep running, and send new rows as they come.")] = False,
    session: Annotated[
        list[str] | None,
        typer.Option(
            "--session",
            metavar="SESSION",
            help="Only this session: an id, its beginning, or `last`; repeat it for several.",
        ),
    ] = None,
    since: Since = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent, one request a line; send nothing.")
    ] = False,
) -> None:
    """Send new rows to a server of yours, then stop.

    Nothing is sent unless SESSION_API_URL and SESSION_API_KEY are set, by
    `clankers config set` or in the environment. Credentials in what was
    recorded are masked, unless SESSION_SYNC_SCRUB is false.

    Examples:
        clankers sync --dry-run | jq .
        clankers sync --watch
        clankers sync status
    """
    if context.invoked_subcommand:
        return
    if watch and (session or since or dry_run):
        raise UsageError("--watch sends all new rows; use it alone")
    chosen = filters(since=since)
    root = paths.data_root()
    settings = load(root)
    if dry_run:
        _print_bodies(root, settings, session or [], chosen)
        return
    if not settings.session_sync_enabled:
        say("SESSION_SYNC_ENABLED is false; nothing is sent")
        return
    settings.check()
    from clankers.sync.client import Sender

    stop = threading.Event()
    with (
        NamedLock(os.path.join(root, "sync.lock"), "sync", "another sync is running"),
        _stopping(stop),
        contextlib.closing(Acknowledged(os.path.join(root, FILE), settings.session_api_url)) as known,
        contextlib.closing(Sender(settings, stop, _debug)) as sender,
    ):
        if watch:
            _watch(settings, known, sender, stop)
        else:
            _once(settings, known, sender, session or [], chosen)


def _once(settings: Settings, known: Acknowledged, sender: "Sender", names: list[str], chosen: Filters) -> None:
    with contextlib.closing(open_current()) as db, counting_bar("Sending rows") as step:
        which = _which(db, names, chosen)
        push = _push(db, settings, known, sender, step)
        try:
            all_of_it = push.push(which)
        except StoppedError:
            raise
        except SendError as e:
            known.fail(str(e))
            raise
    typer.echo(summary(push.sent) + ("" if all_of_it else "; other sessions are pending"))
    if push.sent.aside:
        say(f"the server refused {counted(push.sent.aside, 'row')}; `clankers sync status` says why")
        raise typer.Exit(EX_FAIL)


def summary(sent: Sent) -> str:
    """What was sent, in a line."""
    if not sent.requests:
        return "Nothing new to send"
    kinds = {"messages": "message", "parts": "part", "tools": "tool call", "errors": "error"}
    rows = "".join(f", {counted(sent.rows[kind], name)}" for kind, name in kinds.items() if sent.rows.get(kind))
    how = f"{counted(sent.requests, 'request')}, {short_bytes(sent.bytes)}"
    return f"Sent {counted(sent.sessions, 'session')}{rows} in {how}"


def _which(db: Database, names: list[str], chosen: Filters) -> Callable[[str], bool] | None:
    """Which sessions are meant: those named, with their subagents, of those that are chosen for; None for all."""
    if not names and not chosen:
        return None
    known = all_sessions(db, chosen)
    ids = {one.id for one in with_children(known, named(known, names))} if names else set(known)
    return ids.__contains__


def _push(
    db: Database, settings: Settings, known: Acknowledged, sender: Sends, step: Callable[[int], object] = int
) -> Push:
    encoder = Encoder(db, Masks() if settings.session_sync_scrub else None)
    say: Callable[[str], object] = _debug if settings.session_sync_debug else str
    return Push(db, encoder, known, sender, batch_size=settings.session_sync_batch_size, step=step, say=say)


class _Printer:
    """Prints bodies."""

    def send(self, body: bytes) -> None:
        if sys.stdout.isatty():  # what is recorded must not steer it
            typer.echo(clean(body.decode("utf-8", "replace")))
        else:
            sys.stdout.buffer.write(body + b"\n")


class _Unchanged(Acknowledged):
    """What the server has acknowledged; nothing is noted in the file, because printing sends nothing."""

    def __init__(self, path: str, url: str) -> None:
        super().__init__(path, url)
        self._printed: dict[str, AcknowledgedRow] = {}  # sessions' own rows

    def acknowledge(self, session: str, rows: Iterable[tuple[str, str, bytes]], *_: object, **__: object) -> None:
        """Nothing was; but a session's own row is printed once."""
        self._printed |= {id: AcknowledgedRow(session, digest) for kind, id, digest in rows if kind == SESSIONS}

    def row(self, kind: str, id: str) -> AcknowledgedRow | None:
        """As `Acknowledged.row`; of a session's own row also what was printed."""
        return (self._printed.get(id) if kind == SESSIONS else None) or super().row(kind, id)

    def acknowledge_session(self, *_: object) -> None:
        """Nothing was."""

    def reach(self, *_: object) -> None:
        """Nothing was."""


def _print_bodies(root: str, settings: Settings, names: list[str], chosen: Filters) -> None:
    path = os.path.join(root, FILE)
    there = settings.session_api_url and os.path.exists(path)
    with (
        contextlib.closing(_Unchanged(path if there else MEMORY, settings.session_api_url)) as known,
        contextlib.closing(open_current()) as db,
    ):
        push = _push(db, settings, known, _Printer())
        push.push(_which(db, names, chosen))


def _watch(settings: Settings, known: Acknowledged, sender: "Sender", stop: threading.Event) -> None:
    """Send what comes until stopped; wait for a server that is away."""
    beat = _Beat(settings, sender)
    window = _Window(settings.session_sync_max_dedup_entries)
    wait, said = _POLL, ""
    while not stop.is_set():
        beat.check()
        try:
            with contextlib.closing(open_current()) as db:
                push = _push(db, settings, known, sender)
                push.push(window.admits)
        except StoppedError:
            break
        except (UnavailableError, DeniedError) as e:
            known.fail(str(e))
            if str(e) != said:
                say(str(e))
            wait, said = min(wait * 2, _LONGEST_WAIT), str(e)
        else:
            wait = _POLL
            if said:
                say("the server accepts data again")
                said = ""
        stop.wait(wait)


class _Window:
    """Holds back a session that was sent a moment ago, so that a growing one is not sent for every event.

    Args:
        most: sessions that are remembered.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._sent: dict[str, float] = {}

    def admits(self, session: str) -> bool:
        """Whether to send it now; if not, a later pass does."""
        now = time.monotonic()
        while self._sent and now - next(iter(self._sent.values())) >= _WINDOW:
            del self._sent[next(iter(self._sent))]
        if session in self._sent:
            return False
        if len(self._sent) < self._most:
            self._sent[session] = now
        return True


class _Beat:
    """Checks the server's health now and then."""

    def __init__(self, settings: Settings, sender: "Sender") -> None:
        self._every = settings.session_sync_health_check_interval_ms / 1000
        self._sender = sender
        self._next = time.monotonic()
        self._well = True

    def check(self) -> None:
        """Check, if it is time; a change is printed."""
        if not self._every or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every
        health = self._sender.health()
        if health.ok != self._well:
            say("the server's health check passes again" if health.ok else f"the server is failed: {health.wrong}")
        self._well = health.ok


@contextlib.contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """Set `stop` on a signal to end, so that the current request is finished first."""
    names = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    # By a thread: an event's lock may be held by what the signal has interrupted.
    before = {name: signal.signal(name, lambda *_: threading.Thread(target=stop.set).start()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


@commands.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON: one object.")] = False) -> None:
    """Show sync progress, pending rows and server health."""
    root = paths.data_root()
    settings = load(root)
    url = settings.session_api_url
    path = os.path.join(root, FILE)
    with (
        contextlib.closing(Acknowledged(path if os.path.exists(path) else MEMORY, url)) as known,
        contextlib.closing(open_current()) as db,
    ):
        standing, aside = known.status(), known.set_aside()
        waiting = count_pending(db, known)
        end = log_end(db)
    waiting["events"] = (end.lines if end else 0) - (standing.position.lines if standing.position else 0)
    health = _health(settings)
    if as_json:
        print_json(
            {
                "url": url or None,
                "enabled": settings.session_sync_enabled,
                "position": standing.position and standing.position._asdict(),
                "pending": waiting,
                "last_success": standing.succeeded_at,
                "last_error": standing.failed_at and {"at": standing.failed_at, "message": standing.failure},
                "set_aside": [dict(zip(("status", "kind", "rows", "reason"), one, strict=True)) for one in aside],
                "health": health and health._asdict(),
            }
        )
        return
    at = standing.position
    lines = [
        ("server", url or "none: `clankers config set SESSION_API_URL https://...`"),
        ("enabled", "yes" if settings.session_sync_enabled else "no (SESSION_SYNC_ENABLED)"),
        (
            "position",
            f"{at.file}, byte {at.offset:,}; {counted(at.lines, 'event')}"
            if at
            else "nothing is fully acknowledged yet",
        ),
        (
            "pending",
            ", ".join(counted(n, kind[:-1]) for kind, n in waiting.items()) if waiting["sessions"] else "nothing",
        ),
        ("last success", local_time(standing.succeeded_at) or "never"),
        ("last error", f"{local_time(standing.failed_at)}: {standing.failure}" if standing.failed_at else "none"),
        *(("set aside", f"{counted(n, kind[:-1])}, status {code}: {why}") for code, kind, n, why in aside),
    ]
    if health:
        lines.append(("health", f"ok ({health.ms} ms)" if health.ok else f"failed: {health.wrong}"))
    for name, value in lines:
        typer.echo(f"{name:14}{clean(value)}")


def _health(settings: Settings) -> "Health | None":
    """The server's health now; None: no server is configured."""
    try:
        settings.check()
    except ClankersError:
        return None
    from clankers.sync.client import Sender

    with contextlib.closing(Sender(settings, threading.Event(), _debug)) as sender:
        return sender.health()


@commands.command()
def reset() -> None:
    """Send everything again with the next `clankers sync`, refused rows too."""
    root = paths.data_root()
    path = os.path.join(root, FILE)
    url = load(root).session_api_url
    with NamedLock(os.path.join(root, "sync.lock"), "sync reset", "a sync is running"):
        if unusable(path):
            say(f"{set_aside(path)} is what could not be used; remove it when you no longer need it")
        elif os.path.exists(path):
            with contextlib.closing(Acknowledged(path, url)) as known:
                known.reset()
    typer.echo(f"Forgot what {url or 'a server'} has; the next `clankers sync` sends everything")


def _debug(line: str) -> None:
    print(f"[Session Sync] {clean(line)}", file=sys.stderr, flush=True)
