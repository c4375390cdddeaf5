"""Where OpenCode keeps things: by the XDG base directory specification, on every platform."""

import os
from pathlib import Path


def directory(variable: str, default: str) -> Path:
    """OpenCode's directory in the one that the environment's `variable` names, else in `default` of the home."""
    base = os.environ.get(variable, "")
    return (Path(base) if os.path.isabs(base) else Path.home() / default) / "opencode"
