"""`clankers doctor`: what is and is not working, each finding with its remedy. It changes nothing."""

import os
import shutil
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import apsw
import msgspec
import typer

from clankers import harnesses, paths
from clankers.cli.doctor_root import Finding, data_root_findings
from clankers.cli.output import print_json
from clankers.cli.scrub import unfinished as scrub_unfinished
from clankers.errors import EX_FAIL, EX_USAGE, ClankersError
from clankers.formatting import clean, counted, local_time, short_bytes
from clankers.harnesses.base import Harness, unreadable
from clankers.harnesses.installer import Installer, Version, client_version
from clankers.harnesses.launcher import launcher_needed, launcher_path, launcher_text
from clankers.log import envelope, tombstones
from clankers.log.reader import LogFile, log_files
from clankers.log.segments import ARCHIVING, COMPRESSED, Segment, disk_sizes, list_segments, segment_sizes
from clankers.log.writer import FSYNC_ENV, OFF, ON, file_name, fsync_setting
from clankers.maintenance import in_place_edit
from clankers.maintenance.backup_files import backup_files
from clankers.queries.connect import open_for_reading
from clankers.queries.first_backfill import under_way
from clankers.queries.health import other_clients, rejects, unknown_events, unpriced
from clankers.system.config_files import content
from clankers.system.extensions import ExtensionError
from clankers.system.install_manifest import installed
from clankers.system.locks import watched
from projector.adapters import Adapters, UnusableError
from projector.adapters.wire import millis
from projector.replay.replay import LogChangedError, pending
from projector.search.index import index_bytes
from projector.store.meta import BACKFILL, PROBLEMS, adapters_noted, read_meta
from projector.store.sqlite_file import VERSION
from projector.store.sqlite_writer import SqliteStore

_SPACE = 1 << 30  # bytes that should be free
_RECENT_NS = 2 * 86400 * 10**9  # lines that cannot be used are a concern for so long
_REBUILD = "clankers project --rebuild"
_NAMED = 5  # models without a price, and event types, that are named
_LOOK = 30  # days of the log in which the last event of a source is looked for: archived ones take their time


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an array of findings.")] = False) -> None:
    """Show what works, what does not, and what to do.

    It changes nothing. Exit code 1 if something needs attention.
    """
    found = list(examine(paths.data_root(), paths.database_path()))
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        about = ""
        for finding in found:
            if finding.about != about:
                about = finding.about
                typer.echo(about)
            mark = "! " if not finding.ok else "- " if finding.remedy else "ok"  # -: nothing is wrong, but worth a look
            typer.echo(f"  {mark} {clean(finding.text)}")
            if finding.remedy:
                typer.echo(f"     -> {clean(finding.remedy)}")
    if not all(finding.ok for finding in found):
        raise typer.Exit(EX_FAIL)


def examine(root: str, database: str) -> Iterator[Finding]:
    """All checks of the data root `root` and the database `database`."""
    places = installed(root)
    for name in harnesses.names(root):
        theirs = [path for path, source in places.items() if source == name]
        try:
            yield from _readable(_harness(harnesses.load(name, root), root, theirs))
        except ExtensionError as e:
            yield Finding(name, False, e.finding, e.remedy)
        except Exception as e:
            if name in harnesses.BUILT_IN:
                raise
            finding = f"the extension {name} fails: {type(e).__name__}: {e}"
            yield Finding(name, False, finding, "update its package, or uninstall it")
    if launcher_needed(root):
        yield from _hooks()
    yield from _readable(_log(root))
    yield from _readable(data_root_findings(root, database))
    yield from _readable(_begun(root))
    yield from _readable(_kept(root, database))
    yield from _readable(_database(root, database))


def _readable(findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except OSError as e:
        yield Finding("Log", False, f"it cannot be read: {e}", "repair it, or move it away")
    except ClankersError as e:
        yield Finding("Log", False, str(e))


def _harness(harness: Harness, root: str, places: list[Path]) -> Iterator[Finding]:
    version = client_version(harness)
    installer = harness.installer()
    if version:
        yield Finding(harness.title, True, f"version {'.'.join(map(str, version))} is on the PATH")
    else:
        yield Finding(harness.title, True, f"`{harness.program}` is not on the PATH")
    there = (yield from _entries(harness, installer, version, places)) if installer else False
    days = log_files(root)
    last = _last_event(root, days[-_LOOK:], harness.name)
    if last:
        yield Finding(harness.title, True, f"the last event came at {local_time(last)}")
    elif there:
        remedy = "start a session; if nothing comes, look at what the client says about hooks or plugins"
        nothing = "nothing was recorded yet" if len(days) <= _LOOK else f"nothing in the log's last {_LOOK} days"
        yield Finding(harness.title, True, nothing, remedy)
    yield from _stores(harness, stored=0 if last else harness.count())
    if installer and not there:
        text = "has no entry that `clankers install` made" if last else "is not recorded"
        yield Finding(harness.title, not version or bool(last), text, f"clankers install {harness.name}")


def _stores(harness: Harness, *, stored: int) -> Iterator[Finding]:
    """What the client has kept itself, and nobody has read."""
    for path in unreadable(harness):
        yield Finding(
            harness.title, False, f"{path} cannot be read: its sessions are not imported", f"chmod u+rwx {path}"
        )
    if stored:
        text = f"about {counted(stored, 'session')} in its own files, and none in the log"
        yield Finding(harness.title, True, text, f"clankers backfill {harness.name}")


def _entries(
    harness: Harness, installer: Installer, version: Version | None, places: list[Path]
) -> Generator[Finding, None, bool]:
    """Our entries in the client's configuration; returns whether there is one."""
    there: set[Path] = set()
    files = installer.files(None)
    with suppress(ClankersError):  # a client may have no hooks of a project
        files += installer.files(Path.cwd())
    for path in dict.fromkeys([*files, *places]):
        try:
            if installer.installed(path):
                if (place := installer.place(path)) not in there:
                    yield Finding(harness.title, True, f"is recorded by {place}")
                there.add(place)
                for obstacle in installer.obstacles(path, version):
                    yield Finding(harness.title, False, obstacle.finding, obstacle.remedy)
            elif path in places:
                remedy = (
                    f"`clankers install {harness.name}` restores it, `clankers uninstall {harness.name}` forgets it"
                )
                yield Finding(harness.title, False, f"our entry in {path} is gone", remedy)
        except ClankersError as e:
            yield Finding(harness.title, False, str(e), "repair the file")
    return bool(there)


def _hooks() -> Iterator[Finding]:
    """Whether the command of the hooks reaches a recorder: without one they do nothing, silently."""
    path, again = launcher_path(), "run `clankers install` again for each harness"
    try:
        found = content(path)
    except ClankersError as e:
        yield Finding("Hooks", False, str(e), again)
        return
    if found is None:
        yield Finding("Hooks", False, f"{path}, which every hook runs, is gone: nothing is recorded", again)
        return
    problem = _problem_of_recorder(str(path))
    if problem is None:
        yield Finding("Hooks", False, f"{path} finds no recorder: nothing is recorded", again)
    elif problem:
        yield Finding("Hooks", False, f"the recorder that {path} starts fails: {problem}", again)
    elif found != launcher_text():
        text = f"{path} starts the recorder, but another environment or version installed it"
        yield Finding("Hooks", True, text, f"to record by this one, {again}")
    else:
        yield Finding("Hooks", True, f"{path} starts the recorder")


def _problem_of_recorder(*script: str) -> str | None:
    """What the recorder that a launcher starts says is wrong, empty if nothing is; None if it finds no recorder."""
    done = subprocess.run(["/bin/sh", *script], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode == EX_USAGE:  # it misses the name of a harness, so it is the recorder
        return ""
    return None if done.returncode == 0 else done.stderr.decode("utf-8", "replace").strip()[-300:] or "it says nothing"


class _Head(msgspec.Struct):
    source: str
    ts: str


def _last_event(root: str, days: list[LogFile], source: str) -> int | None:
    """When (epoch milliseconds) the last event of `source` was logged on one of `days`; None where there is none."""
    for file in reversed(days):
        last = None
        with Segment(root, file.name) as day:
            for lines in day.blocks():
                last = _last_in(lines, source) or last
        if last:
            return last
    return None


def _last_in(lines: bytes, source: str) -> int | None:
    key = b'"source":"%s"' % source.encode()
    at = lines.rfind(key)
    while at >= 0:
        start = lines.rfind(b"\n", 0, at) + 1
        try:
            head = msgspec.json.decode(lines[start : lines.find(b"\n", at)], type=_Head)
            if head.source == source:
                return millis(head.ts)
        except (msgspec.MsgspecError, ValueError):
            pass  # a torn or damaged line
        at = lines.rfind(key, 0, start)
    return None


def _log(root: str) -> Iterator[Finding]:
    about = "Log"
    there = Path(os.path.abspath(root))
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        remedy = f"give it back to yourself (chown, chmod u+rwx), or set {paths.DATA_ENV}"
        yield Finding(about, False, f"{there} cannot be written, and with it the data root", remedy)
        return
    if not os.path.isdir(root):
        yield Finding(about, True, f"{root} is not there yet; the first event makes it")
        return
    found = disk_sizes(root)
    packed = sum(name.endswith(COMPRESSED) for name, _ in found)
    archived = f", {packed:,} of them archived" if packed else ""
    size = short_bytes(sum(n for _, n in found))
    yield Finding(about, True, f"{size} in {counted(len(found), 'daily file')}{archived} in {root}")
    free = shutil.disk_usage(root).free
    enough = free >= _SPACE
    yield Finding(about, enough, f"{short_bytes(free)} free on its disk", None if enough else "make room")
    problem = _problem_of_recorder("-c", os.fsdecode(launcher_text()))
    said = f"the recorder does not start: {problem}" if problem else "the recorder starts"
    yield Finding(about, not problem, said, "reinstall clankers" if problem else None)
    if (fsync := fsync_setting()) == OFF:
        yield Finding(about, True, f"{FSYNC_ENV} is {OFF}: a power loss may take what came in its last half minute")
    elif fsync != ON:
        said = f"{FSYNC_ENV} is {fsync!r}, which means nothing: events are synced, as by {ON}"
        yield Finding(about, False, said, f"set it to {ON} or {OFF}, or not at all")


def _begun(root: str) -> Iterator[Finding]:
    """What was begun with the log and is not done, because it was killed."""
    about, now = "Log", "or it is still running"
    days = log_files(root)[-_LOOK:]
    for stone in tombstones.tombstones(root, days[0].name[9:19]) if days else ():
        if not stone.done:
            text = f"the removal of {counted(len(stone.sessions), 'session')} was not finished, {now}"
            yield Finding(about, False, text, "clankers forget")
    if scrub_unfinished(root):
        yield Finding(about, False, f"a scrub was not finished, {now}", "clankers scrub")
    if in_place_edit.unfinished(root):
        yield Finding(about, False, f"a change of a daily file was not finished, {now}", "clankers repair")
    for name, ends in list_segments(root).items() if days else ():
        if ARCHIVING in ends:
            text = f"{name} is on its way into its archive, and read like the others"
            yield Finding(about, True, text, "the next `clankers archive` finishes it")


def _kept(root: str, database: str) -> Iterator[Finding]:
    for path in backup_files(root, database):
        size = short_bytes(os.stat(path).st_size)
        yield Finding(
            "Log", True, f"a copy of what was damaged is kept: {path}, {size}", "remove it when you need it no more"
        )


def _database(root: str, path: str) -> Iterator[Finding]:
    about = "Database"
    if not os.path.exists(path):
        yield Finding(about, True, f"{path} is not there yet; any command that reads makes it")
        return
    size = sum(os.stat(path + end).st_size for end in ("", "-wal") if os.path.exists(path + end))
    indexed = index_bytes(path)
    beside = f", and {short_bytes(indexed)} beside it that `clankers search` needs" if indexed else ""
    yield Finding(about, True, f"{short_bytes(size)} in {path}{beside}")
    try:
        db = open_for_reading(path)
        try:
            yield from _content(db, root, path)
        finally:
            db.close()
    except LogChangedError as e:
        yield Finding(about, False, f"the log is not what was read: {e}", "clankers project")
    except (ClankersError, apsw.Error) as e:
        yield Finding(about, False, f"it cannot be read: {e}", _REBUILD)


def _adapters(root: str, path: str) -> Iterator[Finding]:
    """The adapters that made rows of the database and are not there any more."""
    adapters = Adapters(root)
    for source, version in adapters_noted(path).items():
        try:
            missing = "" if adapters.of(source) else "no adapter is installed"
        except UnusableError as e:
            missing = str(e)
        if missing:
            made = f"{source}: version {version or 'unknown'} of its adapter made rows, but {missing}"
            yield Finding("Adapters", False, made, f"install its package again, then run `clankers install {source}`")


def _content(db: apsw.Connection, root: str, path: str) -> Iterator[Finding]:
    about = "Database"
    if (version := db.pragma("user_version")) != VERSION:
        newer = version > VERSION
        made = f"made by {'a newer' if newer else 'another'} clankers (schema {version}, this one's is {VERSION})"
        remedy = f"update clankers, or `{_REBUILD}` makes it again from the log" if newer else "clankers project"
        yield Finding(about, False, made, remedy)
        return
    now = segment_sizes(root)
    behind = sum(now.get(file.name, offset) - offset for file, offset, *_ in pending(SqliteStore(db), root))
    watcher = "; a watcher keeps it so" if watched(path) else ""
    if behind:
        yield Finding(about, True, f"{short_bytes(behind)} of the log behind; any command that reads catches up")
    else:
        yield Finding(about, True, f"current{watcher}")
    yield from _adapters(root, path)
    unusable = rejects(db)
    last = unusable.last_file
    recent = last is not None and last >= file_name(envelope.day_of(time.time_ns() - _RECENT_NS))
    if unusable.lines:
        text = f"{counted(unusable.lines, 'line')} of the log could not be used, the last in {last}"
        remedy = 'clankers query "select * from rejects" lists them with the reasons; the raw lines are kept'
        yield Finding(about, not recent, text, remedy)
    else:
        yield Finding(about, True, "every line could be used")
    if unusable.values:
        text = f"{counted(unusable.values, 'value')} of an unexpected form left out; the rest of their lines was used"
        yield Finding(
            about,
            True,
            text,
            'clankers query "select * from ignored_values" lists them; a newer clankers may know them',
        )
    yield from _unknown_events(db)
    yield from _other_clients(db)
    yield from _prices(db)
    done = read_meta(path, BACKFILL)
    if under_way():
        yield Finding(about, True, "older sessions are being imported right now")
    elif done and done.isdigit():
        yield Finding(about, True, f"older sessions were imported at {local_time(int(done))}")
    else:
        yield Finding(about, True, "older sessions were not imported; run `clankers backfill`")
    for problem in filter(None, (read_meta(path, PROBLEMS) or "").split("\n")):
        yield Finding(about, False, f"not imported: {problem}", "repair or remove it, then run `clankers backfill`")


def _unknown_events(db: apsw.Connection) -> Iterator[Finding]:
    """Which event types no adapter knows: a client may have changed, or have an adapter to come."""
    unknown = unknown_events(db)
    if not unknown:
        return
    named = [f"{one.source}{f' {one.client_version}' if one.client_version else ''} {one.type}" for one in unknown]
    shown = ", ".join(named[:_NAMED]) + (f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else "")
    text = f"{counted(sum(one.events for one in unknown), 'event')} of unknown types: {shown}"
    remedy = 'clankers query "select * from event_types where not known"; a newer clankers may know them'
    yield Finding("Database", True, text, remedy)


def _other_clients(db: apsw.Connection) -> Iterator[Finding]:
    """Which clients run the hooks of another."""
    for one in other_clients(db):
        client = f"{one.client} {one.client_version}".strip()
        text = f"{counted(one.events, 'event')} of {client}, which runs the hooks of {one.source}: they make no session"
        remedy = f"nothing is wrong; to stop them, turn off third-party hooks in the settings of {one.client}"
        yield Finding("Database", True, text, remedy)


def _prices(db: apsw.Connection) -> Iterator[Finding]:
    """Which models have no price: nothing is wrong then, but their messages have no cost."""
    found = unpriced(db)
    if found is None:
        return
    table, models, messages = found.table, list(found.messages), sum(found.messages.values())
    if not models:
        yield Finding("Database", True, f"every model with an estimated cost has a price in {table}")
        return
    named = ", ".join(models[:_NAMED]) + (f" and {len(models) - _NAMED:,} more" if len(models) > _NAMED else "")
    text = f"{table} has no price for {named}: {messages:,} messages have no cost"
    yield Finding("Database", True, text, 'clankers query "select * from v_unpriced"; a newer clankers may know them')
