"""The threads in Codex' own directory."""

import os
from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.codex import line_fields
from clankers.harnesses.codex.rollout_files import ARCHIVED, COMPRESSED, PLAIN, SESSIONS, Rollouts, thread_of
from clankers.ingest.source import Source


def home() -> Path:
    """The directory of Codex' files: `CODEX_HOME`, else `~/.codex`."""
    return Path(os.path.abspath(os.environ.get("CODEX_HOME") or os.path.join(paths.home(), ".codex")))


def folders() -> list[str]:
    """Where the rollouts are."""
    return [str(home() / name) for name in (SESSIONS, ARCHIVED)]


def threads() -> dict[str, dict[str, str]]:
    """The threads, and the paths of each one's rollouts by their names.

    A rollout that is there twice is taken from `sessions`, and not compressed: archiving and compressing write the new
    file before they remove the old one.
    """
    found: dict[str, dict[str, str]] = {}
    for top in (SESSIONS, ARCHIVED):
        for ending in (PLAIN, COMPRESSED):
            for path in (home() / top).rglob(f"rollout-*{ending}"):
                name = path.name.removesuffix(ending)
                if thread := thread_of(name):
                    found.setdefault(thread, {}).setdefault(name, str(path))
    return found


def sources() -> Iterator[Source]:
    """The threads, the last changed first."""
    at = str(home())
    for thread, rollouts in sorted(threads().items(), key=lambda one: _changed(one[1]), reverse=True):
        yield Rollouts(thread, at, rollouts, parse=line_fields.parse)


def _changed(rollouts: dict[str, str]) -> float:
    try:
        return max(os.lstat(path).st_mtime for path in rollouts.values())
    except OSError:
        return 0.0
