"""`clankers resume`: starts the client that knows a session, which goes on with it."""

import sys
from contextlib import closing
from typing import Annotated

import typer

from clankers import harnesses, paths
from clankers.cli.clients import ClientError, check_start, start
from clankers.cli.database import open_current
from clankers.cli.options import known_ids
from clankers.cli.output import say
from clankers.cli.restore import announced, carry_out, planned
from clankers.formatting import clean
from clankers.queries.resume import ResumeCommand, SessionTree, resume_command, session_tree
from clankers.queries.session_select import LAST, all_sessions, named
from clankers.restore.files import RestoreError
from clankers.restore.write import Found


def command(
    session: Annotated[
        str,
        typer.Argument(
            metavar="SESSION",
            help="An id, its beginning, or `last` for the last active.",
            autocompletion=known_ids,
        ),
    ] = LAST,
    show: Annotated[bool, typer.Option("--print", help="Print the command for a shell; start nothing.")] = False,
) -> None:
    """Resume a session in its own client.

    The client starts in the session's directory. If it has lost the session,
    its files are restored first; you are asked.

    Examples:
        clankers resume
        clankers resume 3f2a --print
    """
    root = paths.data_root()
    with closing(open_current()) as db:
        tree = session_tree(db, named(all_sessions(db), [session])[0].id)
        assert tree is not None
        found = resume_command(db, root, tree.id)
    if found is None:
        title = harnesses.load(tree.source, root).title
        raise ClientError(
            f"{title} cannot resume a session by its id; `clankers handoff` continues it in another client"
        )
    if show:
        typer.echo(clean(found.shell))
        if is_lost(root, tree):
            say(f"its client has lost the session; first run `clankers restore {clean(tree.id)}`")
        return
    program = check_start(harnesses.load(tree.source, root), found.directory)
    if is_lost(root, tree):
        _restore(root, tree)
    _start(program, found)


def is_lost(root: str, tree: SessionTree) -> bool:
    """Whether the client no longer has the session, and it can be restored."""
    if harnesses.load(tree.source, root).has(tree.id):
        return False
    try:
        plan = planned(root, tree, None)
    except RestoreError:
        return False
    return any(target.found is Found.NOTHING for target in plan.targets)


def _restore(root: str, tree: SessionTree) -> None:
    if not sys.stdin.isatty():
        raise ClientError(f"the client has lost the session; run `clankers restore {clean(tree.id)}` first")
    typer.echo("Its client has lost this session.")
    plan = announced(root, tree, None)
    if not typer.confirm("Restore these files?", default=True):
        raise typer.Abort
    carry_out(root, tree, plan)


def _start(program: str, found: ResumeCommand) -> None:
    assert found.directory is not None
    start(program, found.argv, found.directory)
