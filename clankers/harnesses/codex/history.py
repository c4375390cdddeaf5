"""The threads in Codex' own directory."""

from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.codex import line_fields
from clankers.harnesses.codex.rollout_files import ARCHIVED, COMPRESSED, PLAIN, SESSIONS, Rollouts, thread_of
from clankers.harnesses.store_paths import changed_at, named_directory
from clankers.ingest.source import Source


def home() -> Path:
    """The directory of Codex' files: `CODEX_HOME`, else `~/.codex`."""
    return named_directory("CODEX_HOME") or Path(paths.home(), ".codex")


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
    found = sorted(threads().items(), key=lambda one: max(map(changed_at, one[1].values())), reverse=True)
    for thread, rollouts in found:
        yield Rollouts(thread, at, rollouts, parse=line_fields.parse)
