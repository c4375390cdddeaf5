"""`clankers blame COMMIT | FILE[:LINE]`: which session, prompt and model made it."""

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import apsw
import msgspec
import typer

from clankers import paths
from clankers.cli.database import open_current
from clankers.cli.output import print_json, print_table, progress_bar, say
from clankers.errors import UsageError
from clankers.formatting import clean, local_time, session_title, shortened
from clankers.queries.blame import BlamedCommit, BlamedLines, Blamer, Evidence, Origin, recorded_as
from clankers.queries.claims import Sure
from clankers.queries.connect import log_bytes
from clankers.queries.log_places import find_places
from clankers.system.git import GitError, Repository

_HASH = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE)
_LINE = re.compile(r"(.+):([1-9]\d{0,8})", re.DOTALL)
_SHORT = 10  # characters of a hash
_PROMPT = 100  # columns
_TEXT = 60  # columns of a line of the file
_HAND = "No recorded session made it."


class Blame(msgspec.Struct, frozen=True):
    """Who made a commit, or the lines of a file: one of both lists is empty.

    Attributes:
        commits: several where a beginning of a hash is recorded for several.
    """

    commits: list[BlamedCommit]
    lines: list[BlamedLines]


def command(
    what: Annotated[
        str, typer.Argument(metavar="COMMIT|FILE[:LINE]", help="A commit as git names it, or a file, or a line of it.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an object with commits and lines.")] = False,
) -> None:
    """Show which session, prompt and model made a commit or a line.

    An answer is certain if a recorded call printed the commit's hash; likely
    if the commit was rewritten (amended, rebased, squashed) from a session's,
    or if calls wrote the line or most added lines; possible if a session only
    edited the same files before. Each answer names its evidence: a call, and
    its line in the log.

    Examples:
        clankers blame HEAD
        clankers blame src/parser.py:42
    """
    with closing(open_current()) as db:
        found = _blame(db, what)
    root = paths.data_root()
    shown = _origins(found)
    with progress_bar("Looking through the log", log_bytes(root)) as step:
        find_places(root, [evidence for origin in shown for evidence in origin.evidence], step)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    for number, commit in enumerate(found.commits):
        typer.echo("\n" * bool(number) + "\n".join(_of_commit(commit)))
    if len(found.lines) == 1:
        typer.echo("\n".join(_of_lines(found.lines[0])))
    elif found.lines:
        _print_lines(found.lines)


def _blame(db: apsw.Connection, what: str) -> Blame:
    """The answer for a file that is there, a commit of the repository here, or a recorded one.

    Raises:
        UsageError: it is none of them.
        GitError: the repository cannot be read.
    """
    if (place := _file_and_line(what)) is not None:
        path, line = place
        return Blame([], Blamer(db, Repository(path.parent)).lines(path, line))
    try:
        repository = Repository(Path.cwd())
    except GitError as e:
        if not _HASH.fullmatch(what):
            raise
        say(f"{e}; showing what is recorded of {what}")
    else:
        if hash := repository.resolve(what):
            return Blame([Blamer(db, repository).commit(hash)], [])
    if _HASH.fullmatch(what) and (commits := recorded_as(db, what.lower())):
        return Blame(commits, [])
    raise UsageError(f"{what!r} is neither a file, nor a commit of this repository, nor one that is recorded")


def _file_and_line(what: str) -> tuple[Path, int | None] | None:
    """The file and line that are meant; None if there is no such file."""
    try:
        if Path(what).is_file():
            return Path(what), None
        if (named := _LINE.fullmatch(what)) and Path(named[1]).is_file():
            return Path(named[1]), int(named[2])
    except (OSError, ValueError):  # a name that no file can have
        pass
    return None


def _origins(found: Blame) -> list[Origin]:
    origins = [*(one.origins for one in found.commits), *(one.origins for one in found.lines)]
    return list({id(origin): origin for some in origins for origin in some}.values())  # lines share those of a commit


def _of_commit(commit: BlamedCommit) -> Iterator[str]:
    yield f"{commit.hash[:_SHORT]}  {clean(commit.subject)}"
    if commit.author is not None:
        lines = f"+{commit.added_lines:,} -{commit.removed_lines:,}"
        yield f"{clean(commit.author)}, {local_time(commit.authored_at)}, {lines}"
    yield from _of_origins(commit.origins)


def _of_lines(lines: BlamedLines) -> Iterator[str]:
    number = str(lines.first) if lines.first == lines.last else f"{lines.first}-{lines.last}"
    yield f"{number}: {clean(lines.text)}"
    if lines.commit is None:
        yield "not committed"
    else:
        yield f"{lines.commit[:_SHORT]}  {clean(lines.subject or '')}"
    yield from _of_origins(lines.origins)


def _of_origins(origins: Iterable[Origin]) -> Iterator[str]:
    origin = None
    for origin in origins:
        about = (origin.source, origin.model or "", session_title(origin.title), origin.session_id)
        yield f"\n{origin.sure}: " + " · ".join(clean(text) for text in about if text)
        if origin.prompt:
            yield f"  {local_time(origin.prompt.created_at)}  {_short_prompt(origin)}"
        for one in origin.evidence:
            yield f"    {clean(one.what)}{_place(one)}"
    if origin is None:
        yield f"\n{Sure.NONE}: {_HAND}"


def _short_prompt(origin: Origin) -> str:
    return shortened(clean(" ".join(origin.prompt.text.split())), _PROMPT) if origin.prompt else ""


def _place(one: Evidence) -> str:
    return f"  ({one.file}:{one.line})" if one.file else ""


def _print_lines(lines: list[BlamedLines]) -> None:
    """A table with a row for the lines of one commit and prompt."""
    rows = []
    for one in lines:
        origin = one.origins[0] if one.origins else None
        number = str(one.first) if one.first == one.last else f"{one.first}-{one.last}"
        made = [origin.source, origin.model, origin.session_id, _short_prompt(origin)] if origin else [""] * 4
        commit = (one.commit or "")[:_SHORT]
        rows.append([number, commit, one.sure.value, *made, shortened(clean(one.text.strip()), _TEXT)])
    print_table(["lines", "commit", "sure", "source", "model", "session", "prompt", "text"], rows)
