"""The harnesses, by name, each loaded when it is asked for: on the append path nothing else is imported."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from clankers.harnesses.base import Harness

_CLASSES = {
    "claude-code": ("clankers.harnesses.claude_code.install", "ClaudeCode"),
    "opencode": ("clankers.harnesses.opencode.install", "OpenCode"),
}
NAMES = tuple(_CLASSES)


def load(name: str) -> Harness:
    """The harness `name`, one of `NAMES`."""
    from importlib import import_module

    module, cls = _CLASSES[name]
    harness: Harness = getattr(import_module(module), cls)()
    return harness
