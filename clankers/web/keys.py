"""Who may see the pages: a key in the data root, and the token, cookie and bearer key that are derived from it.

Nothing that is derived reveals the key. Deleting the file takes access from everybody who has it.
"""

import hmac
import os
import secrets
import time
from base64 import urlsafe_b64encode
from hashlib import sha256

from clankers.paths import make_private, open_private
from clankers.system.durable import sync_file
from clankers.system.locks import try_lock

TOKEN_SECONDS = 30
COOKIE_SECONDS = 90 * 86_400
_BYTES = 32  # of the key
_NAME = "web.key"
_POLL = 0.02  # seconds


class Keys:
    """What is derived from one key, for a server on `port`.

    Args:
        key: its bytes.
        port: where the server listens. Cookies are shared by all ports of a host, so theirs name it.
    """

    def __init__(self, key: bytes, port: int) -> None:
        self._key = key
        self._port = port
        self._began = int(time.time())
        self._used: dict[str, float] = {}  # tokens, and when they end
        self.cookie_name = f"clankers-{port}"

    def token(self) -> str:
        """A token for one visit within `TOKEN_SECONDS`."""
        return self._signed("token", TOKEN_SECONDS)

    def use_token(self, token: str) -> bool:
        """Whether `token` is valid; it is not a second time, nor if it is older than these `Keys`.

        A server that ran before may have seen it already.
        """
        now = time.time()
        self._used = {one: end for one, end in self._used.items() if end > now}
        if token in self._used or not self._is_signed("token", token):
            return False
        if int(token.partition(".")[0]) - TOKEN_SECONDS < self._began:
            return False
        self._used[token] = now + TOKEN_SECONDS
        return True

    def cookie(self) -> str:
        """The value of a cookie that is valid for `COOKIE_SECONDS`."""
        return self._signed("cookie", COOKIE_SECONDS)

    def is_cookie(self, value: str) -> bool:
        """Whether `value` is that of a valid cookie."""
        return self._is_signed("cookie", value)

    def is_bearer(self, key: str) -> bool:
        """Whether `key` is the bearer key."""
        return hmac.compare_digest(bearer(self._key).encode(), key.encode("utf-8", "replace"))

    def _signed(self, what: str, seconds: int) -> str:
        return self._sign(what, f"{int(time.time()) + seconds}.{secrets.token_urlsafe(12)}")

    def _sign(self, what: str, text: str) -> str:
        return f"{text}.{_derived(self._key, f'{what} {self._port} {text}')}"

    def _is_signed(self, what: str, value: str) -> bool:
        text = value.rpartition(".")[0]
        end = text.partition(".")[0]
        return (
            hmac.compare_digest(self._sign(what, text).encode("utf-8", "replace"), value.encode("utf-8", "replace"))
            and int(end) > time.time()
        )


def read_key(root: str) -> bytes:
    """The key in the data root, made if it is missing or incomplete.

    Raises:
        OSError: it can neither be read nor made.
    """
    make_private(root)
    with open(open_private(os.path.join(root, _NAME), os.O_RDWR), "r+b") as file:
        while not try_lock(file.fileno()):  # another process is making it
            time.sleep(_POLL)
        key = file.read()
        if len(key) != _BYTES:
            key = secrets.token_bytes(_BYTES)
            file.seek(0)
            file.truncate()
            file.write(key)
            file.flush()
            sync_file(file.fileno())
    return key


def bearer(key: bytes) -> str:
    """The key that programs send, as `Authorization: Bearer KEY`."""
    return _derived(key, "bearer")


def _derived(key: bytes, text: str) -> str:
    digest = hmac.new(key, text.encode("utf-8", "replace"), sha256).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
