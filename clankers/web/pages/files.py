"""The files that sessions edited or read, and for one of them which calls did so, after which prompt."""

from dataclasses import dataclass

from clankers.queries.files import FileTouch, TouchedFile, TouchPlace, file_touches, touched_files
from clankers.web.page import Asked, Page

_AT_ONCE = 100  # files
_TOUCHES = 50  # calls


@dataclass
class FilesData:
    """Files, the last touched first; `more` if there are others behind the last one."""

    files: list[TouchedFile]
    more: bool


@dataclass
class FileData:
    """The calls that touched one file, or the files below a directory, the last first; `more` as in `FilesData`."""

    path: str
    touches: list[FileTouch]
    more: bool


def find(asked: Asked) -> FilesData:
    """The files that match."""
    path = asked.one("file").strip() or None
    found = touched_files(
        asked.db, _AT_ONCE + 1, asked.filters, path=path, edits_only=_edits_only(asked), before=_place(asked)
    )
    return FilesData(found[:_AT_ONCE], len(found) > _AT_ONCE)


def find_file(asked: Asked) -> FileData:
    """The calls on the file that is asked for."""
    path = asked.one("file").strip()
    found = file_touches(
        asked.db, _TOUCHES + 1, asked.filters, path=path, edits_only=_edits_only(asked), before=_place(asked)
    )
    return FileData(path, found[:_TOUCHES], len(found) > _TOUCHES)


def _edits_only(asked: Asked) -> bool:
    return asked.one("edits") == "only"


def _place(asked: Asked) -> TouchPlace | None:
    """Behind which row the page begins: its time and key, with a dot between them."""
    at, _, key = asked.one("before").partition(".")
    return TouchPlace(int(at), key) if key and at.isdecimal() and len(at) < 19 else None


PAGE = Page(
    "/files",
    "files.html",
    find,
    "Files",
    filtered=True,
    parameters={
        "file": "Only this file, files whose path ends with it, and what is below this directory.",
        "edits": "`only`: leave out files that were only read.",
        "before": "Go on behind this row: its time in epoch milliseconds, a dot, and its path.",
    },
)
FILE = Page(
    "/files/calls",
    "file.html",
    find_file,
    filtered=True,
    parameters={
        "file": "The file, or the end of its path, or a directory.",
        "edits": "`only`: leave out calls that only read.",
        "before": "Go on behind this row: its time in epoch milliseconds, a dot, and its id.",
    },
)
