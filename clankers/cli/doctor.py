"""`clankers doctor`: what is and is not working, each finding with its remedy. It changes nothing."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import msgspec
import typer

from clankers import paths
from clankers.checks.all_checks import examine
from clankers.checks.finding import Finding
from clankers.checks.harness import NOT_FOUND
from clankers.cli.output import print_json, say
from clankers.errors import EX_FAIL
from clankers.formatting import clean


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an array of findings.")] = False) -> None:
    """Show what works, what does not, and what to do.

    It changes nothing. Exit code 1 if something needs attention.
    """
    found = list(examine(paths.data_root(), paths.database_path(), lambda what: say(f"waiting for {what} ...")))
    if as_json:
        print_json(msgspec.to_builtins(found))
    else:
        print_findings(found)
    if not all(finding.ok for finding in found):
        raise typer.Exit(EX_FAIL)


def print_findings(found: Sequence[Finding]) -> None:
    """The findings by what they are about, clients that are not here in one line; then what to do, each remedy once."""
    absent = []
    for about, group in groupby(found, key=lambda one: one.about):
        findings = list(group)
        if len(findings) == 1 and findings[0].text.endswith(NOT_FOUND):
            absent.append(about)
            continue
        typer.echo(clean(about))
        for finding in findings:
            typer.echo(f"  {_mark(finding)} {clean(finding.text)}")
    if absent:
        typer.echo(clean(f"Not on this machine: {', '.join(absent)}"))
    remedies: dict[str, list[Finding]] = {}
    for finding in found:
        if finding.remedy:
            remedies.setdefault(finding.remedy, []).append(finding)
    if remedies:
        typer.echo("What to do:")
    for remedy, findings in sorted(remedies.items(), key=lambda item: all(one.ok for one in item[1])):
        typer.echo(f"  -> {clean(remedy)}")
        for finding in findings:
            typer.echo(clean(f"       {finding.about}: {finding.text}"))


def _mark(finding: Finding) -> str:
    """Two columns: `!` for what is wrong, `-` for what is worth a look."""
    return "! " if not finding.ok else "- " if finding.remedy else "ok"
