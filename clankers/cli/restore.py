"""`clankers restore`: writes the files of sessions back where their clients look for them."""

import os
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from clankers import harnesses, paths
from clankers.cli.clients import ClientError, check_start
from clankers.cli.database import open_current
from clankers.cli.options import known_ids
from clankers.cli.output import say
from clankers.errors import EX_FAIL
from clankers.formatting import clean, counted, session_title, short_bytes
from clankers.harnesses.base import Harness
from clankers.log import tombstones
from clankers.queries.dialect import Database
from clankers.queries.resume import SessionTree, resume_command, session_tree
from clankers.queries.session_select import all_sessions, named
from clankers.restore.files import RestoredFiles, RestoreError
from clankers.restore.records import read_sessions
from clankers.restore.write import Found, Target, targets, write

_SAID = 300  # characters of what a client says
_STATES = {Found.NOTHING: "write", Found.SAME: "there", Found.OTHER: "differs"}


class Plan(NamedTuple):
    """What is to be written of a session and its subagents.

    Attributes:
        files: of all of them.
        folder: below which they are written; empty where the client imports them.
        targets: the files, and what is in their places.
    """

    files: RestoredFiles
    folder: str
    targets: list[Target]


def command(
    sessions: Annotated[
        list[str],
        typer.Argument(
            metavar="SESSION...",
            help="Ids, their beginnings, or `last`.",
            show_default=False,
            autocompletion=known_ids,
        ),
    ],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Write below DIR, in place of the client's directory.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files; write nothing.")] = False,
) -> None:
    """Restore the files of sessions that a client has lost.

    The client can then list and resume the session. A file that is there and
    differs is never overwritten. What the log does not have is listed first.

    Examples:
        clankers restore last --dry-run
        clankers restore 3f2a
        clankers restore 3f2a --to ~/restored
    """
    root = paths.data_root()
    failed = False
    with closing(open_current()) as db:
        for one in named(all_sessions(db), sessions):
            tree = session_tree(db, one.id)
            assert tree is not None
            try:
                restore(root, tree, str(to) if to else None, dry_run=dry_run)
            except (RestoreError, ClientError) as e:
                say(e)
                failed = True
                continue
            if not dry_run and to is None:
                _say_how_to_resume(db, root, tree)
    if failed:
        raise typer.Exit(EX_FAIL)


def restore(root: str, tree: SessionTree, to: str | None, *, dry_run: bool = False) -> None:
    """Print what `announced` prints; then write the files.

    Raises:
        RestoreError: it cannot be restored, or a file is there and differs.
        ClientError: its client has to import it, and cannot be started.
    """
    plan = announced(root, tree, to)
    if not dry_run:
        carry_out(root, tree, plan)


def announced(root: str, tree: SessionTree, to: str | None) -> Plan:
    """What would be written of the session. It is printed, after what the log lacks.

    Raises:
        RestoreError: it cannot be restored, or a file is there and differs.
    """
    typer.echo(f"{clean(tree.source)} {clean(tree.id)}  {session_title(tree.title)}")
    plan = planned(root, tree, to)
    lacking = {what: n for what, n in plan.files.lacking.items() if n}
    if set(tree.members) & tombstones.forgotten(tombstones.tombstones(root)):
        lacking["what was forgotten before"] = 1
    for what, times in lacking.items():
        typer.echo(f"  not in the log: {clean(what)} ({times:,})")
    for target in plan.targets:
        size = short_bytes(len(target.content))
        typer.echo(f"  {_STATES[target.found]:8}{clean(_short(target.shown))} ({size})")
    if differing := [target for target in plan.targets if target.found is Found.OTHER]:
        raise RestoreError(
            f"{counted(len(differing), 'file')} of session {clean(tree.id)} are there and differ; nothing was written: "
            "`--to DIR` writes elsewhere"
        )
    return plan


def carry_out(root: str, tree: SessionTree, plan: Plan) -> None:
    """Write the files of `plan`, or let the client import them.

    Raises:
        RestoreError: a file has come to be there, or the client does not import them.
        ClientError: the client cannot be started.
    """
    if plan.folder:
        write(plan.files, plan.folder, plan.targets)
    elif missing := [target for target in plan.targets if target.found is Found.NOTHING]:
        _import(harnesses.load(tree.source, root), plan.files, missing, tree.directory)


def planned(root: str, tree: SessionTree, to: str | None) -> Plan:
    """What would be written of the session and its subagents.

    Raises:
        RestoreError: it cannot be restored.
        ExtensionError: another package provides its harness, and it cannot be loaded.
    """
    harness = harnesses.load(tree.source, root)
    if (restorer := harness.restorer()) is None:
        raise RestoreError(
            f"sessions of {harness.title} cannot be restored; `clankers docs restore` says why, `clankers show "
            f"{clean(tree.id)}` prints this one"
        )
    merged: RestoredFiles | None = None
    for session in read_sessions(root, tree.source, tree.members):
        if not session.records and not harness.imports_with:  # a subagent's are among its parent's
            continue
        try:
            found = restorer(session)
        except RestoreError:
            if merged is None:
                raise
            merged.lacking[f"the files of subagent {session.id}"] += 1
            continue
        except (ValueError, LookupError, TypeError, AttributeError) as e:  # lines that another program wrote
            raise RestoreError(
                f"session {clean(session.id)} cannot be restored: a record has another form than its harness writes "
                f"({type(e).__name__}); `clankers show {clean(tree.id)} --raw` prints the records"
            ) from e
        if merged is None:
            merged = found
        else:
            merged.files |= found.files
            merged.list_lines |= found.list_lines
            merged.lacking += found.lacking
            merged.aside = merged.aside or found.aside
            merged.known |= found.known
    if merged is None:
        raise RestoreError(f"session {clean(tree.id)} cannot be restored: the log has only events of it, no files")
    if merged.aside and to is None:
        raise RestoreError(
            f"session {clean(tree.id)} was recorded in {clean(merged.aside)}, and not in {clean(merged.root)}: "
            "another machine's or user's directory; `--to DIR` writes elsewhere"
        )
    if harness.imports_with and to is None:
        command = " ".join((harness.program, *harness.imports_with))
        listed = [
            Target(path, content, Found.SAME if path in merged.known else Found.NOTHING, f"{command} {path[-1]}")
            for path, content in merged.files.items()
        ]
        return Plan(merged, "", listed)
    folder = os.path.abspath(to) if to is not None else merged.root
    return Plan(merged, folder, targets(merged, folder))


def _import(harness: Harness, files: RestoredFiles, missing: list[Target], directory: str | None) -> None:
    """Let the client import those of `files` that are `missing`, in the session's directory, where it then lists them.

    Raises:
        RestoreError: it cannot import them.
        ClientError: it cannot be started.
    """
    program = check_start(harness, directory)
    with tempfile.TemporaryDirectory(prefix="clankers-") as folder:
        write(files, folder, missing)
        for target in missing:
            argv = [program, *harness.imports_with, os.path.join(folder, *target.path)]
            done = subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if done.returncode:
                said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
                raise RestoreError(f"{harness.program} did not import the session: {clean(said[-_SAID:])}")


def _say_how_to_resume(db: Database, root: str, tree: SessionTree) -> None:
    if found := resume_command(db, root, tree.id):
        typer.echo(f"Resume it: {clean(found.shell)}")


def _short(path: str) -> str:
    home = paths.home()
    return f"~{path.removeprefix(home)}" if path.startswith(home + os.sep) else path
