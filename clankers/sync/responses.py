"""What a server's answer means: an acknowledgement, or which error. No network here."""

import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from clankers.sync.errors import DeniedError, RefusedError, SendError, UnavailableError

LATER = "nothing is lost, the next `clankers sync` tries again"
LONGEST = 86_400.0  # seconds that `Retry-After` is believed, at most

_AGAIN = {408, 425, 429}  # and all from 500
_KEY = {401, 403}
# Of the address, the account or the way there, and not of a body: to set bodies aside for it would be to set aside all.
_PLACE = {402, 404, 405, 407, 410, 421, 426, 451}

Clean = Callable[[str], str]


class Reply(NamedTuple):
    """An answer.

    Attributes:
        url: that was asked.
        headers: by their names in small letters.
        complete: whether `body` is all of it.
    """

    url: str
    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool


def check(reply: Reply, digest: str, clean: Clean) -> None:
    """Whether the answer acknowledges the body whose SHA-256 is `digest`; `clean` makes what a server says printable.

    Raises:
        SendError: it does not; which of them says what to do.
    """
    _check_status(reply, clean)
    if not reply.complete:
        raise _none(reply, "it was cut off, or is too long for an answer")
    if not reply.body:
        # Where only the connection's end ends an answer, nothing may be the beginning of something.
        if reply.status in {204, 205} or reply.headers.get("content-length") == "0":
            return
        if "transfer-encoding" not in reply.headers:
            raise _none(reply, "it is empty, and may have been cut off")
        return
    answer = _object(reply.body)
    if answer is None:
        raise _none(reply, "it is no JSON object, so it may be another server's, such as a login page")
    if no := _no(answer):
        raise _none(reply, f"it says: {clean(no)}")
    if "digest" in answer and answer["digest"] != digest:
        raise _none(reply, "its digest is not that of what was sent")


def check_health(reply: Reply, clean: Clean) -> None:
    """Whether the answer to a health check says that all is well.

    Raises:
        SendError: it does not.
    """
    _check_status(reply, clean)
    if reply.body.lstrip()[:1] == b"<":
        raise _none(reply, "it is a web page, so it may be another server's, such as a login page")
    if no := _no(_object(reply.body) or {}):
        raise _none(reply, f"it says: {clean(no)}")


def _check_status(reply: Reply, clean: Clean) -> None:
    status = reply.status
    if 200 <= status < 300:
        return
    brief = f"API error {status}: {clean(_phrase(status))}"
    if 300 <= status < 400:
        target = clean(reply.headers.get("location", "elsewhere").partition("?")[0])
        raise DeniedError(
            f"{reply.url} sends on to {target} ({status}), which is not followed; "
            "if you trust it, set SESSION_API_URL to it",
            brief=f"{brief}, to {target}",
            status=status,
        )
    reason = clean(_reason(reply))
    said = f"{reply.url} answered {status} {_phrase(status)}".rstrip() + (f", {reason}" if reason else "")
    if status in _KEY:
        raise DeniedError(
            f"{said}; set the key that it takes with `clankers config set SESSION_API_KEY`", brief=brief, status=status
        )
    if status in _PLACE:
        raise DeniedError(f"{said}; check SESSION_API_URL and your account there", brief=brief, status=status)
    if 400 <= status < 500 and status not in _AGAIN:
        raise RefusedError(f"{said}; it will not take this", brief=brief, status=status)
    raise UnavailableError(f"{said}; {LATER}", brief=brief, status=status, wait=_wait(reply))


def _none(reply: Reply, why: str) -> SendError:
    return UnavailableError(
        f"{reply.url} answered {reply.status}, but that acknowledges nothing: {why}; {LATER}",
        brief=f"No acknowledgement: {why}",
        status=reply.status,
        wait=_wait(reply),
    )


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _no(answer: dict[str, Any]) -> str:
    """How a JSON object says that it did not work; empty where it does not say so."""
    if answer.get("ok", True) is not True or answer.get("success", True) is not True or answer.get("error"):
        return _text(answer) or "it did not work"
    return ""


def _text(answer: dict[str, Any]) -> str:
    """What a JSON object says to people."""
    for name in ("error", "message", "detail", "reason"):
        said = answer.get(name)
        if isinstance(said, dict):
            said = said.get("message")
        if isinstance(said, str):
            return said
    return ""


def _reason(reply: Reply) -> str:
    answer = _object(reply.body)
    if answer is not None:
        return _text(answer)
    return (
        reply.body.decode("utf-8", "replace") if reply.headers.get("content-type", "").startswith("text/plain") else ""
    )


def _phrase(status: int) -> str:
    with suppress(ValueError):
        return HTTPStatus(status).phrase
    return ""


def _wait(reply: Reply) -> float:
    """Seconds that `Retry-After` asks for, a number or a date; 0 where it does not."""
    answer = reply.headers.get("retry-after", "").strip()
    if answer.isascii() and answer.isdecimal():
        return min(float(answer[:9]), LONGEST)
    with suppress(ValueError, OverflowError):
        return min(max(parsedate_to_datetime(answer).timestamp() - time.time(), 0.0), LONGEST)
    return 0.0
