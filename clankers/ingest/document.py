"""A document that its client rewrites at each change: a JSON object with a list of messages, or such a list alone.

It makes a record of its head, and one of each message, when they are new or have changed:

    <owner>#<crc>                       the head: the document without its messages, by its content
    <owner>[<ordinal>]<own id>#<crc>    a message, by its place, the id that the client gave it, and its content

    {"sessionId":...,"head":{...,"messages":{"elided":<bytes>,"sha256":"..."}}}
    {"sessionId":...,"message":{...}}

Other members of the head, such as the client's instructions to the model, can be left out in the same way.

Messages that were there before and that the client has removed or moved change the list: then the head has `"ids"`,
those of the messages that are left, in order. The version of a document has a digest of each message, so what is new
is known without a look into the log.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import time
from zlib import crc32

from clankers.ingest.source import Record, SourceError, is_plain
from clankers.ingest.whole_file import content, signature
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

HEAD = "document.head"
MESSAGE = "document.message"

_DIGEST = 8  # characters of a checksum in a version
_MAX_BYTES = 1 << 30  # of a document
_SETTLING = 5.0  # seconds since its last change in which a document may be incomplete: it is being written


class Document:
    """One document.

    Args:
        path: of its file.
        owner: how the ids of its records begin: the session, and the part of it.
        session: the id of its session.
        messages: the member that holds the list of messages; empty where the document is the list.
        own_id: the member of a message that holds its id.
        level: of a message.
        elided: members of the head of which the record has only the size and a digest.
        wanted: whether a message makes a record.
        named: gives messages their ids, where the client gives them none: from the head, as JSON, and their values.
    """

    __slots__ = ("elided", "level", "messages", "named", "own_id", "owner", "path", "session", "wanted")

    def __init__(
        self,
        path: str,
        owner: str,
        session: str,
        *,
        messages: str = "messages",
        own_id: str = "id",
        level: Callable[[dict[str, Any]], str] = lambda _: envelope.INFO,
        elided: tuple[str, ...] = (),
        wanted: Callable[[dict[str, Any]], bool] = lambda _: True,
        named: Callable[[bytes, list[Any]], list[str]] | None = None,
    ) -> None:
        self.path = path
        self.owner = owner
        self.session = session
        self.messages = messages
        self.own_id = own_id
        self.level = level
        self.elided = elided
        self.wanted = wanted
        self.named = named

    def changed(self, version: str) -> bool:
        """Whether the file is another one than `version` says."""
        now = signature(self.path)
        return bool(now) and now != version.partition("#")[0]

    def read(self, version: str) -> Iterator[tuple[Record | None, str]]:
        """The records that are new since `version`, each with the version behind it; the last one is the file's.

        Raises:
            OSError: it cannot be read.
            SourceError: it is no such document; one that is being written is left for the next look.
        """
        now = signature(self.path)
        if not now:
            return
        whole = content(self.path, _MAX_BYTES)
        try:
            head, messages = self._parts(whole)
        except ValueError as e:
            if time.time() - os.stat(self.path).st_mtime < _SETTLING:
                return
            raise SourceError(f"{self.path!r}: {e}") from None
        old = version.partition("#")[2]
        old_head, old_digests = old[:_DIGEST], _cut(old[_DIGEST:])
        quote = strict_json.quote
        values = [_value(raw) for raw in messages]
        if self.named:
            owns = self.named(head, [value for value, _ in values])
        else:
            owns = [_own_id(value, self.own_id) for value, _ in values]
        found = [
            (raw, value, error, own, _crc(own.encode()) + _crc(raw))
            for raw, (value, error), own in zip(messages, values, owns, strict=True)
        ]
        # The file has another list, not a longer one: what is left of it is said once.
        edited = [d[:_DIGEST] for d in old_digests] != [f[4][:_DIGEST] for f in found[: len(old_digests)]]
        known: dict[str, int] = {}
        for digest in old_digests:  # a message without an id may be there several times
            known[digest] = known.get(digest, 0) + 1
        head_crc = _crc(head)
        done = head_crc
        if head_crc != old_head or edited:
            ids = b',"ids":[%s]' % b",".join(quote(own) for _, _, _, own, _ in found) if edited else b""
            payload = b'{"sessionId":%s,"head":%s%s}' % (quote(self.session), head, ids)
            yield Record(f"{self.owner}#{_crc(payload)}", HEAD, envelope.INFO, payload), f"#{done}"
        for n, (raw, value, error, own, digest) in enumerate(found):
            done += digest
            if known.get(digest):
                known[digest] -= 1
                continue
            id = f"{self.owner}[{n}]{own}#{digest[_DIGEST:]}"
            if isinstance(value, dict):
                if not self.wanted(value):
                    continue
                payload = b'{"sessionId":%s,"message":%s}' % (quote(self.session), raw)
                yield Record(id, MESSAGE, self.level(value), payload), f"#{done}"
            else:
                reason = f"{self.path}, message {n}: {error or 'not a JSON object'}"
                yield Record(id, envelope.INVALID, envelope.ERROR, envelope.invalid(raw, reason)), f"#{done}"
        yield None, f"{now}#{done}"

    def _parts(self, whole: bytes) -> tuple[bytes, list[bytes]]:
        """The head, and the bytes of each message.

        Raises:
            ValueError: the content is no such document.
        """
        from clankers.ingest.json_items import elision, items, joined  # only where there is such a document

        text = strict_json.trim(whole)
        if not self.messages:
            return b"{}", [raw for _, raw in items(text, "[]")]
        members = dict(items(text, "{}"))
        listed = members.get(self.messages)
        left_out = [name for name in (self.messages, *self.elided) if name in members]
        if not left_out:
            return text, []
        for name in left_out:
            members[name] = elision(members[name])
        return joined(list(members.items())), [] if listed is None else [raw for _, raw in items(listed, "[]")]


def _value(raw: bytes) -> tuple[Any, str]:
    """The value of a message, and why there is none."""
    try:
        return strict_json.parse(raw), ""
    except strict_json.NotJSONError as e:
        return None, str(e)


def _own_id(value: Any, name: str) -> str:
    """The member `name` of a message, if it can be in a record's id; else empty."""
    id = value.get(name) if isinstance(value, dict) else None
    return id if isinstance(id, str) and is_plain(id) else ""


def _crc(text: bytes) -> str:
    return f"{crc32(text):08x}"


def _cut(digests: str) -> list[str]:
    """The digests of the messages: of the own id and of the content of each."""
    return [digests[at : at + 2 * _DIGEST] for at in range(0, len(digests), 2 * _DIGEST)]
