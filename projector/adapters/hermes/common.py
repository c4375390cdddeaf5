"""What both adapters of Hermes share: its tools, and what a result says."""

from msgspec import Raw

from projector.adapters.base import Tools
from projector.adapters.wire import as_object, json_text
from projector.model.changes import ToolSeen
from projector.model.naming import call_row_id

SOURCE = "hermes"
TOOLS = Tools(
    editing=frozenset({"write_file", "patch"}), subtask=frozenset({"delegate_task"}), path_keys=("path", "file_path")
)


def open_call(call: ToolSeen, rank: int, name: str | None, tool_input: Raw, at: int | None) -> None:
    """Set what is known of `call` when it begins."""
    call.open_rank = rank
    call.tool_name = name
    call.tool_input = json_text(tool_input)
    call.file_path = TOOLS.file_path(tool_input)
    call.edits_file = name in TOOLS.editing
    call.created_at = at
    call.status = "running"


def close_call(call: ToolSeen, rank: int, result: str, at: int | None, *, failed: bool = False) -> None:
    """Set how `call` ended. Most results are JSON: a command's has an exit code, a failure's an error."""
    found = as_object_of(result)
    code, error = found.get("exit_code"), found.get("error")
    call.exit_code = code if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 2**53 else None
    call.error_message = error if isinstance(error, str) else result if failed else None
    failed = failed or bool(error)
    call.close_rank = rank
    call.status = "error" if failed else "completed"
    call.success = not failed and not call.exit_code
    output = found.get("output")
    call.tool_output = output if isinstance(output, str) else result
    call.completed_at = at


def as_object_of(text: str) -> dict[str, object]:
    """The JSON object in `text`; empty if it is none."""
    try:
        return as_object(Raw(text.encode("utf-8", "replace")))
    except ValueError:
        return {}


def call_of(id: str, session: str) -> ToolSeen:
    """The call of the client's `id`."""
    return ToolSeen(call_row_id(id, session), session, SOURCE)
