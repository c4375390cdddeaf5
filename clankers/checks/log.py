"""The log: whether it can be written, how large it is, and what was begun with it and is not done."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.checks.finding import Finding
from clankers.checks.hooks import recorder_problem
from clankers.checks.last_events import LOOK
from clankers.formatting import counted, short_bytes
from clankers.log import tombstones
from clankers.log.reader import log_files
from clankers.log.segments import ARCHIVING, COMPRESSED, disk_sizes, list_segments
from clankers.log.writer import FSYNC_ENV, OFF, ON, fsync_setting
from clankers.maintenance import in_place_edit, scrub_marker
from clankers.maintenance.backup_files import backup_files

_SPACE = 1 << 30  # bytes that should be free


def log_findings(root: str) -> Iterator[Finding]:
    """The daily files, their disk, and the recorder that writes them."""
    about = "Log"
    there = Path(os.path.abspath(root))
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        remedy = f"make it yours (chown, chmod u+rwx), or set {paths.DATA_ENV}"
        yield Finding(about, False, f"{there} cannot be written, and with it the data root", remedy)
        return
    if not os.path.isdir(root):
        yield Finding(about, True, f"{root} does not exist yet; the first event creates it")
        return
    found = disk_sizes(root)
    packed = sum(name.endswith(COMPRESSED) for name, _ in found)
    archived = f", {packed:,} of them archived" if packed else ""
    size = short_bytes(sum(n for _, n in found))
    yield Finding(about, True, f"{size} in {counted(len(found), 'daily file')}{archived} in {root}")
    free = shutil.disk_usage(root).free
    enough = free >= _SPACE
    yield Finding(about, enough, f"{short_bytes(free)} free on its disk", None if enough else "make room")
    problem = recorder_problem()
    said = f"the recorder does not start: {problem}" if problem else "the recorder starts"
    yield Finding(about, not problem, said, "reinstall clankers" if problem else None)
    if (fsync := fsync_setting()) == OFF:
        yield Finding(about, True, f"{FSYNC_ENV} is {OFF}: a power loss may take what came in its last half minute")
    elif fsync != ON:
        said = f"{FSYNC_ENV} is {fsync!r}, which means nothing: events are synced, as by {ON}"
        yield Finding(about, False, said, f"set it to {ON} or {OFF}, or not at all")


def unfinished_work(root: str, database: str) -> Iterator[Finding]:
    """What was begun with the log and is not done, because it was killed; and copies that were kept."""
    about, now = "Log", "or it is still running"
    days = log_files(root)[-LOOK:]
    for stone in tombstones.tombstones(root, days[0].name[9:19]) if days else ():
        if not stone.done:
            text = f"the removal of {counted(len(stone.sessions), 'session')} was not finished, {now}"
            yield Finding(about, False, text, "clankers forget")
    if scrub_marker.is_unfinished(root):
        yield Finding(about, False, f"a scrub was not finished, {now}", "clankers scrub")
    if in_place_edit.unfinished(root):
        yield Finding(about, False, f"a change of a daily file was not finished, {now}", "clankers repair")
    for name, ends in list_segments(root).items() if days else ():
        if ARCHIVING in ends:
            text = f"{name} is being archived, and read like the others"
            yield Finding(about, True, text, "the next `clankers archive` finishes it")
    yield from _kept(root, database)


def _kept(root: str, database: str) -> Iterator[Finding]:
    for path in backup_files(root, database):
        size = short_bytes(os.stat(path).st_size)
        yield Finding(
            "Log", True, f"a copy of what was damaged is kept: {path}, {size}", "remove it when you no longer need it"
        )
