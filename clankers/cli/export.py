"""`clankers export`: sessions as documents or lines of the log, tables as Parquet; credentials masked by default."""

import os
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated

import apsw
import typer

from clankers import paths
from clankers.cli.database import open_current
from clankers.cli.options import Model, Project, Since, Sources, Until, known_ids
from clankers.cli.output import counting_bar, progress_bar, say
from clankers.errors import UsageError
from clankers.formatting import clean, counted
from clankers.queries.connect import log_bytes
from clankers.queries.conversation_reader import conversation
from clankers.queries.dialect import Database
from clankers.queries.filters import Filters, filters
from clankers.queries.session_select import all_sessions, named, with_children
from clankers.queries.tables import tables
from clankers.render.labels import count
from clankers.render.redact import Masks
from clankers.system.atomic_write import output_file


class Format(StrEnum):
    """The formats of an export."""

    MD = "md"
    HTML = "html"
    JSONL = "jsonl"
    PARQUET = "parquet"


def command(
    sessions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SESSION...",
            help="Ids, their beginnings, or `last`.",
            show_default=False,
            autocompletion=known_ids,
        ),
    ] = None,
    to: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write; a directory for Parquet; `-` for stdout."
        ),
    ] = "-",
    format: Annotated[
        Format | None,
        typer.Option(help="Default: by the suffix of FILE, else md. `jsonl`: lines of the log; `parquet`: tables."),
    ] = None,
    no_scrub: Annotated[bool, typer.Option("--no-scrub", help="Do not mask credentials.")] = False,
    source: Sources = None,
    project: Project = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write sessions as Markdown, HTML, JSONL or Parquet.

    Without SESSION, all sessions that match the filters. Parquet without
    filters has everything. Credentials are masked.

    Examples:
        clankers export last -o talk.html
        clankers export --project . --since 7d -o week.md
        clankers export --format parquet -o tables/
    """
    chosen = filters(source, project, model, since, until)
    form = format or _by_ending(to)
    if form is Format.PARQUET:
        if to == "-":
            raise UsageError("Parquet is one file a table: name a directory by -o")
        if os.path.exists(to) and not os.path.isdir(to):
            raise UsageError(f"{to} is a file; Parquet is one file a table: name a directory by -o")
    elif not sessions and not chosen:
        raise UsageError("say what to export: SESSION..., `last`, or filters as --project . or --since 7d")
    masks = Masks()
    db = open_current()
    try:
        if form is Format.PARQUET:
            only = _with_subagents(db, meant(db, sessions or [], chosen)) if sessions or chosen else None
            _tables(db, to, only, None if no_scrub else masks)
        else:
            write(to, render(db, meant(db, sessions or [], chosen), form, None if no_scrub else masks))
    finally:
        db.close()
    if masks.counts:
        kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(masks.counts.items()))
        say(f"{count(masks.counts.total(), 'credential')} masked ({kinds}); --no-scrub leaves them")


def meant(db: Database, names: list[str], chosen: Filters) -> list[str]:
    """The ids of the sessions to export, each once; subagents go with their parents.

    Raises:
        UsageError: a name is nobody's, or more than one's; or there is nothing.
    """
    known = all_sessions(db, chosen)
    # A filter selects conversations; a subagent is part of its parent's.
    ids = (
        [one.id for one in named(known, names)]
        if names
        else [id for id, one in known.items() if one.parent not in known]
    )
    if not ids:
        raise UsageError("no sessions match; nothing was exported")
    return list(dict.fromkeys(ids))


def _with_subagents(db: Database, ids: list[str]) -> list[str]:
    known = all_sessions(db)
    return [one.id for one in with_children(known, [known[id] for id in ids])]


def render(db: Database, ids: list[str], form: Format, masks: Masks | None) -> Iterator[bytes]:
    """The parts of the file with the sessions `ids`, of which one at a time is held in memory."""
    if form is Format.JSONL:
        yield from _lines(db, ids, masks)
        return
    found = (conversation(db, id) for id in ids)
    hidden = map(masks.conversation, found) if masks else found
    parts: Iterable[str]
    if form is Format.HTML:
        from clankers.render.html import html

        parts = html(hidden, len(ids))
    else:
        from clankers.render.markdown import markdown

        parts = (f"{block}\n\n" for one in hidden for block in markdown(one))
    for part in parts:
        yield part.encode()


def write(to: str, parts: Iterable[bytes]) -> None:
    """Write the file `to`, completely or not at all; `-` is stdout.

    Raises:
        OSError: it cannot be written.
    """
    if to == "-":
        for part in parts:
            if sys.stdout.isatty():  # what is recorded must not steer it
                print("\n".join(map(clean, part.decode("utf-8", "replace").split("\n"))), end="")
            else:
                sys.stdout.flush()
                sys.stdout.buffer.write(part)
        return
    if os.path.isdir(to):
        raise UsageError(f"{to} is a directory; name a file in it")
    with output_file(to) as f:
        f.writelines(parts)


def _by_ending(to: str) -> Format:
    ending = os.path.splitext(to)[1].lower()
    return {".html": Format.HTML, ".htm": Format.HTML, ".jsonl": Format.JSONL, ".parquet": Format.PARQUET}.get(
        ending, Format.MD
    )


def _lines(db: Database, sessions: list[str], masks: Masks | None) -> Iterator[bytes]:
    """The lines of the log about sessions and their subagents, unchanged but for masks."""
    from clankers.maintenance.scrub import mask_line
    from clankers.secrets.detect import hints
    from projector.trace.ownership import SessionMatcher
    from projector.trace.provenance import source_lines

    ids = set(_with_subagents(db, sessions))
    root = paths.data_root()
    unusable = 0
    with progress_bar("Looking through the log", log_bytes(root)) as step:
        for one in source_lines(root, SessionMatcher(root, ids), step):
            if one.line.event is None:
                unusable += 1
                continue
            raw = one.line.raw
            if masks and hints(raw):
                raw, counts = mask_line(raw)
                masks.counts += counts
            yield raw + b"\n"
    if unusable:
        say(f"left out {count(unusable, 'unreadable line')} with a session's id; `clankers verify` lists damage")


def _tables(db: apsw.Connection, folder: str, sessions: list[str] | None, masks: Masks | None) -> None:
    from clankers.render.parquet import write_tables

    with counting_bar("Writing rows") as step:
        done = write_tables(tables(db, sessions), folder, masks.text if masks else str, step)
    typer.echo(f"{counted(sum(done.values()), 'row')} of {counted(len(done), 'table')} in {clean(folder)}")
