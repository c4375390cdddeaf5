"""The installed version of genai-prices, and the one that a database was priced with, without importing the library."""

import os
import re
import sys
from importlib import import_module
from importlib.util import find_spec

import apsw

VERSION_KEY = "prices_version"  # in `meta`
_LIBRARY = "genai-prices"
_DIST_INFO = re.compile(r"genai_prices-(.+)\.dist-info")


def installed() -> str:
    """The price table of this process: the library and its version."""
    if library := sys.modules.get("genai_prices"):  # the installed one may be newer by now
        return f"{_LIBRARY} {library.__version__}"
    # Every command asks. The directory's name has the version; importing importlib.metadata would take 20 ms.
    spec = find_spec("genai_prices")
    site = os.path.dirname(os.path.dirname(spec.origin)) if spec and spec.origin else ""
    found = [m for name in os.listdir(site or ".") if (m := _DIST_INFO.fullmatch(name))]
    if len(found) == 1:
        return f"{_LIBRARY} {found[0][1]}"
    return f"{_LIBRARY} {import_module('importlib.metadata').version(_LIBRARY)}"


def stored(db: apsw.Connection) -> str | None:
    """The price table that `db` was priced with; None if nothing was priced."""
    found: str | None = db.execute("SELECT value FROM meta WHERE key = ?", (VERSION_KEY,)).get
    return found


def is_newer(db: apsw.Connection) -> bool:
    """Whether the installed table is newer than the one that `db` was priced with.

    Raises:
        apsw.Error: the database cannot be read.
    """
    then = stored(db)
    return then is not None and then != (now := installed()) and _numbers(now) > _numbers(then)


def _numbers(version: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", version)]
