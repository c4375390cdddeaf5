"""Where OpenCode, and what is built on it, keeps things: by the XDG specification, on every platform."""

from pathlib import Path

from clankers import paths


def directory(harness: str, variable: str, default: str) -> Path:
    """The harness's directory in the one that the environment's `variable` names, else in `default` of the home."""
    return Path(paths.xdg_directory(variable, default), harness)
