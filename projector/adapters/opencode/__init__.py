"""OpenCode: what its plugin's events and its own stores mean."""

from projector.adapters.opencode import events, store
from projector.adapters.opencode.events import SOURCE, fallback

CASES = events.CASES | store.CASES

__all__ = ["CASES", "SOURCE", "fallback"]
