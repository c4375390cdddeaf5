"""OpenCode's plugin events, of 1.0, 1.1, 1.2 and 1.18, into changes.

Sessions, messages and parts come as whole snapshots, many times as they grow. Up to 1.2 the payload's `properties` hold
`{info}` or `{part}` alone, later ones repeat the session beside it; the ids inside serve all. Token counts stay as the
client gives them: `output` includes reasoning up to 1.2. A fork's copies bear new ids and their old times
(`projector.derived.refresh` marks them). Known and left without a row: tool.execute.*, chat.message and the other named
hooks, which repeat what message.part.updated says, session.diff, file.edited (it names no session), the deltas of
reasoning.
"""

import re
from binascii import crc32
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.json import Decoder, decode

from clankers.log.reader import Event
from projector.adapters.opencode.wire import (
    DeltaProperties,
    Error,
    ErrorProperties,
    MessageProperties,
    Model,
    NamedProperties,
    Part,
    PartProperties,
    ProjectInfo,
    RemovedProperties,
    SessionProperties,
    StatusProperties,
    TodoProperties,
    Tokens,
    ToolState,
)
from projector.adapters.wire import NOTHING, Wire, as_object, file_path, millis
from projector.model.changes import (
    Change,
    CompactionSeen,
    ErrorSeen,
    HookReport,
    MessageSeen,
    PartDelta,
    PartSeen,
    ProjectSeen,
    Rank,
    SessionSeen,
    Todo,
    TodosSeen,
    ToolSeen,
)

SOURCE = "opencode"
# msg_ and prt_ ids start with 12 hexadecimal digits of a time and a counter, so they sort as they were made.
_ORDERED_ID = re.compile(r"[a-z]+_([0-9a-f]{12})")


def session(event: Event, properties: SessionProperties) -> list[Change]:
    """A session, a whole snapshot: an absent field is cleared."""
    info = properties.info
    model = info.model or Model()
    at = info.time.updated or info.time.created or 0
    facts: dict[str, Any] = {
        "title": info.title,
        "project_path": info.directory,
        "parent_id": info.parentID,
        "agent": info.agent,
        "model": model.id or model.modelID,
        "provider": model.providerID,
        "client_version": info.version,
        "created_at": info.time.created,
        "updated_at": info.time.updated,
        "billed": info.cost is not None,
    }
    if event.type == "session.deleted":
        facts["deleted_at"] = _at(event)
    changes: list[Change] = [SessionSeen(info.id, SOURCE, at, Rank.RECORD, facts)]
    if info.parentID:
        changes.append(SessionSeen(info.parentID, SOURCE))
    if info.directory:
        changes.append(ProjectSeen(info.directory, SOURCE, info.projectID))
    return changes


def message(_: Event, properties: MessageProperties) -> list[Change]:
    """A message as it stands, and what failed in it."""
    info = properties.info
    model = info.model or Model()
    tokens = info.tokens or Tokens()
    changes: list[Change] = [
        MessageSeen(
            info.id,
            info.sessionID,
            SOURCE,
            info.role,
            info.parentID,
            info.modelID or model.modelID or model.id,
            info.providerID or model.providerID,
            info.agent or info.mode,
            tokens.input,
            tokens.output,
            tokens.reasoning,
            tokens.cache.read,
            tokens.cache.write,
            cost=info.cost,
            finish_reason=info.finish,
            created_at=info.time.created,
            completed_at=info.time.completed,
            # On assistant messages `summary` is a flag: the text is a compaction's. Elsewhere it is an object.
            synthetic=bytes(info.summary) == b"true",
        )
    ]
    if info.error:
        changes.append(
            _error(info.error, info.id, info.sessionID, info.time.completed or info.time.created or 0, info.id)
        )
    return changes


def _error(error: Error, id: str, session: str, at: int, message: str | None) -> ErrorSeen:
    return ErrorSeen(id, session, SOURCE, error.name, error.data.message, at, message, error.data.statusCode)


_part = Decoder(Part).decode


def part(event: Event, properties: PartProperties) -> list[Change]:
    """A piece of a message as it stands; a tool call is a row of its own as well."""
    part = _part(properties.part)
    text, data = part.text, None
    if part.type not in ("text", "reasoning", "tool", "step-start"):
        data = _without_ids(properties.part)
    # Its id: the times in it are rewritten as it grows, and the stores keep none for some kinds.
    logged = millis(event.ts)
    created = _made_at(part.id, logged) or part.time.start or logged
    changes: list[Change] = [_tool(part, part.state)] if part.type == "tool" and part.state else []
    changes.append(
        PartSeen(
            part.id,
            part.messageID,
            part.sessionID,
            SOURCE,
            _order(part.id),
            part.type,
            text,
            data,
            created,
            part.time.end,
            synthetic=int(part.synthetic is True or part.type == "compaction")
            if text or part.type == "compaction"
            else None,
        )
    )
    if part.type == "compaction":
        trigger = "auto" if part.auto else "manual"
        changes.append(CompactionSeen(part.id, part.sessionID, SOURCE, created, trigger))
    return changes


def _tool(part: Part, state: ToolState) -> ToolSeen:
    name, failed = part.tool, state.status == "error"
    message = state.error
    if name == "invalid":  # a tool that does not exist, or arguments that are not JSON: the name is in the input
        given = as_object(state.input)
        name = given["tool"] if isinstance(given.get("tool"), str) else name  # type: ignore[assignment]
        message = given["error"] if isinstance(given.get("error"), str) else state.output  # type: ignore[assignment]
        failed = True
    ended = state.status in ("completed", "error")
    call = ToolSeen(
        part.id,
        part.sessionID,
        SOURCE,
        open_rank=Rank.RECORD if ended else Rank.HOOK if state.status == "running" else Rank.GUESS,
        message_id=part.messageID,
        tool_name=name,
        call_id=part.callID,
        title=state.title or None,
        tool_input=_compact(state.input),
        file_path=file_path(state.input),
        created_at=state.time.start,
        status=state.status,
    )
    if ended:
        metadata = as_object(state.metadata)
        code = metadata.get("exit")
        # A command that was stopped, by a timeout or by the user, has an exit that is null.
        stopped = "exit" in metadata and code is None
        start, end = state.time.start, state.time.end
        call.close_rank = Rank.RECORD
        call.status = "error" if failed else "interrupted" if stopped else "completed"
        call.success = not failed and not stopped and code in (None, 0)
        call.tool_output = state.output
        call.exit_code = code if isinstance(code, int) and abs(code) < 2**53 else None
        call.error_message = message if failed else None
        call.duration_ms = end - start if start is not None and end is not None else None
        call.completed_at = end
    return call


def _without_ids(part: Raw) -> str:
    """A piece as JSON, in one way of writing: the stores order its members differently, and its ids are columns."""
    members = as_object(part)
    for name in ("id", "sessionID", "messageID"):
        members.pop(name, None)
    return msgspec.json.encode(members, order="sorted").decode()


def _compact(raw: Raw) -> str | None:
    """`raw` without white space: the JSON tree is written to be read."""
    text = msgspec.json.format(raw, indent=-1).decode("utf-8", "replace")
    return None if text == "null" else text


def _delta(event: Event, properties: DeltaProperties) -> list[Change]:
    if properties.field != "text":
        return []
    part = PartSeen(properties.partID, properties.messageID, properties.sessionID, SOURCE, _order(properties.partID))
    return [PartDelta(_event_id(event), part, properties.delta)]


def _message_removed(event: Event, removed: RemovedProperties) -> list[Change]:
    return [MessageSeen(removed.messageID, removed.sessionID, SOURCE, deleted_at=_at(event))]


def _part_removed(event: Event, removed: RemovedProperties) -> list[Change]:
    if not removed.partID:
        raise msgspec.ValidationError("Object missing required field `partID` - at `$.properties`")
    at = _at(event)
    order = _order(removed.partID)
    return [PartSeen(removed.partID, removed.messageID, removed.sessionID, SOURCE, order, deleted_at=at)]


def _status(event: Event, properties: StatusProperties) -> list[Change]:
    status, session = properties.status, properties.sessionID
    changes: list[Change] = [_standing(session, status.type)]
    if status.type == "retry":
        # The same attempt may be told twice: the time of the next one tells attempts apart.
        id = f"retry:{session}:{_event_id(event) if status.next is None else int(status.next)}"
        said = status.message
        changes.append(ErrorSeen(id, session, SOURCE, "retry", said, _at(event), will_retry=True))
    return changes


def _standing(session: str, status: str) -> SessionSeen:
    return SessionSeen(session, SOURCE, 0, Rank.HOOK, {"status": status})


def _idle(_: Event, properties: NamedProperties) -> list[Change]:
    return [_standing(properties.sessionID, "idle")] if properties.sessionID else []


def _session_error(event: Event, properties: ErrorProperties) -> list[Change]:
    """The same failure stands in its message too, where it has one: then that is the row."""
    if not properties.sessionID or not properties.error:
        return []
    error = properties.error
    said = error.data.message or error.name
    # Events of 1.0 and 1.1 bear no id: there equal failures of a session, told again, are one.
    told = _own_id(event) or f"{properties.sessionID}:{error.name}:{crc32(said.encode()):08x}"
    id = f"hook:error:{told}"
    return [HookReport(id, properties.sessionID, SOURCE, "error", error.name, said, _at(event))]


def _todo(event: Event, properties: TodoProperties) -> list[Change]:
    todos = [Todo(t.content, t.status, t.priority, t.id) for t in properties.todos]
    return [TodosSeen(properties.sessionID, SOURCE, _at(event), Rank.HOOK, todos)]


def project(_: Event, info: ProjectInfo) -> list[Change]:
    """A project, as the client knows it."""
    return [ProjectSeen(info.worktree, SOURCE, info.id, info.name, info.vcs)]


def _named(_: Event, properties: NamedProperties) -> list[Change]:
    session = properties.sessionID
    for raw in (properties.info, properties.part):
        value = as_object(raw).get("sessionID")
        session = session or (value if isinstance(value, str) and 0 < len(value) <= 512 else None)
    return [SessionSeen(session, SOURCE)] if session else []


def _named_hook(event: Event) -> list[Change]:
    """A plugin hook's {input, output}: what they say comes as events too, but they name their session."""
    given = as_object(event.payload).get("input")
    session = given.get("sessionID") if isinstance(given, dict) else None
    return [SessionSeen(session, SOURCE)] if isinstance(session, str) and 0 < len(session) <= 512 else []


def _at(event: Event) -> int:
    """When an event happened, in epoch milliseconds: as its id says, else when it was logged."""
    logged = millis(event.ts)
    own = _own_id(event)
    return (_made_at(own, logged) if own else None) or logged


def _made_at(id: str, logged: int) -> int | None:
    """When the thing with this id was made, in epoch milliseconds; None where the id does not say.

    An id holds the lower 36 bits of it, which come round after two years: taken is the last time before `logged`, when
    its event was; clocks may differ by a day.
    """
    m = _ORDERED_ID.match(id)
    return logged + _DAY - (logged + _DAY - (int(m[1], 16) >> 12)) % (1 << 36) if m else None


_DAY = 86_400_000  # milliseconds


def _order(id: str) -> int:
    m = _ORDERED_ID.match(id)
    return int(m[1], 16) if m else 0


class _Identified(Wire):
    id: Raw = NOTHING


def _own_id(event: Event) -> str | None:
    """The event's own id, which clients since 1.18 give."""
    given = decode(_identified(event.payload).id)
    return given if isinstance(given, str) and 0 < len(given) <= 128 else None


def _event_id(event: Event) -> str:
    return _own_id(event) or event.id


_identified = Decoder(_Identified).decode


def _case(wire: type[Any], adapt: Callable[[Event, Any], list[Change]]) -> Callable[[Event], list[Change]]:
    envelope: Any = msgspec.defstruct(f"{wire.__name__}Event", [("properties", wire)])
    decoder = Decoder(envelope)
    return lambda event: adapt(event, decoder.decode(event.payload).properties)


_any = _case(NamedProperties, _named)

CASES: dict[str, Callable[[Event], list[Change]]] = {
    "session.created": _case(SessionProperties, session),
    "session.updated": _case(SessionProperties, session),
    "session.deleted": _case(SessionProperties, session),
    "session.status": _case(StatusProperties, _status),
    "session.idle": _case(NamedProperties, _idle),
    "session.error": _case(ErrorProperties, _session_error),
    "message.updated": _case(MessageProperties, message),
    "message.removed": _case(RemovedProperties, _message_removed),
    "message.part.updated": _case(PartProperties, part),
    "message.part.delta": _case(DeltaProperties, _delta),
    "message.part.removed": _case(RemovedProperties, _part_removed),
    "todo.updated": _case(TodoProperties, _todo),
    "project.updated": _case(ProjectInfo, project),
    **dict.fromkeys(
        (
            "session.diff",
            "session.compacted",
            "permission.asked",
            "permission.updated",
            "permission.replied",
            "question.asked",
            "question.replied",
            "question.rejected",
            "command.executed",
            "file.edited",
            "file.watcher.updated",
            "plugin.added",
            "catalog.updated",
            "reference.updated",
            "integration.updated",
            "server.connected",
            "server.instance.disposed",
            "vcs.branch.updated",
        ),
        _any,
    ),
    **dict.fromkeys(
        (
            "tool.execute.before",
            "tool.execute.after",
            "chat.message",
            "experimental.text.complete",
            "experimental.session.compacting",
            "command.execute.before",
            "dispose",
        ),
        _named_hook,
    ),
}


def fallback(event: Event) -> list[Change]:
    """An event whose type is not known: at least it may name its session.

    Raises:
        msgspec.ValidationError: it has no properties.
    """
    return _any(event)
