"""The JSON tree of OpenCode 1.0 and 1.1, a file each message and part.

    session/<project>/<id>.json, message/<session>/<id>.json, part/<message>/<id>.json, todo/<session>.json,
    project/<id>.json

Ids stand inside the files, but for to-do lists.
"""

import os
import stat
from collections.abc import Iterator

from clankers.harnesses.opencode.harness import HARNESS, PREFIXES
from clankers.ingest.jsonl_tail import READ_ONLY
from clankers.ingest.source import Record, SourceError
from clankers.ingest.stored_session import StoredSession, make_record
from clankers.log import strict_json

_STORAGE = "storage."  # the prefix of the types given here
_MAX_FILE = 256 << 20  # bytes


def tree_sessions(harness: str, storage: str) -> Iterator[StoredSession]:
    """The sessions of `harness` in the JSON tree at `storage`; those of which only messages are left come last.

    Raises:
        OSError: a file cannot be read.
    """
    known = set()
    unlisted: list[str] = []
    for project in _names(unlisted, storage, "session"):
        for name in _names(unlisted, storage, "session", project):
            id = name.removesuffix(".json")
            problems: list[str] = []
            content = _content(problems, storage, "session", project, name)
            if content is not None:
                known.add(id)
                yield StoredSession(
                    harness, PREFIXES, id, _created(content), _tree_records(problems, storage, project, id, content)
                )
            elif problems:
                yield StoredSession(harness, PREFIXES, id, None, _raised(problems))
    for id in _names(unlisted, storage, "message"):
        if id not in known:
            yield StoredSession(harness, PREFIXES, id, None, _tree_messages([], storage, id))
    if unlisted:
        yield StoredSession(harness, PREFIXES, storage, None, _raised(unlisted))


def _tree_records(problems: list[str], storage: str, project: str, session: str, content: bytes) -> Iterator[Record]:
    if (about := _content(problems, storage, "project", project + ".json")) is not None:
        yield make_record(HARNESS.level, _STORAGE, "project", project, about)
    yield make_record(HARNESS.level, _STORAGE, "session", session, content)
    if (todos := _content(problems, storage, "todo", session + ".json")) is not None:
        at = os.stat(os.path.join(storage, "todo", session + ".json")).st_mtime_ns // 1_000_000
        head = b'{"sessionID":%s,"time":{"updated":%d},"todos":' % (strict_json.quote(session), at)
        yield make_record(HARNESS.level, _STORAGE, "todo", session, todos, head=head, tail=b"}")
    yield from _tree_messages(problems, storage, session)


def _tree_messages(problems: list[str], storage: str, session: str) -> Iterator[Record]:
    for name in _names(problems, storage, "message", session):
        message = name.removesuffix(".json")
        if (content := _content(problems, storage, "message", session, name)) is not None:
            yield make_record(HARNESS.level, _STORAGE, "message", message, content)
        for part in _names(problems, storage, "part", message):
            if (content := _content(problems, storage, "part", message, part)) is not None:
                yield make_record(HARNESS.level, _STORAGE, "part", part.removesuffix(".json"), content)
    yield from _raised(problems)


def _raised(problems: list[str]) -> Iterator[Record]:
    """No records, but the problems that came up, once the others are out."""
    if problems:
        raise SourceError("; ".join(problems))
    yield from ()


def _names(problems: list[str], *path: str) -> list[str]:
    """What is in a directory; none, with a note to `problems`, where it cannot be read."""
    directory = os.path.join(*path)
    try:
        return sorted(n for n in os.listdir(directory) if not n.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as e:
        problems.append(f"{directory} cannot be read: {e.strerror}")
    return []


def _content(problems: list[str], *path: str) -> bytes | None:
    """A file's bytes; None for what is gone, and with a note to `problems` for what cannot be read."""
    name = os.path.join(*path)
    try:
        fd = os.open(name, READ_ONLY)
        try:
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_FILE:
                with open(fd, "rb", closefd=False) as f:
                    return f.read()
        finally:
            os.close(fd)
        problems.append(f"{name} is not a regular file of at most {_MAX_FILE} bytes")
    except FileNotFoundError:
        pass
    except OSError as e:
        problems.append(f"{name} is a link, or cannot be read: {e.strerror}")
    return None


def _created(content: bytes) -> int | None:
    try:
        return int(strict_json.parse(strict_json.trim(content))["time"]["created"])
    except (strict_json.NotJSONError, LookupError, TypeError, ValueError):
        return None
