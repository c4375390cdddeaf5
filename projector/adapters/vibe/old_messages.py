"""The messages of Vibe 2.x: without times and tokens. A resumed session begins with copies, which have the same ids."""

import re

from msgspec import Raw, ValidationError

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.vibe.common import (
    SOURCE,
    ModelOutput,
    call_id,
    is_subagents,
    opened,
    parts,
    session_of,
)
from projector.adapters.vibe.wire import OldCall, OldMessage, Text
from projector.adapters.wire import ABSENT
from projector.model.changes import Change, MessageSeen, Rank, SessionSeen, ToolSeen

_FAILED = ("<tool_error>", "<user_cancellation>")  # how the result of a call that failed begins
_CANCELLED = "<user_cancellation>"
_EXIT_CODE = re.compile(r"^(?:Return code|returncode): (-?\d{1,10})", re.MULTILINE)


def _message(event: Event, line: OldMessage) -> Meaning:
    if (session := session_of(event)) is None:
        raise ValidationError("the id of the record names no session")
    changes: list[Change] = [SessionSeen(session, SOURCE)]
    if line.role == "tool":
        return [*changes, *_result(session, line)]
    if line.role not in ("user", "assistant"):
        return changes
    id = line.message_id or event.id
    synthetic = bool(line.injected) or (line.role == "user" and is_subagents(event))
    said = ModelOutput(_texts(line.content), _texts(line.reasoning_content), _calls(line.tool_calls))
    changes.append(MessageSeen(id, session, SOURCE, line.role, synthetic=synthetic))
    changes += parts(session, id, None, said)
    return [*changes, *(opened(session, id, None, call) for call in said.calls)]


def _texts(content: str | list[Text] | None) -> list[str]:
    if isinstance(content, str):
        return [content] if content else []
    return [one.text for one in content or () if one.text]


def _calls(calls: list[OldCall] | None) -> list[tuple[str, str | None, Raw]]:
    found = []
    for call in calls or ():
        function = call.function
        given = function.arguments if function else None
        if call.id:
            found.append((call.id, function.name if function else None, Raw(given.encode()) if given else ABSENT))
    return found


def _result(session: str, line: OldMessage) -> list[Change]:
    if not line.tool_call_id:
        return []
    text = "\n".join(_texts(line.content))
    error = text.startswith(_FAILED)
    found = _EXIT_CODE.findall(text)
    code = int(found[-1] if not error else found[0]) if found else None
    return [
        ToolSeen(
            call_id(line.tool_call_id, session),
            session,
            SOURCE,
            close_rank=Rank.RECORD,
            status="interrupted" if text.startswith(_CANCELLED) else "error" if error else "completed",
            success=not error and not code,
            tool_output=text,
            exit_code=code,
            error_message=text if error else None,
        )
    ]


CASES: dict[str, Case] = {"message": case(OldMessage, _message)}
