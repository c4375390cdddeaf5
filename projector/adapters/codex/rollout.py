"""Codex' rollouts: the client's own record (Rank.RECORD), one line a record."""

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import ValidationError
from msgspec.json import decode, encode
from msgspec.structs import replace

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning
from projector.adapters.codex.calls import call_id, event_ended, item_ended, opened, output, polled, running
from projector.adapters.codex.common import SOURCE, LinePlace, is_older, place_of, row_id, spent
from projector.adapters.codex.wire import (
    CallEnd,
    Content,
    ErrorInfo,
    IndexEntry,
    Item,
    ItemCompleted,
    Line,
    Payload,
    ResponseItem,
    RolledBack,
    SessionMeta,
    SettingsApplied,
    TokenCount,
    TurnContext,
    TurnEvent,
    UsageRecord,
    UserMessage,
)
from projector.adapters.decode import LenientDecoder
from projector.adapters.wire import Wire, any_millis, as_object
from projector.model.changes import Change, Rank, SessionSeen, ValueIgnored
from projector.model.evidence import Spent, Step

PREFIX = "rollout."  # of the types of a rollout's lines
_ORDINALS = 1  # the edition of a file whose lines have ordinals: `codex migrate-rollouts` gives legacy ones theirs
# How text in the user's place begins that reports what happened; the rest are instructions and the environment.
_NOTES = ("<turn_aborted>", "<subagent_notification>", "<user_shell_command>")
_DEFAULT_AGENT = "default"  # as hooks name a subagent without a role


class _At(NamedTuple):
    """A line, where it is and when it was written (epoch milliseconds)."""

    id: str
    place: LinePlace
    at: int | None
    ordinal: int | None

    @property
    def thread(self) -> str:
        """Whose file the line is in."""
        return self.place.thread

    def seen(self, **facts: Any) -> SessionSeen:
        """The thread, with its `facts` but for those that are None."""
        known = {name: value for name, value in facts.items() if value is not None}
        if self.at is not None:
            known["updated_at"] = self.at
        return SessionSeen(self.thread, SOURCE, self.at or 0, Rank.RECORD, known)

    def step(self, kind: str, **fields: Any) -> Step:
        """A step at the place of the line."""
        edition = 0 if self.ordinal is None else _ORDINALS
        place = self.place
        return Step(self.id, place.thread, SOURCE, place.file, edition, place.offset, kind, self.at, **fields)

    def turn(self, id: str) -> str:
        """The row id of a turn."""
        return row_id(id, self.thread)


_Adapt = Callable[[_At, Any], list[Change]]
_decode_line = LenientDecoder(Line).decode
_decode_kind = LenientDecoder(Payload).decode


def _case(wire: type[Wire], adapt: _Adapt) -> Case:
    """A case for a line whose payload is a `wire`."""
    decode_payload = LenientDecoder(wire).decode

    def adapted(event: Event) -> Meaning:
        at, line = _located(event)
        payload, ignored = decode_payload(line.payload)
        return [at.seen(), *adapt(at, payload), *_within(ignored)]

    return adapted


def _cases(cases: dict[str, tuple[type[Wire], _Adapt]]) -> Case:
    """A case for a line whose payload's type decides what it is; other types say nothing that counts."""
    decoders = {kind: LenientDecoder(wire).decode for kind, (wire, _) in cases.items()}

    def adapted(event: Event) -> Meaning:
        at, line = _located(event)
        kind = _decode_kind(line.payload)[0].type
        if kind not in cases:
            return [at.seen()]
        payload, ignored = decoders[kind](line.payload)
        return [at.seen(), *cases[kind][1](at, payload), *_within(ignored)]

    return adapted


def _located(event: Event) -> tuple[_At, Line]:
    place = place_of(event.id)
    if place is None:
        raise ValidationError("a line of a rollout whose id names no place")
    line = _decode_line(event.payload)[0]
    return _At(event.id, place, any_millis(line.timestamp), line.ordinal), line


def _within(ignored: list[ValueIgnored]) -> list[ValueIgnored]:
    return [ValueIgnored("$.payload" + one.field.removeprefix("$"), one.reason) for one in ignored]


def _session_meta(at: _At, meta: SessionMeta) -> list[Change]:
    if meta.id and meta.id != at.thread:
        return [at.step("origin", ref=meta.id)]
    spawned = _spawned_by(meta)
    subagent = meta.parent_thread_id or spawned.get("parent_thread_id")
    role = spawned.get("agent_role")
    changes: list[Change] = [
        at.step("file", ref=meta.model_provider, value=at.ordinal, flag=bool(subagent)),
        at.seen(
            created_at=any_millis(meta.timestamp) or at.at,
            project_path=meta.cwd,
            client_version=meta.cli_version,
            git_branch=meta.git.branch if meta.git else None,
            provider=meta.model_provider,
            forked_from=meta.forked_from_id,
            parent_id=subagent if isinstance(subagent, str) else None,
            agent=(role if isinstance(role, str) else _DEFAULT_AGENT) if subagent else None,
        ),
    ]
    others = {one for one in (subagent, meta.forked_from_id) if isinstance(one, str) and one}
    return [*changes, *(SessionSeen(other, SOURCE) for other in sorted(others))]


def _spawned_by(meta: SessionMeta) -> dict[str, object]:
    subagent = as_object(meta.source).get("subagent")
    spawn = subagent.get("thread_spawn") if isinstance(subagent, dict) else None
    return spawn if isinstance(spawn, dict) else {}


def _turn_context(at: _At, context: TurnContext) -> list[Change]:
    return [
        at.seen(model=context.model, permission_mode=context.approval_policy),
        at.step("model", text=context.model),
    ]


def _settings(at: _At, applied: SettingsApplied) -> list[Change]:
    settings = applied.thread_settings
    return [at.step("model", text=settings.model, ref=settings.model_provider_id)] if settings else []


def _turn_started(at: _At, event: TurnEvent) -> list[Change]:
    if event.turn_id is None:
        return []
    older = is_older(event.turn_id, at.thread)
    return [at.step("turn", ref=at.turn(event.turn_id), value=at.ordinal, flag=older)]


def _turn_ended(at: _At, event: TurnEvent) -> list[Change]:
    error = as_object(event.error)
    return [_error(at, error) if error else at.step("end")]


def _error(at: _At, error: dict[str, object]) -> Step:
    message, info = error.get("message"), error.get("codex_error_info")
    kind = next(iter(info), None) if isinstance(info, dict) else info
    detail = info.get(kind) if isinstance(info, dict) and isinstance(kind, str) else None
    status = detail.get("http_status_code") if isinstance(detail, dict) else None
    return at.step(
        "error",
        ref=kind if isinstance(kind, str) else "error",
        text=message if isinstance(message, str) else None,
        value=status if isinstance(status, int) and not isinstance(status, bool) else None,
    )


def _error_event(at: _At, error: ErrorInfo) -> list[Change]:
    info = decode(error.codex_error_info)
    return [_error(at, {"message": error.message, "codex_error_info": info})]


def _token_count(at: _At, count: TokenCount) -> list[Change]:
    info = count.info
    total = info.total_token_usage if info else None
    sums, last = _without_writes(spent(total)), _without_writes(spent(info.last_token_usage if info else None))
    last_text = encode(last).decode() if last else None
    if total is None or sums is None:
        return [at.step("total", text=last_text)]
    # Not its `total_tokens`: where the context window is exceeded, that is the window's size.
    value = (total.input_tokens or 0) + (total.output_tokens or 0)
    return [at.step("total", value=value, text=last_text, data=encode(sums).decode())]


def _without_writes(one: Spent | None) -> Spent | None:
    """`one`, where 0 tokens written to the cache are unknown: `migrate-rollouts` adds that to counts without any."""
    return replace(one, cache_write_tokens=one.cache_write_tokens or None) if one else None


def _usage_record(at: _At, record: UsageRecord) -> list[Change]:
    used = spent(record.usage)
    return [
        at.step(
            "response",
            ref=row_id(record.response_id, at.thread),
            turn=at.turn(record.turn_id) if record.turn_id else None,
            data=encode(used).decode() if used else None,
        )
    ]


def _compacted(at: _At, _: Payload) -> list[Change]:
    return [at.step("compaction")]


def _user_message(at: _At, message: UserMessage) -> list[Change]:
    attached = [*(message.local_images or ()), *(_named(one) for one in message.images or ())]
    return [at.step("prompt", text=message.message, data=encode(attached).decode() if attached else None)]


def _named(image: str) -> str:
    """What an attached image is called; its content is in the log."""
    return "image" if image.startswith("data:") else image


def _said(at: _At, _: Payload) -> list[Change]:
    return [at.step("said")]


def _rolled_back(at: _At, event: RolledBack) -> list[Change]:
    return [at.step("rollback", value=event.num_turns)]


def _item_completed(at: _At, done: ItemCompleted) -> list[Change]:
    item = done.item
    if item.type == "UserMessage":
        return [_prompt(at, item, done.turn_id)]
    if item.type == "AgentMessage":
        return [at.step("said")]
    return item_ended(item, at.thread, done.completed_at_ms or at.at)


def _prompt(at: _At, item: Item, turn: str | None) -> Step:
    texts, attached = [], []
    for one in item.content:
        if one.text is not None:
            texts.append(one.text)
        elif one.path is not None or one.image_url is not None:
            attached.append(one.path or _named(one.image_url or ""))
    return at.step(
        "prompt",
        text="\n".join(texts),
        turn=at.turn(turn) if turn else None,
        data=encode(attached).decode() if attached else None,
    )


def _call_ended(kind: str) -> tuple[type[Wire], _Adapt]:
    return CallEnd, lambda at, end: event_ended(kind, end, at.thread, at.at)


def _message(at: _At, item: ResponseItem) -> list[Change]:
    """A text of the model, or of the client in the user's place: prompts have lines of their own."""
    text = _joined(item.content)
    if item.role == "assistant":
        return [at.step("text", text=text)]
    return [at.step("note", text=text)] if item.role == "user" and text.startswith(_NOTES) else []


def _joined(blocks: list[Content] | str | None) -> str:
    if isinstance(blocks, str):
        return blocks
    return "\n".join(one.text for one in blocks or () if one.text is not None)


def _reasoning(at: _At, item: ResponseItem) -> list[Change]:
    text = "\n".join(one.text for one in item.summary if one.text) or _joined(item.content)
    return [at.step("reasoning", text=text)] if text else []


def _call(at: _At, item: ResponseItem) -> list[Change]:
    """A call, which may have no id: then its place is one."""
    if not call_id(item):
        item.call_id = at.id
    ref = row_id(call_id(item), at.thread)
    return [at.step("call", ref=ref, value=polled(item)), *opened(item, at.thread, at.at)]


def _output(at: _At, item: ResponseItem) -> list[Change]:
    if not item.call_id:
        return []
    if shell := running(item):
        return [at.step("running", ref=row_id(item.call_id, at.thread), value=shell[0], text=shell[1])]
    return output(item, at.thread, at.at)


def _index_entry(event: Event) -> Meaning:
    entry, ignored = _decode_entry(event.payload)
    at = any_millis(entry.updated_at) or 0
    facts = {"title": entry.thread_name} if entry.thread_name else {}
    return [SessionSeen(entry.id, SOURCE, at, Rank.RECORD, facts), *ignored]


_decode_entry = LenientDecoder(IndexEntry).decode
_decode_meta = LenientDecoder(SessionMeta).decode


def client_version(event: Event) -> str:
    """The version that wrote a line; only a file's first line says it."""
    if event.type != PREFIX + "session_meta":
        return ""
    try:
        return _decode_meta(_located(event)[1].payload)[0].cli_version or ""
    except (ValueError, RecursionError):
        return ""


plain = _case(Payload, lambda _at, _payload: [])

EVENTS: dict[str, tuple[type[Wire], _Adapt]] = {
    "task_started": (TurnEvent, _turn_started),
    "turn_started": (TurnEvent, _turn_started),
    "task_complete": (TurnEvent, _turn_ended),
    "turn_complete": (TurnEvent, _turn_ended),
    "turn_aborted": (TurnEvent, _turn_ended),
    "token_count": (TokenCount, _token_count),
    "user_message": (UserMessage, _user_message),
    "agent_message": (Payload, _said),
    "item_completed": (ItemCompleted, _item_completed),
    "error": (ErrorInfo, _error_event),
    "thread_rolled_back": (RolledBack, _rolled_back),
    "thread_settings_applied": (SettingsApplied, _settings),
    **{kind: _call_ended(kind) for kind in ("exec_command_end", "patch_apply_end", "mcp_tool_call_end")},
}
# Known, and not read: repeats of what other lines hold, and notes of the client's own.
QUIET_EVENTS = frozenset(
    {
        *("agent_reasoning", "agent_reasoning_raw_content", "context_compacted", "web_search_end", "item_started"),
        *("exec_command_begin", "patch_apply_begin", "mcp_tool_call_begin", "web_search_begin", "turn_diff"),
        *("view_image_tool_call", "image_generation_end", "plan_update", "entered_review_mode", "exited_review_mode"),
        *("collab_agent_spawn_end", "collab_agent_interaction_end", "collab_waiting_end", "collab_close_end"),
        *("collab_resume_end", "thread_name_updated", "undo_completed", "stream_error", "warning", "background_event"),
        *("guardian_assessment", "dynamic_tool_call_request", "dynamic_tool_call_response", "hook_started"),
        *("hook_completed", "sub_agent_activity", "thread_goal_updated", "model_reroute", "turn_moderation_metadata"),
    }
)
ITEMS: dict[str, tuple[type[Wire], _Adapt]] = {
    "message": (ResponseItem, _message),
    "reasoning": (ResponseItem, _reasoning),
    **dict.fromkeys(
        ("function_call", "custom_tool_call", "local_shell_call", "web_search_call"), (ResponseItem, _call)
    ),
    **dict.fromkeys(("function_call_output", "custom_tool_call_output"), (ResponseItem, _output)),
}
QUIET_ITEMS = frozenset(
    {
        *("tool_search_call", "tool_search_output", "image_generation_call", "ghost_snapshot", "compaction"),
        *("compaction_summary", "context_compaction", "additional_tools", "agent_message", "other"),
    }
)

CASES: dict[str, Case] = {
    PREFIX + "session_meta": _case(SessionMeta, _session_meta),
    PREFIX + "turn_context": _case(TurnContext, _turn_context),
    PREFIX + "event_msg": _cases(EVENTS),
    PREFIX + "response_item": _cases(ITEMS),
    PREFIX + "token_usage_record": _case(UsageRecord, _usage_record),
    PREFIX + "compacted": _case(Payload, _compacted),
    PREFIX + "world_state": plain,
    "session_index": _index_entry,
}
