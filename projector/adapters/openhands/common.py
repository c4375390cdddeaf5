"""What the adapters of OpenHands's events, states and hooks share."""

from projector.adapters.base import Tools
from projector.model.naming import scoped_id

SOURCE = "openhands"
TOOLS = Tools(editing=frozenset({"file_editor"}), subtask=frozenset({"task"}), path_keys=("path", "file_path"))
EVENT = "event."  # of the types of a conversation's events


def response_row(response: str, session: str) -> str:
    """The row id of the response that the server calls `response`."""
    return scoped_id(f"response:{response}", session)
