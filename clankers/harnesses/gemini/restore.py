"""A session's chat files, made from their records."""

import os
import re
from collections import defaultdict

from clankers.harnesses.base import nested
from clankers.harnesses.gemini.chat_files import (
    DOCUMENT,
    HEADER,
    LINES,
    OUTPUT,
    PROJECT,
    SESSION,
    chats_of,
    checked,
    project_root,
)
from clankers.harnesses.gemini.history import home
from clankers.ingest.source import SourceError
from clankers.restore.documents import document
from clankers.restore.files import RestoredFiles, RestoreError
from clankers.restore.lines import lines_file, saved_text
from clankers.restore.names import elsewhere
from clankers.restore.records import LoggedRecord, LoggedSession

_MOST = 1000  # projects of one name


def files(session: LoggedSession) -> RestoredFiles:
    """The session's chats, its subagents', and the long outputs of tools."""
    found, slug = _place(session)
    lines: dict[str, list[LoggedRecord]] = defaultdict(list)
    documents: dict[str, list[LoggedRecord]] = defaultdict(list)
    for record in session.records:
        part = re.split(r"[@#\[]", record.id, maxsplit=1)[0].partition("/")[2]
        if record.place:
            lines[part].append(record)
        elif record.kind == OUTPUT:
            if (text := saved_text(record.value())) is not None:
                found.add(("tmp", slug, "tool-outputs", SESSION + session.id, part), text)
        elif record.kind != PROJECT:
            documents[part].append(record)
    for part, records in lines.items():
        folder, name = os.path.split(part)
        above = (folder or session.id,) if not name.startswith(SESSION) else ()
        end = session.parts.get(part, session.parts.get(f"{session.id}/{part}"))
        found.add(("tmp", slug, "chats", *above, name + LINES), lines_file(records, found.lacking, end))
    for part, records in documents.items():
        if (content := document(records, found.lacking)) is not None:
            found.add(("tmp", slug, "chats", part + DOCUMENT), content)
    return found


def _place(session: LoggedSession) -> tuple[RestoredFiles, str]:
    """The client's directory, and the name of the project's in it, which has a file that says where the project is.

    Raises:
        RestoreError: nothing says which project.
    """
    found = RestoredFiles(str(home()))
    root = next((record.value() for record in reversed(session.records) if record.kind == PROJECT), None)
    project = nested(root, "projectRoot")
    for path in session.paths("transcript_path"):
        try:
            folder = os.path.dirname(checked(path) if path == session.place else chats_of(session.id, path))
        except SourceError:
            continue
        found.aside = elsewhere(os.path.dirname(os.path.dirname(folder)), found.root)
        slug = os.path.basename(folder)
        break
    else:
        slug = _free(found.root, project) if isinstance(project, str) else _digest(session)
    if isinstance(project, str):
        found.add(("tmp", slug, ".project_root"), project.encode())
    return found, slug


def _free(root: str, project: str) -> str:
    """The name of the directory for `project`: a later one of several projects with one name has a number behind it."""
    name = re.sub("[^a-z0-9]+", "-", os.path.basename(project).lower()).strip("-") or "project"
    for slug in (name, *(f"{name}-{n}" for n in range(1, _MOST))):
        if project_root(os.path.join(root, "tmp", slug)) in ("", project):
            return slug
    raise RestoreError(f"{root} has directories of {_MOST:,} other projects named {name}")


def _digest(session: LoggedSession) -> str:
    """The digest that older versions name the project's directory by."""
    for record in session.records:
        value = record.value()
        header = value if record.kind == HEADER else nested(value, "head")
        if isinstance(digest := nested(header, "projectHash"), str):
            return digest
    raise RestoreError(f"session {session.id}: no record says in which project it was")
