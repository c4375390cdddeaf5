"""Documents that a client rewrites, made from the records of their heads and messages."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256

from clankers.ingest.document import HEAD, MESSAGE
from clankers.ingest.json_items import items, joined
from clankers.log import envelope, strict_json
from clankers.restore.lines import is_elision, raw_text, with_newlines
from clankers.restore.records import LoggedRecord

_ORDINAL = re.compile(r"\[(\d{1,9})\](.*)#[0-9a-f]{8}\Z", re.ASCII)


def document(
    records: Sequence[LoggedRecord],
    lacking: Counter[str],
    messages: str = "messages",
    stand_ins: Mapping[str, bytes] | None = None,
) -> bytes | None:
    """The document that `records` are of, as it was last recorded; None where its head is not in the log.

    Args:
        records: of one document, in the order of the log.
        lacking: gets what the document lacks.
        messages: the member that holds the list of messages.
        stand_ins: values for members of the head that were elided.
    """
    head: bytes | None = None
    slots: dict[int, tuple[str, bytes]] = {}
    for record in records:
        if record.kind == HEAD:
            members = dict(items(with_newlines(record, record.payload), "{}"))
            head = members["head"]
            if "ids" in members:
                slots = _rearranged(slots, strict_json.parse(members["ids"]))
        elif found := _ORDINAL.search(record.id):
            slots[int(found[1])] = (found[2], _message(record, lacking))
    if head is None:
        return None
    if not any(name == messages or is_elision(value) for name, value in items(head, "{}")):
        return head
    listed = [raw for _, (_, raw) in sorted(slots.items()) if raw]
    lacking["messages that are not in the log"] += max(slots, default=-1) + 1 - len(listed)
    content = []
    step = 0
    for name, value in items(head, "{}"):
        if name == messages:
            step = _step(listed, value)
            content.append((name, _list(listed, step)))
        elif is_elision(value):
            lacking[f"documents without {name}"] += 1
            content.append((name, (stand_ins or {}).get(name, b"null")))
        else:
            content.append((name, value))
    return _indented(content, step) if step else joined(content)


def _step(listed: list[bytes], elision: bytes) -> int:
    """The spaces by which the client indents the document, if that makes the list whose `elision` its head has."""
    inner = listed[-1].rpartition(b"\n")[2] if listed else b""
    step = (len(inner) - len(inner.lstrip(b" "))) // 2
    digest = strict_json.parse(elision).get("sha256") if is_elision(elision) else None
    return step if step and sha256(_list(listed, step)).hexdigest() == digest else 0


def _list(listed: list[bytes], step: int) -> bytes:
    """The JSON list of messages; indented, if `step` is not 0."""
    if not step:
        return b"[%s]" % b",".join(listed)
    inner = b"\n" + b" " * 2 * step
    return b"[%s\n%s]" % (b",".join(inner + raw for raw in listed), b" " * step)


def _indented(members: list[tuple[str, bytes]], step: int) -> bytes:
    inner = b"\n" + b" " * step
    return b"{%s\n}" % b",".join(b"%s%s: %s" % (inner, strict_json.quote(name), raw) for name, raw in members)


def _rearranged(slots: dict[int, tuple[str, bytes]], ids: list[str]) -> dict[int, tuple[str, bytes]]:
    """The messages in the order of `ids`; one that has none stays where it was."""
    known = {own: raw for own, raw in slots.values() if own}
    return {n: (own, known.get(own, b"")) if own else slots.get(n, ("", b"")) for n, own in enumerate(map(str, ids))}


def _message(record: LoggedRecord, lacking: Counter[str]) -> bytes:
    """The bytes of the message of `record`."""
    raw = b""
    if record.kind == MESSAGE:
        raw = dict(items(record.payload, "{}")).get("message", b"")
    elif record.kind == envelope.INVALID:
        raw = raw_text(record.value())
    raw = with_newlines(record, raw)
    lacking["messages with masked credentials"] += not record.is_intact(raw)
    return raw
