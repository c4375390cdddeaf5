"""What all adapters of OpenCode share."""

from projector.adapters.base import Tools

SOURCE = "opencode"
TOOLS = Tools(
    editing=frozenset({"write", "edit", "multiedit", "patch", "apply_patch"}),
    subtask=frozenset({"task"}),
)
