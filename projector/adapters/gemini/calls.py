"""A tool call of a chat file, and how it ended."""

import re
from typing import NamedTuple

from projector.adapters.decode import LenientDecoder
from projector.adapters.gemini.common import SOURCE, TODO_TOOL, TOOLS, call_id, todos_in
from projector.adapters.gemini.wire import FunctionCall, FunctionResponse, ToolCall
from projector.adapters.wire import any_millis, as_object, json_text
from projector.model.changes import Change, Rank, SessionSeen, ToolSeen
from projector.model.evidence import OutputSaved

SHELL = "run_shell_command"
# How the result of a command ends, after its output.
_AFTER = r"(?:\n(?:Background PIDs|Process Group PGID): [^\n]*)*\s*(?:</untrusted_context>\s*)?\Z"
_EXIT_CODE = re.compile(r"\nExit Code: (-?\d{1,10})(?:\nSignal: [^\n]*)?" + _AFTER)
_SIGNAL = re.compile(r"\nSignal: [^\n]+" + _AFTER)
_STOPPED = "Command was cancelled by user before it could complete."
# How the error of a call begins that a person or a policy declined. A tool that a policy denies in every case is hidden
# from the model: its calls fail as those of a tool that does not exist.
_DENIED = re.compile(
    r"\[Operation Cancelled\] Reason: User (?:denied|did not allow)|Tool execution (?:for .{1,200} )?denied by policy",
)


# How the client names the file with the complete output of a call, which belongs to the main session.
_SAVED = re.compile(r"tool-outputs[/\\]session-([\w-]+)[/\\]([\w.-]+\.txt)")


class Ending(NamedTuple):
    """How a call ended.

    Attributes:
        status: as in `ToolSeen`.
        output: the text that the model got.
        exit_code: of a command; None for 0.
    """

    status: str
    output: str | None
    exit_code: int | None

    def close(self, call: ToolSeen, rank: int, at: int | None) -> ToolSeen:
        """`call` with this ending, as a source of `rank` reported it at the time `at`."""
        call.close_rank, call.completed_at = rank, at
        call.status, call.success = self.status, self.status == "completed"
        call.tool_output, call.exit_code = self.output, self.exit_code
        call.error_message = None if call.success else self.output
        return call


def ending(tool: str | None, status: str | None, output: str | None, error: str | None) -> Ending:
    """How a call of `tool` ended.

    Args:
        tool: its name.
        status: `success`, `error` or `cancelled`, as the client reports it: a command that failed is a success.
        output: the text for the model.
        error: the same of a call that failed.
    """
    text = error if output is None else output
    is_command = tool == SHELL and output is not None
    found = _EXIT_CODE.search(output) if is_command and output else None
    code = int(found[1]) if found else None
    if (error and _DENIED.match(error)) or (status == "cancelled" and _DENIED.match(text or "")):
        found_status = "denied"
    elif status == "cancelled" or (is_command and (output or "").startswith(_STOPPED)):
        found_status = "interrupted"
    elif status == "error" or error is not None or code or (is_command and _SIGNAL.search(output or "")):
        found_status = "error"
    else:
        found_status = "completed"
    return Ending(found_status, text, code)


def recorded_call(call: ToolCall, message: str, session: str, at: int | None, rank: int) -> list[Change]:
    """A call with its result, as a message's `toolCalls` has it.

    Args:
        call: the call.
        message: the row of the response that made it.
        session: its session.
        at: when the response came.
        rank: of the record.
    """
    row = _opened(call.id, call, message, session, at, rank)
    row.title = call.description or None
    if call.status in ("success", "error", "cancelled"):
        ending(call.name, call.status, *_result(call)).close(row, rank, any_millis(call.timestamp) or at)
    changes: list[Change] = [row]
    if file := _SAVED.search(row.tool_output or ""):
        changes.append(OutputSaved(file[1], SOURCE, file[2], row.id))
    if call.name == TODO_TOOL and call.status == "success" and at:
        changes += todos_in(session, at, Rank.RECORD, call.args)
    if call.agentId:
        changes.append(_subagent(call, call.agentId, session))
    return changes


def listed_call(raw: bytes, message: str, session: str, at: int | None) -> ToolSeen | None:
    """A call without its result, as a model's part in a list of messages has it."""
    call, _ = _decode_call(raw)
    return _opened(call.id, call, message, session, at, Rank.GUESS) if call.id else None


def listed_result(raw: bytes, session: str, at: int | None) -> ToolSeen | None:
    """A result, as a user's part has it: it does not say whether the call was cancelled."""
    result, _ = _decode_response(raw)
    if not result.id:
        return None
    row = ToolSeen(call_id(result.id, session), session, SOURCE)
    return ending(result.name, None, *_response(result)).close(row, Rank.GUESS, at)


_decode_call = LenientDecoder(FunctionCall).decode
_decode_response = LenientDecoder(FunctionResponse).decode


def _opened(id: str, call: ToolCall | FunctionCall, message: str, session: str, at: int | None, rank: int) -> ToolSeen:
    opened = TOOLS.opened(call_id(id, session), session, SOURCE, call.name, call.args, at)
    opened.open_rank, opened.message_id, opened.call_id = rank, message, id
    return opened


def _result(call: ToolCall) -> tuple[str | None, str | None]:
    """The output and the error of a call. A later list gives each call of a response the results of all."""
    if isinstance(call.result, str):
        return call.result, None
    parts = [p.functionResponse for p in call.result or [] if p.functionResponse]
    for part in parts:
        if part.id == call.id or len(parts) == 1:
            return _response(part)
    return None, None


def _response(part: FunctionResponse) -> tuple[str | None, str | None]:
    response = as_object(part.response)
    error = response.get("error")
    if error is not None:
        return None, error if isinstance(error, str) else json_text(part.response)
    output = response.get("output")
    return (output if isinstance(output, str) else json_text(part.response)), None


def _subagent(call: ToolCall, agent: str, session: str) -> SessionSeen:
    args = as_object(call.args)
    name = args.get("agent_name") or as_object(call.resultDisplay).get("agentName")
    facts = {"parent_id": session, "spawned_by": call_id(call.id, session)}
    if isinstance(name, str):
        facts["agent"] = name
    return SessionSeen(agent, SOURCE, 0, Rank.RECORD, facts)
