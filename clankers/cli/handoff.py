"""`clankers handoff`: another agent goes on with a session; its first prompt is made from the record."""

from contextlib import closing
from typing import Annotated

import apsw
import msgspec
import typer

from clankers import harnesses, paths
from clankers.cli.clients import ClientError, check_start, start
from clankers.cli.database import open_current
from clankers.cli.options import known_ids, known_sources
from clankers.cli.output import say
from clankers.errors import UsageError
from clankers.formatting import clean, counted
from clankers.queries.conversation_reader import conversation
from clankers.queries.failures import failed_calls
from clankers.queries.files import touched_files
from clankers.queries.resume import SessionTree, session_tree
from clankers.queries.session_rows import todo_rows
from clankers.queries.session_select import all_sessions, named
from clankers.render.brief import BYTES_PER_TOKEN, WorkRecord, brief
from clankers.render.redact import Masks

_MOST = 30_000  # tokens: Linux takes 128 KiB in an argument
_LEAST = 500  # tokens
_ROWS = 200  # of files, and of calls that failed: more never fit


def command(
    session: Annotated[
        str,
        typer.Argument(
            metavar="SESSION",
            help="An id, its beginning, or `last`.",
            show_default=False,
            autocompletion=known_ids,
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="HARNESS", help="The agent that goes on.", autocompletion=known_sources),
    ] = None,
    tokens: Annotated[
        int,
        typer.Option(
            metavar="N", min=_LEAST, max=_MOST, help=f"How long the brief may be; {BYTES_PER_TOKEN} bytes count as one."
        ),
    ] = 8000,
    show: Annotated[bool, typer.Option("--print", help="Print the brief; start nothing.")] = False,
) -> None:
    """Continue a session in another agent.

    The agent starts in the session's directory. Its first prompt is a brief
    made from the record: prompts, edited files, failures, open to-dos and the
    last turns. Credentials are masked. This sends recorded content to that
    agent's vendor.

    Examples:
        clankers handoff last --to codex
        clankers handoff 3f2a --to claude-code --tokens 20000
        clankers handoff 3f2a --to pi --print
    """
    root = paths.data_root()
    if to is None:
        raise UsageError(f"say which agent continues: --to and one of {', '.join(harnesses.names(root))}")
    harness = harnesses.load(to, root)
    masks = Masks()
    with closing(open_current()) as db:
        tree = session_tree(db, named(all_sessions(db), [session])[0].id)
        assert tree is not None
        client = harnesses.find(tree.source, root)
        record = record_of(db, tree, client.title if client else tree.source, masks)
    text = brief(record, tokens * BYTES_PER_TOKEN)
    masked = masks.counts.total()
    if masked:
        say(f"masked {counted(masked, 'credential')} in the record")
    if show:
        typer.echo(text)
        return
    if (argv := harness.start(text)) is None:
        raise ClientError(f"{harness.title} takes no first prompt from a command line; paste what --print prints")
    program = check_start(harness, tree.directory)
    assert tree.directory is not None
    size = len(text.encode()) // BYTES_PER_TOKEN
    say(f"starting {harness.title} in {clean(tree.directory)} with a brief of about {size:,} tokens")
    start(program, argv, tree.directory)


def record_of(db: apsw.Connection, tree: SessionTree, client: str, masks: Masks) -> WorkRecord:
    """What is known of the session, its credentials masked."""
    files = [
        msgspec.structs.replace(file, path=masks.text(file.path))
        for id in tree.members
        for file in touched_files(db, _ROWS, session=id, edits_only=True)
    ]
    failed = [one for id in tree.members for one in failed_calls(db, _ROWS, session=id, redact=masks.text)]
    return WorkRecord(
        conversation=masks.conversation(conversation(db, tree.id)),
        client=client,
        files=sorted(files, key=lambda file: -file.last_at),
        failed=sorted(failed, key=lambda call: -(call.created_at or 0)),
        todos=[todo._replace(content=masks.text(todo.content or "")) for todo in todo_rows(db, tree.id)],
    )
