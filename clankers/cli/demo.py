"""`clankers demo`: one recorded day of a project in several harnesses, replayed into a temporary directory."""

import os
import re
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

import typer

from clankers.cli.output import print_table
from clankers.cli.sessions import print_sessions
from clankers.formatting import clean
from clankers.log.writer import file_name
from clankers.queries.connect import open_for_reading
from clankers.queries.sessions import list_sessions
from clankers.queries.statement import run_statement
from projector.replay.rebuild import update

DAY = "2026-11-27"
_PATTERN = '"level":"(error|warn)"'
_QUERIES = (("The harnesses side by side", "harnesses"), ("The calls that failed", "failures"))
_NEXT = """Record your own sessions:
  clankers install    sets up the clients on this machine, and imports the last 30 days
  clankers sessions   lists what is recorded; `clankers show last` reads the latest session
  clankers docs       the reference"""


def command() -> None:
    """Show a recorded sample, in a temporary directory.

    None of your data is read or written.
    """
    with tempfile.TemporaryDirectory(prefix="clankers-demo-") as root:
        log = Path(root, file_name(DAY))
        assets = files("clankers") / "assets" / "demo"
        log.write_bytes((assets / "log.jsonl").read_bytes())
        database = os.path.join(root, "clankers.db")
        done = update(database, root)
        db = open_for_reading(database)
        try:
            sessions = list_sessions(db, 25)
            sources = len({session.source for session in sessions})
            typer.echo(f"{done.events} recorded events of one project in {sources} harnesses, replayed into {database}")
            typer.echo("\nThe sessions (clankers sessions --tree):")
            print_sessions(sessions, tree=True)
            typer.echo()
            for head, name in _QUERIES:
                typer.echo(f"{head} (clankers query ...):")
                columns, rows, _ = run_statement(db, (assets / f"{name}.sql").read_text("utf-8"))
                print_table(columns, rows, right=columns[1:] if name == "harnesses" else ["exit"])
                typer.echo()
        finally:
            db.close()
        typer.echo(f"The raw log, the first line that rg '{_PATTERN}' finds:")
        typer.echo(clean(_first_match(log))[:300] + " ...\n")
    typer.echo(_NEXT)


def _first_match(log: Path) -> str:
    if rg := shutil.which("rg"):
        found = subprocess.run([rg, "--max-count=1", _PATTERN, str(log)], capture_output=True, text=True, check=False)
        return found.stdout
    return next(line for line in log.read_text("utf-8").splitlines() if re.search(_PATTERN, line))
