"""Tombstones: lines of the log that say which sessions were forgotten, so that no import brings them back.

    {"source":"clankers","type":"forgotten","payload":{"sessions":[...],"days":{"clankers-2026-11-20.jsonl":4711}}}
    {"source":"clankers","type":"forgotten.done","payload":{"of":"<the id of the line above>"}}

The first is on the disk before the first byte of a session is blanked. For each day with lines of these sessions it
has the offset behind the last one: later lines are not affected. The second follows when nothing is left.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import time

from clankers.log import envelope, strict_json
from clankers.log.segments import lines_with
from clankers.log.writer import Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

SOURCE = "clankers"
FORGOTTEN = "forgotten"
DONE = "forgotten.done"

MARK = b',"source":"clankers","type":"forgotten'  # in tombstones, and in no JSON string, which would escape the quotes


class Tombstone:
    """What one run of `clankers forget` removes.

    Attributes:
        id: of its line.
        sessions: their ids.
        days: by name, the offset (uncompressed bytes) up to which their lines are removed.
        done: whether all of them are removed.
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
    return of_lines(lines_with(root, (MARK,), since))


def of_lines(lines: Iterable[bytes]) -> list[Tombstone]:
    """The tombstones in `lines` of the log, each of which contains `MARK`."""
    found: dict[str, Tombstone] = {}
    done = set()
    for line in lines:
        event = _ours(line)
        if event is None:
            continue
        try:
            payload = event["payload"]
            if event["type"] == FORGOTTEN:
                days = {str(name): int(end) for name, end in payload["days"].items()}
                found[event["id"]] = Tombstone(event["id"], [str(id) for id in payload["sessions"]], days)
            elif event["type"] == DONE:
                done.add(payload["of"])
        except (LookupError, TypeError, ValueError, AttributeError):
            continue  # written by another program
    for id in done:
        if id in found:
            found[id].done = True
    return list(found.values())


def forgotten(stones: Iterable[Tombstone]) -> set[str]:
    """The sessions that `stones` name."""
    return {session for stone in stones for session in stone.sessions}


def put_up(root: str, sessions: list[str], days: dict[str, int]) -> Tombstone:
    """Write a tombstone, and sync it.

    Raises:
        OSError: the log cannot be written.
    """
    payload = b'{"sessions":[%s],"days":{%s}}' % (
        b",".join(map(strict_json.quote, sessions)),
        b",".join(strict_json.quote(name) + b":%d" % end for name, end in days.items()),
    )
    return Tombstone(_append(root, FORGOTTEN, payload), sessions, days)


def close(root: str, stone: Tombstone) -> None:
    """Note that nothing is left of what `stone` names.

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


def _ours(text: bytes) -> dict[str, Any] | None:
    try:
        event = strict_json.parse(text)
    except strict_json.NotJSONError:
        return None
    return event if isinstance(event, dict) and event.get("source") == SOURCE else None
