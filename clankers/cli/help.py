"""`clankers help COMMAND`: the same as `clankers COMMAND --help`."""

from typing import Annotated

import typer

from clankers import cli


def command(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND...", help="A command, such as `stats` or `sync status`.")
    ] = None,
) -> None:
    """Show the help of a command.

    The same as `clankers COMMAND --help`.

    Examples:
        clankers help stats
        clankers help sync status
    """
    asked = words or []
    cli.application(asked[0] if asked and asked[0] in cli.COMMANDS else None)([*asked, "--help"], prog_name="clankers")
