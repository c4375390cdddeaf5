"""The transcripts below Claude Code's configuration directory."""

import os
from collections.abc import Iterator
from pathlib import Path

from clankers.harnesses.claude_code import line_fields
from clankers.harnesses.claude_code.transcript_files import Transcripts
from clankers.ingest.source import Source


def home() -> Path:
    """The configuration directory."""
    return Path(os.path.abspath(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude"))


def transcripts() -> Iterator[Path]:
    """The sessions' own transcripts."""
    return (home() / "projects").glob("*/*.jsonl")


def sources() -> Iterator[Source]:
    """The sessions, the last changed first."""
    for file in sorted(transcripts(), key=_changed, reverse=True):
        yield Transcripts(file.stem, str(file), parse=line_fields.parse)


def _changed(file: Path) -> float:
    try:
        return file.lstat().st_mtime
    except OSError:
        return 0.0
