"""Whether this environment lasts: what `uvx` and `pipx run` make is deleted without notice."""

import json
import os
import sys
from collections.abc import Iterator
from importlib import metadata
from urllib.parse import unquote

from clankers.paths import home, xdg_directory

_CACHE_TAG = "CACHEDIR.TAG"  # marks a cache directory (bford.info/cachedir); uv's has one, wherever it is


def throwaway_directory() -> str | None:
    """The cache or directory for temporary files that this environment is in; None if it is in neither.

    A home directory in a directory for temporary files, as in a container, lasts as long as the settings in it. A
    checkout is somebody's work, wherever it is, and so is an environment in it.

    Raises:
        NoHomeError: there is no home directory.
    """
    environment = os.path.realpath(sys.prefix)
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    temporary = os.path.realpath(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 (nothing is made there)
    known = {temporary, *_user_caches()}
    settings = os.path.realpath(home())
    for place in (environment, package):
        for directory in _parents(place):
            if directory == settings:
                break
            # The environments that uv makes have a tag of their own, wherever they are.
            tagged = directory != environment and os.path.exists(os.path.join(directory, _CACHE_TAG))
            if directory in known or tagged:
                return directory
            if os.path.exists(os.path.join(directory, ".git")):
                break
    return None


def _parents(path: str) -> Iterator[str]:
    while path != (parent := os.path.dirname(path)):
        yield parent
        path = parent


def _user_caches() -> list[str]:
    # The last is where versions of pipx before 1.5 keep what `pipx run` makes.
    others = (os.path.join("Library", "Caches"), os.path.join(".local", "pipx", ".cache"))
    places = [xdg_directory("XDG_CACHE_HOME", ".cache"), *(os.path.join(home(), other) for other in others)]
    return [os.path.realpath(place) for place in places]


def origin() -> str:
    """What this package was installed from, as an argument for an installer: a git URL, or a path.

    From the record that installers keep (PEP 610, direct_url.json); a placeholder where there is none.
    """
    try:
        found = json.loads(metadata.distribution("clankers").read_text("direct_url.json") or "")
        scheme, _, rest = found["url"].partition("://")
        system = found["vcs_info"]["vcs"] if "vcs_info" in found else None
    except (metadata.PackageNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return "PATH-OR-GIT-URL"
    if system:
        return f"{system}+{scheme}://{rest}"
    return unquote(rest) if scheme == "file" else f"{scheme}://{rest}"
