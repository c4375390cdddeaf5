"""The database: whether it can be read, is current, and what the log has that it could not use."""

import os
import time
from collections.abc import Iterator

import apsw

from clankers.checks.finding import Finding
from clankers.errors import ClankersError
from clankers.formatting import counted, local_time, short_bytes
from clankers.log import envelope
from clankers.log.segments import segment_sizes
from clankers.log.writer import file_name
from clankers.queries.connect import open_for_reading
from clankers.queries.first_backfill import under_way
from clankers.queries.health import other_clients, rejects, unknown_events, unpriced
from clankers.system.locks import watched
from projector.adapters import Adapters, UnusableError
from projector.replay.replay import LogChangedError, pending
from projector.search.index import index_bytes
from projector.store.meta import BACKFILL, PROBLEMS, adapters_noted, read_meta
from projector.store.sqlite_file import VERSION
from projector.store.sqlite_writer import SqliteStore

_RECENT_NS = 2 * 86400 * 10**9  # lines that cannot be used are a concern for so long
_REBUILD = "clankers project --rebuild"
_NAMED = 5  # models without a price, and event types, that are named


def database_findings(root: str, path: str) -> Iterator[Finding]:
    """The database at `path` of the log in `root`."""
    about = "Database"
    if not os.path.exists(path):
        yield Finding(about, True, f"{path} does not exist yet; any command that reads creates it")
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
        yield Finding(about, False, f"the log was changed after it was read: {e}", "clankers project")
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
