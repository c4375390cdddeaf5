"""What the adapters of Claude Code's hooks and transcripts share."""

import re

from msgspec import Raw
from msgspec.json import decode

from projector.adapters.base import Tools
from projector.adapters.wire import json_text
from projector.model.changes import Change, Todo, TodosSeen, TodoStatusSeen
from projector.model.evidence import OutputSaved
from projector.model.naming import scoped_id

SOURCE = "claude-code"
TOOLS = Tools(
    editing=frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit"}),
    subtask=frozenset({"Agent", "Task"}),
)
# Ids of the Anthropic API and uuids of the client are unique everywhere. Other servers count, or give all responses the
# same id: their ids of responses are treated as unique within a request or session, those of calls within a line.
_UNIQUE = re.compile(r"(?:msg|toolu|srvtoolu)_(?:bdrk_|vrtx_)?01\w{10,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EXIT_CODE = re.compile(r"Exit code (\d{1,10})\b")
# How text begins that the client puts in the user's place. A command that only concerns the client begins with its
# name; one that is a prompt, of the user's own or a skill, begins with <command-message>.
SYNTHETIC = (
    "<command-name>",
    "<local-command-",
    "<bash-stdout>",
    "<bash-stderr>",
    "<task-notification>",
    "<teammate-message",
    "<system-reminder>",
    "<ide_",
    "[Request interrupted by user",
)


# How a result begins for a call that a person or a rule declined, in versions that do not mark it otherwise.
_DECLINED = re.compile(
    r"The user doesn't want to (?:proceed with this tool use|take this action)"
    r"|Permission to use .{1,200} has been denied|Claude requested permissions to ",
    re.DOTALL,
)


def is_declined(text: str | None) -> bool:
    """Whether the text of a failed call says that a person or a rule declined it."""
    return _DECLINED.match(text or "") is not None


def is_unique(id: str) -> bool:
    """Whether the server's `id` is unique everywhere."""
    return _UNIQUE.fullmatch(id) is not None


def row_id(id: str, within: str) -> str:
    """The row id for the server's `id`: itself if it is unique everywhere, else scoped to `within`."""
    return id if is_unique(id) else scoped_id(id, within)


# Where the text of a result names the file with the complete output: at its beginning.
_SAVED_TO = re.compile(r"(?:<persisted-output>\s*)?[^\n]{0,200}?\bsaved to:? ([^\n]+?\.(?:txt|json))\b", re.IGNORECASE)
_OUTPUT_FILE = re.compile(r"[/\\]([^/\\]{1,128})[/\\]tool-results[/\\]([^/\\]{1,200})\Z")


def output_in(tool_id: str, text: str | None, response: dict[str, object]) -> list[Change]:
    """The file that holds the complete output of the call with the row `tool_id`, if its result names one."""
    path = response.get("persistedOutputPath")
    if not isinstance(path, str):
        found = _SAVED_TO.match(text or "")
        path = found[1] if found else ""
    file = _OUTPUT_FILE.search(path)
    return [OutputSaved(file[1], SOURCE, file[2], tool_id)] if file else []


def call_of_file(name: str) -> str | None:
    """The call whose id is the name of the file with its output; None for a file that is named otherwise."""
    stem = name.rpartition(".")[0]
    return stem if _UNIQUE.fullmatch(stem) else None


def todos_in(session: str, at: int, rank: int, response: dict[str, object]) -> list[Change]:
    """The to-do list in the response of TodoWrite; the one entry in that of TaskCreate or TaskUpdate."""
    match response:
        case {"task": {"id": str(id), "subject": str(subject)}}:
            return [TodosSeen(session, SOURCE, at, rank, [Todo(subject, "pending", id=id)], one=True)]
        case {"taskId": str(id), "statusChange": {"to": str(status)}}:
            return [TodoStatusSeen(session, SOURCE, at, rank, id, status)]
    todos = response.get("newTodos")
    if not isinstance(todos, list):
        return []
    items = [t for t in todos if isinstance(t, dict) and isinstance(t.get("content"), str)]
    return [TodosSeen(session, SOURCE, at, rank, [Todo(t["content"], _text(t.get("status"))) for t in items])]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def exit_code_in(error: str | None) -> int | None:
    """The exit code at the start of a failed command's report; None if there is none."""
    m = _EXIT_CODE.match(error or "")
    return int(m[1]) if m else None


def text_of(raw: Raw) -> str | None:
    """The text that a tool's result gives to the model: a string, or the texts of its blocks."""
    value = decode(raw)
    if isinstance(value, list):
        texts = [b["text"] for b in value if isinstance(b, dict) and isinstance(b.get("text"), str)]
        return "\n".join(texts)
    return value if isinstance(value, str) or value is None else json_text(raw)
