"""`clankers doctor`: what is and is not working, each finding with its remedy. It changes nothing."""

from typing import Annotated

import msgspec
import typer

from clankers import paths
from clankers.checks.all_checks import examine
from clankers.cli.output import print_json
from clankers.errors import EX_FAIL
from clankers.formatting import clean


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
