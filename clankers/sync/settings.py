"""The settings of `clankers sync`: the variables of the plugin session-sync, under its names.

The environment goes over `config.toml` in the data root, and that over the defaults.
"""

import ipaddress
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct

from clankers.errors import EX_CONFIG, ClankersError
from clankers.system.config_files import exposure

FILE = "config.toml"
MASK = "***"  # what stands for a secret wherever one would be shown
ENVIRONMENT = "environment"  # where a value is from
DEFAULT = "default"
_HOST = r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|[0-9a-f:.]+"  # a name, or an address


class SettingsError(ClankersError):
    """A setting is wrong or missing, or others can get at the file; the message says which, where, and what to do."""

    exit_code = EX_CONFIG


class Secret:
    """A text that is in no message, no `repr` and no traceback; `reveal` gives it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """The text itself."""
        return self._text


class Settings(Struct, frozen=True):
    """What stands in the variables of the same names.

    Attributes:
        session_api_key: empty: there is none.
        session_api_url: without a slash at its end; empty: there is none.
        session_sync_retry_delay_ms: milliseconds before the first retry, which double with each.
        session_sync_health_check_interval_ms: milliseconds; 0: no checks.
    """

    session_api_key: Secret
    session_api_url: str
    session_sync_enabled: bool
    session_sync_debug: bool
    session_sync_batch_size: int
    session_sync_retry_attempts: int
    session_sync_retry_delay_ms: int
    session_sync_max_dedup_entries: int
    session_sync_health_check_interval_ms: int
    session_sync_scrub: bool

    def check(self) -> None:
        """Whether something can be sent.

        Raises:
            SettingsError: there is no URL or no key, or it is switched off.
        """
        if not self.session_sync_enabled:
            raise SettingsError(
                "sync is switched off by SESSION_SYNC_ENABLED; `clankers config set SESSION_SYNC_ENABLED true` "
                "switches it on, unless the environment says otherwise"
            )
        for name, how, value in (
            ("SESSION_API_URL", "SESSION_API_URL https://...", self.session_api_url),
            ("SESSION_API_KEY", "SESSION_API_KEY", self.session_api_key),
        ):
            if not value:
                raise SettingsError(f"{name} is not set, so nothing is sent; `clankers config set {how}`, or export it")


class Entry(NamedTuple):
    """A setting: its value, None where there is none, and where it is from: ENVIRONMENT, DEFAULT or the file's path."""

    value: Any
    origin: str


class Setting(NamedTuple):
    """A variable: its default, what it means, and how its text is read, with a ValueError that says what it must be."""

    default: Any
    meaning: str
    read: Callable[[str], Any]


def _flag(text: str) -> bool:
    said = text.lower()
    if said in {"true", "1", "yes", "on"}:
        return True
    if said in {"false", "0", "no", "off"}:
        return False
    raise ValueError("it must be true or false")


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch("[0-9]{1,12}", text) and low <= int(text) <= high:
            return int(text)
        raise ValueError(f"it must be a whole number from {low} to {high}")

    return read


def _key(text: str) -> Secret:
    if not re.fullmatch("[!-~]+", text):  # what a header can carry; anything else would be a second header, or none
        raise ValueError("it must be one word of ASCII letters, digits and signs")
    return Secret(text)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network("::1" if ":" in host else "127.0.0.0/8")
    except ValueError:
        return host == "localhost"


def is_loopback(url: str) -> bool:
    """Whether a URL that `load` took leads to this machine itself."""
    return _loopback(urlsplit(url).hostname or "")


def _url(text: str) -> str:
    # No message repeats the text: what is wrong about it may be the secret in it.
    if not re.fullmatch("[!-~]+", text):  # urlsplit would drop some others without a word
        raise ValueError("it must be a URL in ASCII, without spaces; a name like bücher.example is written xn--...")
    if "?" in text or "#" in text:
        raise ValueError("it must have no ? and no #: it is what `/admin/sync` is added to")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        if "[" in parts.netloc:
            ipaddress.IPv6Address(host)
    except ValueError:
        raise ValueError("its host or port is no such thing; write it as https://host or https://host:port") from None
    if "@" in parts.netloc:
        raise ValueError("it must have no user and no password in it; the key is SESSION_API_KEY")
    if parts.scheme not in {"https", "http"} or not re.fullmatch(_HOST, host) or port == 0:
        raise ValueError("it must begin with https:// and a host; http:// is for this machine itself")
    if parts.scheme == "http" and not _loopback(host):
        raise ValueError("it must begin with https://: http:// is only for localhost, 127.x.x.x and [::1]")
    return text.rstrip("/")


SETTINGS: dict[str, Setting] = {
    "SESSION_API_KEY": Setting(Secret(""), "the key that the server asks for", _key),
    "SESSION_API_URL": Setting("", "the server's address; `/admin/sync` is added to it", _url),
    "SESSION_SYNC_ENABLED": Setting(True, "false: nothing is sent", _flag),
    "SESSION_SYNC_DEBUG": Setting(False, "true: log every step on stderr", _flag),
    "SESSION_SYNC_BATCH_SIZE": Setting(10, "messages in a request, at most", _number(1, 10_000)),
    "SESSION_SYNC_RETRY_ATTEMPTS": Setting(3, "retries of a request that failed", _number(0, 100)),
    "SESSION_SYNC_RETRY_DELAY_MS": Setting(
        1000, "milliseconds before the first retry; they double with each", _number(0, 600_000)
    ),
    "SESSION_SYNC_MAX_DEDUP_ENTRIES": Setting(
        10_000, "sessions remembered as just sent or taken, at most", _number(0, 10_000_000)
    ),
    "SESSION_SYNC_HEALTH_CHECK_INTERVAL_MS": Setting(
        300_000, "milliseconds from one health check to the next; 0: none", _number(0, 2_000_000_000)
    ),
    "SESSION_SYNC_SCRUB": Setting(True, "true: credentials are masked before anything is sent", _flag),
}


def config_path(root: str) -> str:
    """The configuration file of the data root `root`."""
    return os.path.join(root, FILE)


def load(root: str) -> Settings:
    """The settings, for the data root `root`.

    Raises:
        SettingsError: a value is wrong, or others can read the key in the file, or change the file.
    """
    return Settings(**{name.lower(): entry.value for name, entry in entries(root).items()})


def entries(root: str) -> dict[str, Entry]:
    """Every setting by its name, and where it is from. An empty variable is one that is not set.

    Raises:
        SettingsError: as `load`.
    """
    path = config_path(root)
    stored = _file(path)
    found = {}
    for name, setting in SETTINGS.items():
        if text := os.environ.get(name):
            found[name] = Entry(read(name, text, f"the environment variable {name}"), ENVIRONMENT)
        else:
            found[name] = Entry(stored.get(name, setting.default), path if name in stored else DEFAULT)
    return found


def read(name: str, value: object, where: str) -> Any:
    """The value of the setting `name`, given as `value`: a text, or a TOML value.

    Raises:
        SettingsError: it cannot be that; the message begins with `where`, and does not repeat the value.
    """
    text = str(value).lower() if isinstance(value, bool | int) else value
    if not isinstance(text, str):
        raise SettingsError(f"{where} is wrong: it must be a text in quotes, a number, true or false")
    try:
        return SETTINGS[name].read(text)
    except ValueError as e:
        raise SettingsError(f"{where} is wrong: {e}") from None


def _file(path: str) -> Mapping[str, Any]:
    """The settings that stand in the file."""
    try:
        with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as f:
            status = os.fstat(f.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SettingsError(f"{path} is not a regular file; move it away")
            text = f.read().decode("utf-8-sig")  # editors on Windows begin a file with a byte order mark
    except FileNotFoundError:
        return {}
    except OSError as e:
        raise SettingsError(f"{path} cannot be read: {e.strerror}") from e
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8; fix it, or remove it and set the values again") from None
    try:
        stored = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:  # it says the line, and of the text a character at most
        raise SettingsError(f"{path} is not TOML: {e}; fix it by hand") from None
    exposed = exposure(status.st_mode)
    if exposed and ("changed" in exposed or "SESSION_API_KEY" in stored):
        raise SettingsError(
            f"{path} {exposed}: `chmod 600` it, and take another key if somebody may have seen the one in it"
        )
    for name in stored:
        if name not in SETTINGS:
            raise SettingsError(f"{path}{_line(text, name)}: {unknown(name)}")
    return {name: read(name, value, f"{path}{_line(text, name)}: {name}") for name, value in stored.items()}


def unknown(name: str) -> str:
    """The complaint about a name that is none of ours."""
    shown = name if re.fullmatch(r"[\w.-]{1,60}", name) else "a name in it"
    return f"{shown} is no setting; there are {', '.join(SETTINGS)}"


def _line(text: str, name: str) -> str:
    """`:` and the line of the file on which the setting begins."""
    found = re.search(rf"^[ \t]*\[?[ \t]*[\"']?{re.escape(name)}\b", text, re.MULTILINE)
    return f":{text.count(chr(10), 0, found.start()) + 1}" if found else ""
