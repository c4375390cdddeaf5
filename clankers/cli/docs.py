"""`clankers docs`: the reference that is shipped with the package."""

import sys
from importlib.resources import files
from typing import Annotated

import typer

from clankers import harnesses
from clankers.cli.pager import paging
from clankers.errors import UsageError

TOPICS = {
    "tasks": "how do I ...?",
    "commands": "all commands and options",
    "harnesses": "which agents are recorded, and how; a page each, such as `clankers docs codex`",
    "web": "the page in the browser",
    "search": "words, prefixes and phrases",
    "times": "how to write a time",
    "restore": "resume a session, hand it over, restore its files",
    "budgets": "budgets, the status line and 5-hour blocks",
    "blame": "who made a commit or a line, and how sure that is",
    "mcp": "agents search their own history",
    "tables": "tables, columns and SQL",
    "log-format": "a line of the log",
    "sync": "send sessions to a server, or receive them",
    "configuration": "files, environment variables and settings",
    "durability": "what a crash can lose",
    "security": "privacy, credentials, removing sessions",
    "exit-codes": "what an exit code means",
    "glossary": "the terms",
    "architecture": "how an event gets from a client to a row",
    "adding-a-harness": "how to support another agent",
    "testing": "how to run the tests and benchmarks",
    "releasing": "how to publish a version",
}


def known_topics(begun: str) -> list[str]:
    """For the shell: the topics that begin with `begun`."""
    return [topic for topic in (*TOPICS, *harnesses.BUILT_IN) if topic.startswith(begun)]


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
    if topic not in TOPICS and topic not in harnesses.BUILT_IN:
        raise UsageError(f"there is no topic {topic!r}; the topics are {', '.join(TOPICS)}, and each harness's name")
    text = page(topic)
    if not sys.stdout.isatty():
        typer.echo(text, nl=False)
        return
    from rich.markdown import Markdown

    from clankers.cli.rich_console import OutputConsole

    with paging():
        OutputConsole(highlight=False).print(Markdown(text, hyperlinks=False, code_theme="ansi_dark"))


def page(topic: str) -> str:
    """The Markdown of a topic, or of a harness."""
    folder = files("clankers.docs")
    return (folder if topic in TOPICS else folder / "harnesses").joinpath(f"{topic}.md").read_text("utf-8")
