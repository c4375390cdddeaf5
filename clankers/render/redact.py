"""Masks credentials in what leaves the machine, and counts them."""

from collections import Counter
from typing import Any

import msgspec

from clankers.queries.conversation import Conversation
from clankers.secrets.detect import hints, mask_text


class Masks:
    """Masks credentials, and counts them.

    Attributes:
        counts: how many were masked, by kind.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def text(self, text: str) -> str:
        """`text` with its credentials masked."""
        if not hints(text.encode("utf-8", "surrogatepass")):
            return text
        clean, counts = mask_text(text)
        self.counts += counts
        return clean

    def conversation(self, found: Conversation) -> Conversation:
        """The conversation `found` with the credentials in all its texts masked."""
        return msgspec.convert(self.value(msgspec.to_builtins(found)), Conversation)

    def value(self, value: Any) -> Any:
        """The JSON value `value` with the credentials in all its strings masked."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(one) for one in value]
            case dict():
                return {self.text(key): self.value(one) for key, one in value.items()}
            case _:
                return value
