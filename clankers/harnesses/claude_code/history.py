"""The transcripts below Claude Code's configuration directory."""

import os
from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.claude_code import line_fields
from clankers.harnesses.claude_code.transcript_files import ENDING, Transcripts
from clankers.harnesses.store_paths import changed_at, listed
from clankers.ingest.source import Source


def homes() -> list[Path]:
    """The configuration directories: people who use several list them in the variable, separated by commas."""
    value = os.environ.get("CLAUDE_CONFIG_DIR", "")
    named = [value] if os.path.isdir(value) else [one.strip() for one in value.split(",")]
    return [Path(os.path.abspath(one)) for one in named if one] or [Path(paths.home(), ".claude")]


def transcripts() -> Iterator[str]:
    """The paths of the sessions' own transcripts."""
    for home in homes():
        for project in listed(home / "projects"):
            yield from (path for path in listed(project) if path.endswith(ENDING))


def sources() -> Iterator[Source]:
    """The sessions, the last changed first."""
    for path in sorted(transcripts(), key=changed_at, reverse=True):
        yield Transcripts(os.path.basename(path).removesuffix(ENDING), path, parse=line_fields.parse)
