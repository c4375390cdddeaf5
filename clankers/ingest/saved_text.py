"""The text of a file, as a member of a record's payload. Imported on the append path: nothing heavy here."""

from __future__ import annotations  # typing is a third of what a hook would import

import os
from zlib import crc32

from clankers.log import strict_json

MAX_TEXT = 16 << 20  # bytes; of a longer file the record has "text":{"elided":<bytes>,"sha256":...}
_CHUNK = 1 << 20  # bytes


def text_member(fd: int) -> tuple[bytes, int]:
    """The content of the file `fd` as the member `text`, or `text_b64` if it is not UTF-8; and its CRC.

    Raises:
        OSError: it cannot be read.
    """
    read = bytearray()
    while len(read) <= MAX_TEXT and (chunk := os.read(fd, _CHUNK)):
        read += chunk
    if len(read) > MAX_TEXT:
        return _elided(fd, bytes(read))
    crc = crc32(read)
    try:
        return b'"text":' + strict_json.quote(read.decode()), crc
    except UnicodeDecodeError:
        from binascii import b2a_base64

        return b'"text_b64":"' + b2a_base64(read, newline=False) + b'"', crc


def _elided(fd: int, begin: bytes) -> tuple[bytes, int]:
    from hashlib import sha256

    digest, crc, size = sha256(begin), crc32(begin), len(begin)
    while chunk := os.read(fd, _CHUNK):
        digest.update(chunk)
        crc, size = crc32(chunk, crc), size + len(chunk)
    return b'"text":{"elided":%d,"sha256":"%s"}' % (size, digest.hexdigest().encode()), crc
