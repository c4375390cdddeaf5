"""`clankers archive`: closed days of the log, compressed."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from clankers import paths
from clankers.cli.options import TIMES
from clankers.cli.output import progress_bar, say
from clankers.errors import EX_FAIL, UsageError
from clankers.formatting import counted, short_bytes
from clankers.log.segments import COMPRESSED, disk_sizes
from clankers.maintenance import in_place_edit
from clankers.maintenance.archive import InUseError, archive_all, due, remove_unfinished
from clankers.maintenance.gzip_writer import ArchiveError
from clankers.queries.dates import span

_GRACE = timedelta(days=1)  # a corrected clock, or a writer that began before midnight, may append to yesterday


def command(
    before: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help=f"Archive the UTC days before WHEN; default: yesterday. {TIMES}"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the days; change nothing.")] = False,
) -> None:
    """Compress closed days of the log.

    All commands read archived days as before; so do `rg -z` and `zcat`.
    Today's file is never archived, yesterday's only with --before. If an
    archived day gets more lines, the next run merges them.

    Examples:
        clankers archive --dry-run
        clankers archive --before 2026-11
    """
    begun = time.monotonic()
    root = paths.data_root()
    days = due(root, _day(before))
    if not days:
        typer.echo("Nothing to archive.")
        return
    size = _bytes(root, days)
    if dry_run:
        typer.echo("\n".join(f"{name}  {short_bytes(_bytes(root, [name]))}" for name in days))
        typer.echo(f"{counted(len(days), 'day')} to archive, {short_bytes(size)}")
        return
    in_place_edit.finish(root)
    left = []
    failed = False
    with (
        in_place_edit.lock(root, "archive"),
        progress_bar("Archiving", size) as step,
    ):
        if in_place_edit.unfinished(root):  # it names a plain file
            raise ArchiveError("a repair was killed just now; run `clankers archive` again, which finishes it first")
        remove_unfinished(root)
        for name, error in archive_all(root, days, progress=step):
            say(error)
            left.append(name)
            failed = failed or not isinstance(error, InUseError)
    done = [name for name in days if name not in left]
    after = short_bytes(_bytes(root, done, COMPRESSED))
    before_bytes = short_bytes(size - _bytes(root, left))
    rest = f"; {counted(len(left), 'day')} left unchanged" if left else ""
    took = f"in {time.monotonic() - begun:.2f} s"
    typer.echo(f"{counted(len(done), 'day')} archived, {before_bytes} before, {after} after, {took}{rest}")
    if failed:
        raise typer.Exit(EX_FAIL)


def _day(text: str | None) -> str:
    """The first UTC day that is not to be archived."""
    today = datetime.now(UTC).date()
    if text is None:
        return (today - _GRACE).isoformat()
    begin = span(text, "--before", datetime.now(UTC)).begin
    day = datetime.fromtimestamp(begin / 1000, UTC).date()
    if day > today:
        raise UsageError(f"--before {text}: today's file is being written; {today} is the latest that can be given")
    return day.isoformat()


def _bytes(root: str, days: list[str], *ends: str) -> int:
    """What the files of `days` take on the disk; only those with one of `ends`, where some are given."""
    return sum(
        size
        for file, size in disk_sizes(root)
        for day, end in [file.partition(".jsonl")[::2]]
        if day + ".jsonl" in days and (not ends or end in ends)
    )
