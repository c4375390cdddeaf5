"""Credentials out of what is taken elsewhere; counted, so that it can be said."""

from collections import Counter
from typing import Any

import msgspec

from clankers.queries.conversation import Conversation
from clankers.secrets.detect import hints, scrubbed


class Masks:
    """Puts masks in the places of credentials, and counts them.

    Attributes:
        counts: how many there were, by kind.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def text(self, text: str) -> str:
        """`text` without credentials."""
        if not hints(text.encode("utf-8", "surrogatepass")):
            return text
        clean, counts = scrubbed(text)
        self.counts += counts
        return clean

    def conversation(self, found: Conversation) -> Conversation:
        """A conversation without credentials, in whatever it holds."""
        return msgspec.convert(self.value(msgspec.to_builtins(found)), Conversation)

    def value(self, value: Any) -> Any:
        """What JSON holds, without credentials."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(one) for one in value]
            case dict():
                return {self.text(key): self.value(one) for key, one in value.items()}
            case _:
                return value
