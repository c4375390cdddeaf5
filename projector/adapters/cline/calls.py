"""A tool call of Cline, and how it ended.

The client reports each call as a success; only its results say otherwise. A call may have several results: it runs a
list of commands, or reads a list of files.
"""

import re

from msgspec import DecodeError, Raw
from msgspec.json import decode, encode

from projector.adapters.cline.common import PATCH, SOURCE, TOOLS
from projector.adapters.cline.wire import Result
from projector.adapters.decode import LenientDecoder
from projector.adapters.unknown import elements
from projector.adapters.wire import as_object, json_text
from projector.model.changes import ToolSeen, ValueIgnored
from projector.model.naming import call_row_id

_EXIT_CODE = re.compile(r"\[?Command exited with code (-?\d{1,10})")
_DENIED = " -- NOT a tool or system failure."  # in the text for the model where a person or a rule forbade the call
_PATCHED = re.compile(r"^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)\s*$", re.MULTILINE)

_decode_result = LenientDecoder(Result).decode


def opened(id: str, name: str | None, given: Raw, session: str, rank: int, at: int | None) -> ToolSeen:
    """A call without its end."""
    call = TOOLS.opened(call_row_id(id, session), session, SOURCE, name, given, at)
    call.open_rank = rank
    call.edited_files = _patched(given) if name == PATCH else None
    return call


def close(
    call: ToolSeen, content: Raw, rank: int, at: int | None, *, failed: bool, error: str | None = None
) -> list[ValueIgnored]:
    """Put the end of a call into its row; returns what of it could not be read.

    Args:
        call: the row.
        content: its results: a list of them, one, the same as text, or any other text.
        rank: of the source.
        at: when it ended.
        failed: whether the client says that it failed.
        error: why, if the client says it besides.
    """
    results, ignored = _results(content)
    output = "\n".join(one.result or one.text or one.error or "" for one in results)
    errors = [one.error or "failed" for one in results if one.success is False or one.error is not None]
    if not errors and error is not None:
        errors = [error]
    elif not errors and (failed or any(one.finishReason == "error" for one in results)):
        errors = [output or "failed"]
    codes = (_EXIT_CODE.match(one.error or one.result or "") for one in results if one.success is False)
    call.close_rank, call.completed_at = rank, at
    call.status = "denied" if any(_DENIED in one for one in errors) else "error" if errors else "completed"
    call.success = not errors
    call.tool_output = output if results else json_text(content)
    call.exit_code = next((int(found[1]) for found in codes if found), None)
    call.error_message = "\n".join(errors) or None
    return ignored


def _results(content: Raw) -> tuple[list[Result], list[ValueIgnored]]:
    """The results of a call; text that is not one of the client's results is a result of its own."""
    value = decode(content)
    if isinstance(value, str):
        try:
            inner = decode(value, type=Raw)
            if bytes(inner)[:1] not in (b"{", b"["):
                return [Result(value)], []
        except DecodeError:
            return [Result(value)], []
        content, value = inner, decode(inner)
    results: list[Result] = []
    ignored: list[ValueIgnored] = []
    for raw in elements(content) if isinstance(value, list) else [content]:
        if isinstance(one := decode(raw), dict) and one.keys() & Result.__struct_fields__:
            result, left_out = _decode_result(raw)
            results.append(result)
            ignored += left_out
        elif one is not None:
            results.append(Result(one if isinstance(one, str) else json_text(raw)))
    return results, ignored


def _patched(given: Raw) -> str | None:
    """The files that a patch names, as a JSON array."""
    value = decode(given)
    text = value if isinstance(value, str) else as_object(given).get("input")
    files = list(dict.fromkeys(_PATCHED.findall(text))) if isinstance(text, str) else []
    return encode(files).decode() if files else None
