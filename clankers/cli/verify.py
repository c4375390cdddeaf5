"""`clankers verify`: checks every line of the log, and the database against a fresh replay."""

from typing import Annotated

import apsw
import msgspec
import typer

from clankers import paths
from clankers.cli.database import bring_up_to_date
from clankers.cli.output import counting_bar, print_json, progress_bar
from clankers.errors import EX_FAIL, BusyError, ClankersError
from clankers.formatting import clean, counted
from clankers.maintenance import in_place_edit
from clankers.maintenance.verify import Problem, Verified, verify
from clankers.queries.connect import log_bytes
from projector.replay.compare import Difference, FreshReplay


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON: one object.")] = False) -> None:
    """Check every line of the log, and the database.

    The database is compared with a fresh replay. Exit code 1 if a check fails.
    """
    root, path = paths.data_root(), paths.database_path()
    log = examine_log(root)
    if not as_json:
        for bad in [*log.bad, *log.unfinished]:
            typer.echo(place(bad))
        counts = f"{counted(log.lines, 'line')} in {counted(log.files, 'file')}: {len(log.bad):,} bad"
        if log.unfinished:
            counts += f", {len(log.unfinished):,} not finished yet"
        if log.without_crc:
            counts += f", {log.without_crc:,} without a CRC"
        if log.same_id:
            counts += f", {len(log.same_id):,} with the id of another (both are used)"
        typer.echo(counts)
        if log.bad:
            typer.echo("log: `clankers repair` repairs what it safely can")
    database = _examine_database(path, root)
    if as_json:
        print_json(
            {
                "lines": log.lines,
                "files": log.files,
                "bad": [bad.as_dict() for bad in log.bad],
                "unfinished": [bad.as_dict() for bad in log.unfinished],
                "without_crc": log.without_crc,
                "same_id": [one.as_dict() for one in log.same_id],
                "database": {"ok": not database, "differences": msgspec.to_builtins(database)},
            }
        )
    else:
        for difference in database:
            typer.echo(f"database: {clean(_told(difference))}")
        remedy = "differs from the log; run `clankers project --rebuild`"
        typer.echo(f"database: {remedy if database else 'equals a fresh replay of the log'}")
    if log.bad or database:
        raise typer.Exit(EX_FAIL)


def examine_log(root: str) -> Verified:
    """Every line of the log in `root`, with a progress bar."""
    with progress_bar("Reading the log", log_bytes(root)) as step:
        found = verify(root, progress=step)
    if in_place_edit.unfinished(root):
        reason = "a change is in progress, or was killed; `clankers repair` finishes it"
        found.bad.append(Problem(in_place_edit.JOURNAL, 0, 0, reason))
    return found


def place(bad: Problem) -> str:
    """A place in the log, and what is wrong there, for people."""
    return clean(f"{bad.file}:{bad.line}: at byte {bad.offset}: {bad.reason}")


def _examine_database(path: str, root: str) -> list[Difference]:
    def catch_up() -> None:
        try:
            bring_up_to_date("verify")
        except BusyError:
            pass  # another projector does it
        except (OSError, apsw.ReadOnlyError):
            pass  # it cannot be written, as in a mounted backup: it is compared as of its last update

    try:
        with FreshReplay(path, root) as fresh:
            with progress_bar("Replaying the log", log_bytes(root)) as step:
                fresh.build(progress=step)
            with counting_bar("Comparing the tables") as step:
                return fresh.differences(catch_up, step=step)
    except BusyError:
        raise
    except (ClankersError, apsw.CantOpenError) as e:
        return [Difference("", problem=str(e))]


def _told(difference: Difference) -> str:
    counts = [
        f"{count:,} {what}"
        for count, what in (
            (difference.missing, "missing"),
            (difference.extra, "unexpected"),
            (difference.changed, "changed"),
        )
        if count
    ]
    ids = f": {', '.join(difference.ids)}" if difference.ids else ""
    said = difference.problem or f"{', '.join(counts)}{ids}"
    return f"{difference.table}: {said}" if difference.table else said
