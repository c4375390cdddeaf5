"""What OpenCode's tools do."""

from projector.adapters.base import Tools

TOOLS = Tools(
    editing=frozenset({"write", "edit", "multiedit", "patch", "apply_patch"}),
    subtask=frozenset({"task"}),
)
