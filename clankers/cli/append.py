"""The help of `clankers append`. The command itself is `clankers.append`, which imports none of this."""

from typing import Annotated

import typer

from clankers import harnesses


def command(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help=f"The harness: {', '.join(harnesses.BUILT_IN)}, or a name of yours.")
    ],
    type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="The event's type, if the document has none.")
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Read one document a line, until the end of input.")] = False,
) -> None:
    """Append one JSON document from stdin to the log.

    Exit code 0: the line is written and synced to disk. 65: the input is not
    one JSON document, and is kept as a line of type `invalid`. 74: the log
    cannot be written. Nothing is printed on stdout.

    Examples:
        echo '{"type":"note","text":"deployed"}' | clankers append my-agent
        my-agent --json | clankers append my-agent --stream
    """
    raise AssertionError(f"`append` runs in clankers.append, never here: {source} {type} {stream}")  # pragma: no cover
