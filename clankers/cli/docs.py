"""`clankers docs`: the reference that is shipped with the package."""

import sys
from importlib.resources import files
from typing import Annotated

import typer

from clankers.errors import UsageError

TOPICS = {
    "commands": "what each command does",
    "web": "the page in the browser: access, addresses, JSON",
    "times": "how to write a time",
    "exit-codes": "what an exit code means",
    "tables": "the tables of the database",
    "log-format": "a line of the log",
    "configuration": "environment variables and settings",
    "durability": "what a crash can lose",
    "harnesses": "which agents are recorded, and how",
    "glossary": "the terms",
    "architecture": "the packages, and what each may import",
    "adding-a-harness": "how to support another agent",
}


def known_topics(begun: str) -> list[str]:
    """For the shell: the topics that begin with `begun`."""
    return [topic for topic in TOPICS if topic.startswith(begun)]


def command(
    topic: Annotated[
        str | None,
        typer.Argument(metavar="TOPIC", help="Without it, list the topics.", autocompletion=known_topics),
    ] = None,
) -> None:
    """Show a page of the reference.

    Without TOPIC, the topics. In a pipe the page is plain Markdown.

    Examples:
        clankers docs times
        clankers docs tables | less
    """
    if topic is None:
        width = max(map(len, TOPICS))
        typer.echo("\n".join(f"{name:{width}}  {meaning}" for name, meaning in TOPICS.items()))
        return
    if topic not in TOPICS:
        raise UsageError(f"there is no topic {topic!r}; the topics are {', '.join(TOPICS)}")
    text = page(topic)
    if not sys.stdout.isatty():
        typer.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    from clankers.cli.pager import paged

    with paged(Console(highlight=False)) as out:
        out.print(Markdown(text, hyperlinks=False, code_theme="ansi_dark"))


def page(topic: str) -> str:
    """The Markdown of a topic."""
    return files("clankers.docs").joinpath(f"{topic}.md").read_text("utf-8")
