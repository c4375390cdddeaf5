"""aider: the blocks of its chat history, into changes. Measured on version 0.86.2.

The history is Markdown for people: a heading in an answer may look like a prompt, a quote like the client's voice.
"""

from clankers.log.reader import Event
from projector.adapters.aider.blocks import CASES, SOURCE, plain
from projector.adapters.base import Adapter


def _owner(event: Event) -> str | None:
    return event.id.partition("@")[0] or None


ADAPTER = Adapter(SOURCE, CASES, plain, owner=_owner)
