"""The body of a request: read within its limits, decompressed and validated."""

import hashlib
import zlib
from typing import NamedTuple

import anyio
from msgspec import DecodeError, MsgspecError
from msgspec.json import Decoder
from starlette.requests import Request

from clankers.log import envelope, strict_json
from clankers.log.reader import replace_surrogates
from clankers.serve.error_responses import RequestError
from projector.adapters.session_sync import wire

_GZIP = 31  # zlib's word for: a gzip header and trailer
_decode = Decoder(wire.SyncBody).decode


class Received(NamedTuple):
    """A body that is good.

    Attributes:
        session: whose it is.
        level: of its line.
        payload: the JSON, as it was sent.
        digest: SHA-256 of what was sent, unpacked; hexadecimal digits.
    """

    session: str
    level: str
    payload: bytes
    digest: str


async def read(request: Request, limit: int, seconds: float) -> bytes:
    """The body of `request`, unpacked.

    Args:
        request: whose client is known to hold the key.
        limit: bytes, packed and unpacked.
        seconds: for all of it.

    Raises:
        RequestError: it is too large, too slow, or packed in a way that is not known.
        ClientDisconnect: the client went away.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RequestError(415, "the body must be application/json", {"accept": "application/json"})
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip"):
        raise RequestError(415, "the content coding must be gzip, or none", {"accept-encoding": "gzip, identity"})
    length = request.headers.get("content-length", "0")
    if len(length) > 19 or int(length) > limit:  # the protocol has seen that these are digits
        raise _too_large(limit)
    parts: list[bytes] = []
    size = packed = 0
    unpack = zlib.decompressobj(_GZIP) if coding == "gzip" else None
    try:
        with anyio.fail_after(seconds):
            async for chunk in request.stream():
                packed += len(chunk)
                part = _unpacked(unpack, chunk, limit + 1 - size) if unpack else chunk
                size += len(part)
                if max(size, packed) > limit:
                    raise _too_large(limit)
                parts.append(part)
    except TimeoutError:
        raise RequestError(408, f"the body did not arrive within {seconds:g} s") from None
    if unpack and not unpack.eof:
        raise RequestError(400, "the gzip data ends too early", read=True)
    return b"".join(parts)


def _too_large(limit: int) -> RequestError:
    return RequestError(413, f"the body is larger than {limit} bytes; send less at once")


def _unpacked(unpack: "zlib._Decompress", chunk: bytes, most: int) -> bytes:
    """What `chunk` holds; of that as much as shows that it is too much."""
    ended = unpack.eof
    try:
        part = b"" if ended else unpack.decompress(chunk, most)
    except zlib.error as e:
        raise RequestError(400, f"the body is not gzip data: {e}") from None
    if unpack.unused_data or (ended and chunk):
        raise RequestError(400, "there is data after the end of the gzip data")
    return part


def checked(raw: bytes) -> Received:
    """What `raw` is, if it is what the schema says.

    Raises:
        RequestError: it is not; says what is wrong, and where.
    """
    digest = hashlib.sha256(raw).hexdigest()
    payload = strict_json.trim(raw)
    try:
        strict_json.parse(payload)  # also what the structs pass over: the log takes no line that a reader cannot use
        body = _body(payload)
    except (strict_json.NotJSONError, MsgspecError) as e:
        raise RequestError(400, f"the body is not what the schema sync.json says: {e}", read=True) from None
    return Received(body.session.id, _level(body), payload, digest)


def _body(payload: bytes) -> wire.SyncBody:
    try:
        return _decode(payload)
    except DecodeError:
        repaired = replace_surrogates(payload)  # as the log's reader does
        if repaired == payload:
            raise
        return _decode(repaired)


def _level(body: wire.SyncBody) -> str:
    """The level of a body's line."""
    more = [one.error_data and one.error_data.clankers for one in body.errors or ()]
    if not all(one and one.will_retry for one in more):
        return envelope.ERROR
    failed = any(one.status == "error" for one in body.tool_executions or ())
    return envelope.WARN if more or failed else envelope.INFO
