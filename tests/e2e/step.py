"""One answer of the scripted model."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """What it thinks, says and asks for; or `refused`, an HTTP status and the reason.

    The text comes in so many `chunks`, and after each the model takes `delay` seconds.
    """

    text: str = ""
    tools: tuple[tuple[str, dict[str, Any] | str], ...] = ()
    thought: str = ""
    chunks: int = 1
    delay: float = 0.0
    refused: tuple[int, str] | None = None

    def pieces(self) -> Iterator[str]:
        """The text's chunks."""
        size = -(-len(self.text) // self.chunks) or 1
        return (self.text[i : i + size] for i in range(0, len(self.text), size))
