"""What was forgotten on purpose: lines of the log that say so, so that no import brings it back.

    {"source":"clankers","type":"forgotten","payload":{"sessions":[...],"days":{"clankers-2026-11-20.jsonl":4711}}}
    {"source":"clankers","type":"forgotten.done","payload":{"of":"<the id of the line above>"}}

The first is on the disk before the first byte of a session is blanked, and says how far: of each day with lines of
these sessions the offset behind the last one. What comes later is not meant. The second comes when nothing is left.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import time

from clankers.log import envelope, strict_json
from clankers.log.segments import Day, listed
from clankers.log.writer import Log, file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

SOURCE = "clankers"
FORGOTTEN = "forgotten"
DONE = "forgotten.done"

_MARK = b',"source":"clankers","type":"forgotten'  # in no string of JSON: its quotes would be escaped there


class Tombstone:
    """What one run of `clankers forget` was to remove.

    Attributes:
        id: of its line.
        sessions: their ids.
        days: by name, the offset (uncompressed bytes) up to which their lines are to go.
        done: whether all of it is gone.
    """

    def __init__(self, id: str, sessions: list[str], days: dict[str, int]) -> None:
        self.id = id
        self.sessions = sessions
        self.days = days
        self.done = False


def tombstones(root: str, since: str = "") -> list[Tombstone]:
    """The tombstones in the log in `root` from the day `since` (`YYYY-MM-DD`) on.

    Raises:
        OSError: a file cannot be read.
    """
    found: dict[str, Tombstone] = {}
    done = set()
    for event in _events(root, since):
        try:
            payload = event["payload"]
            if event["type"] == FORGOTTEN:
                days = {str(name): int(end) for name, end in payload["days"].items()}
                found[event["id"]] = Tombstone(event["id"], [str(id) for id in payload["sessions"]], days)
            elif event["type"] == DONE:
                done.add(payload["of"])
        except (LookupError, TypeError, ValueError, AttributeError):
            continue  # somebody else's words
    for id in done:
        if id in found:
            found[id].done = True
    return list(found.values())


def forgotten(root: str, since: str = "") -> set[str]:
    """The sessions that the tombstones from the day `since` on name.

    Raises:
        OSError: a file cannot be read.
    """
    return {session for stone in tombstones(root, since) for session in stone.sessions}


def put_up(root: str, sessions: list[str], days: dict[str, int]) -> Tombstone:
    """Write a tombstone, and bring it to the disk.

    Raises:
        OSError: the log cannot be written.
    """
    payload = b'{"sessions":[%s],"days":{%s}}' % (
        b",".join(map(strict_json.quote, sessions)),
        b",".join(strict_json.quote(name) + b":%d" % end for name, end in days.items()),
    )
    return Tombstone(_append(root, FORGOTTEN, payload), sessions, days)


def close(root: str, stone: Tombstone) -> None:
    """Say that nothing is left of what `stone` names.

    Raises:
        OSError: the log cannot be written.
    """
    _append(root, DONE, b'{"of":%s}' % strict_json.quote(stone.id))


def _append(root: str, kind: str, payload: bytes) -> str:
    now = time.time_ns()
    id = envelope.uuid7(now)
    with Log(root) as log:
        log.write(envelope.day_of(now), [envelope.line(SOURCE, kind, payload, id=id, now_ns=now)])
        log.sync()
    return id


def _events(root: str, since: str) -> Iterator[dict[str, Any]]:
    try:
        days = listed(root)
    except FileNotFoundError:
        return
    for name in days:
        if name < file_name(since):
            continue
        with Day(root, name) as day:
            for lines in day.blocks():
                at = lines.find(_MARK)
                while at >= 0:
                    start = lines.rfind(b"\n", 0, at) + 1
                    end = lines.find(b"\n", at)
                    if (event := _ours(lines[start:end])) is not None:
                        yield event
                    at = lines.find(_MARK, end)


def _ours(text: bytes) -> dict[str, Any] | None:
    if not envelope.crc_holds(text):
        return None
    try:
        event = strict_json.parse(text)
    except strict_json.NotJSONError:
        return None
    return event if isinstance(event, dict) and event.get("source") == SOURCE else None
