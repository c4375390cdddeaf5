"""`clankers scrub`: credentials out of the log and the database.

What was begun is noted in `<root>/scrub.unfinished` until the database is new too: after a kill the log alone may have
nothing to find any more.
"""

import os
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from clankers import paths
from clankers.cli.output import print_json, progress_bar, say
from clankers.formatting import counted
from clankers.maintenance import in_place_edit, scrub_marker
from clankers.maintenance.archive import remove_unfinished
from clankers.maintenance.backup_files import backup_files
from clankers.queries.connect import log_bytes
from projector.replay.rebuild import rebuild
from projector.store.lock import PATIENCE, ProjectorLock
from projector.trace.erase import empty_wal

if TYPE_CHECKING:
    from clankers.maintenance.scrub import CredentialCount


def command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be masked, with file and line; change nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON: one object.")] = False,
) -> None:
    """Mask credentials in the log and the database.

    Credentials are counted by kind and never printed. Revoke them all the
    same. While `project --watch` runs, nothing changes: exit code 75.

    Examples:
        clankers scrub --dry-run
        clankers scrub
    """
    from clankers.maintenance import scrub  # brings detect-secrets and requests, which no other command is to wait for

    root, path = paths.data_root(), paths.database_path()
    if dry_run:
        with progress_bar("Looking", log_bytes(root)) as step:
            places = [one for name in scrub.files(root) for one in scrub.find(root, name, step)]
    elif os.path.exists(root):
        places = _scrub(root, path)
    else:
        places = []
    counts: Counter[str] = Counter()
    for one in places:
        counts[one.kind] += one.times
    masked = {os.path.abspath(os.path.join(root, name)) for name in scrub.files(root)}
    left = [copy for copy in backup_files(root, path) if copy not in masked]
    if json:
        found = {"counts": dict(sorted(counts.items())), "places": [one._asdict() for one in places]}
        print_json({"dry_run": dry_run, **found, "not_searched": left})
        return
    if dry_run:
        for one in places:
            typer.echo(f"{one.file}:{one.line}: {one.kind}{f' ({one.times:,})' if one.times > 1 else ''}")
    for kind, count in sorted(counts.items()):
        typer.echo(f"{kind}: {count:,}")
    typer.echo(f"{counted(sum(counts.values()), 'credential')} {'would be ' if dry_run else ''}masked")
    for copy in left:
        say(f"{copy} is a copy that was not searched; remove it by hand")


def _scrub(root: str, path: str) -> "list[CredentialCount]":
    from clankers.maintenance import scrub

    with ProjectorLock(path, "scrub", patience=PATIENCE):
        in_place_edit.finish(root)
        with in_place_edit.lock(root, "scrub"):
            remove_unfinished(root)  # what a killed archiver had not finished holds credentials as well
        killed = scrub_marker.is_unfinished(root)
        scrub_marker.begin(root)
        with progress_bar("Scrubbing", log_bytes(root)) as step:
            places = [one for name in scrub.files(root) for one in scrub.scrub(root, name, step)]
        if (places or killed) and os.path.exists(path):
            with progress_bar("Rebuilding", log_bytes(root)) as step:
                rebuild(path, root, progress=step)
            empty_wal(path, "scrub")
        scrub_marker.end(root)
    return places
