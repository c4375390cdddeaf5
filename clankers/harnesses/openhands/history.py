"""The conversations below OpenHands's directory."""

from collections.abc import Iterator
from pathlib import Path

from clankers.harnesses.openhands.conversation import OpenHandsConversation, conversations, dashed, is_id
from clankers.harnesses.store_paths import changed_at
from clankers.ingest.source import Source


def folders() -> Iterator[Path]:
    """The conversations' directories."""
    return (path.parent for path in Path(conversations()).glob("*/events") if is_id(path.parent.name))


def sources() -> Iterator[Source]:
    """The conversations, the last changed first."""
    for folder in sorted(folders(), key=lambda folder: changed_at(folder / "events"), reverse=True):
        yield OpenHandsConversation(dashed(folder.name), str(folder))
