"""Long outputs of tools, which Claude Code keeps as files beside the transcript and cuts in it.

    <session>@tool-results/<name>#<crc>  the id of a record, by the file's name and content

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import stat

from clankers.ingest.jsonl_tail import READ_ONLY
from clankers.ingest.source import Record, is_plain
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = "tool-results"
KIND = "transcript.tool-result"  # {"sessionId":...,"name":<of the file>,"text":...}, "text_b64" if it is not UTF-8
_ENDINGS = (".txt", ".json")  # others are images and documents


def new_outputs(folder: str, offsets: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """The files in `folder` that have another size than `offsets` says of their parts: part and size, by name.

    Links are passed over, and names that cannot stand in an id.
    """
    folder = os.path.join(folder, FOLDER)
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return
        with os.scandir(folder) as entries:
            names = sorted(e.name for e in entries if e.name.endswith(_ENDINGS) and is_plain(e.name))
    except OSError:  # most of the time there is none
        return
    for name in names:
        try:
            status = os.lstat(os.path.join(folder, name))
        except OSError:
            continue
        part = f"{FOLDER}/{name}"
        if stat.S_ISREG(status.st_mode) and status.st_size and status.st_size != offsets.get(part, 0):
            yield part, status.st_size


def output_record(session: str, folder: str, part: str) -> Record | None:
    """The record of the file of `part`; None if it is gone."""
    from clankers.ingest.saved_text import text_member  # most sessions have no such file

    try:
        fd = os.open(os.path.join(folder, part), READ_ONLY)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        content, crc = text_member(fd)
    finally:
        os.close(fd)
    name = part.removeprefix(FOLDER + "/")
    payload = b'{"sessionId":%s,"name":%s,%s}' % (strict_json.quote(session), strict_json.quote(name), content)
    return Record(f"{session}@{part}#{crc:08x}", KIND, envelope.INFO, payload)
