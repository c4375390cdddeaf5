"""What the adapters of Qwen Code's chat files and hooks share."""

import re

from clankers.log.reader import Event
from projector.adapters.base import Tools
from projector.model.naming import scoped_id

SOURCE = "qwen"
TOOLS = Tools(
    editing=frozenset({"edit", "write_file", "replace", "notebook_edit"}),
    subtask=frozenset({"agent", "task"}),
    path_keys=("file_path", "absolute_path", "notebook_path", "path"),
)
CHAT = "chat."  # of the types of a chat file's lines
# How the id of a line's record begins (`clankers.harnesses.qwen.chat_files`): the session, and the subagent whose file
# it is.
_FILE = re.compile(r"([^/@#]+)(?:/agent-([^/@#]+))?@")


def file_of(event: Event) -> tuple[str, str | None] | None:
    """The session in whose files a line is, and the subagent whose file it is; None for an event that is not a line."""
    found = _FILE.match(event.id) if event.type.startswith(CHAT) else None
    return (found[1], found[2]) if found else None


def agent_session(agent: str, parent: str) -> str:
    """The session of a subagent: the same id may be given in several sessions."""
    return scoped_id(agent, parent)


def owner(event: Event) -> str | None:
    """The session in whose file a line is; None for an event that is not a line."""
    if (file := file_of(event)) is None:
        return None
    session, agent = file
    return agent_session(agent, session) if agent else session
