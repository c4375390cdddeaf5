"""What the adapters of Kimi Code's files and hooks share."""

import re

from clankers.log.reader import Event
from projector.adapters.base import Tools
from projector.model.naming import call_row_id

SOURCE = "kimi"
TOOLS = Tools(
    editing=frozenset({"Edit", "Write"}),
    subtask=frozenset({"Agent", "AgentSwarm"}),
    path_keys=("path", "file_path"),
)
MAIN = "main"  # the agent that is the session itself
# How the id of a record begins (`clankers.harnesses.kimi.session_files`): the session, or that of a subagent; then, of
# a line, its place.
_RECORD = re.compile(r"([^/@#]+)(?:/|@(\d+)#)")


def owner(event: Event) -> str | None:
    """The session in whose files a record is; None for a hook's event."""
    found = _RECORD.match(event.id)
    return found[1] if found else None


def place(event: Event) -> int:
    """The place of a line in its file: its offset in bytes."""
    found = _RECORD.match(event.id)
    return int(found[2] or 0) if found else 0


def agent_session(agent: str, session: str) -> str:
    """The session of an agent of `session`, which is the main agent's."""
    return session if agent == MAIN else f"{session}:{agent}"


def tool_id(call: str, made: str | None) -> str:
    """The row id for a call: an id such as `Bash:0` is unique only within the agent, that of its line `made` is."""
    return call_row_id(call, made or "")
