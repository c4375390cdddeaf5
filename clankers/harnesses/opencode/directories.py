"""Where OpenCode keeps things: by the XDG base directory specification, on every platform."""

from pathlib import Path

from clankers import paths


def directory(variable: str, default: str) -> Path:
    """OpenCode's directory in the one that the environment's `variable` names, else in `default` of the home."""
    return Path(paths.xdg_directory(variable, default), "opencode")
