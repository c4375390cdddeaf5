"""What Hermes passes to its hooks: prompts, answers, calls, failures, subagents, and the tokens of each response.

No hook has the id of a row in the database. So what was typed and answered is a report until the record holds it, and
the tokens of a request belong to the response with the same first call, or, if it has none, to the next one without a
call (`projector.derived.request_usage`). Until the record has it, they are in a row of their own, without text
(synthetic).
"""

import re
from typing import Any

from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.hermes.common import SOURCE, call_of, close_call, open_call
from projector.adapters.hermes.wire import Extra, Failure, Hook
from projector.adapters.wire import any_millis, millis
from projector.model.changes import Change, ErrorSeen, ProjectSeen, Rank, SessionSeen
from projector.model.evidence import HookReport, RequestUsed, Spent, UsageSeen
from projector.model.naming import HOOK_PREFIX, text_key

_FIRST_CALL = re.compile(r"\btool_calls=\[ToolCall\(id='([^']+)'")  # in Python's form of the response


def _session(event: Event, hook: Hook) -> list[Change]:
    facts: dict[str, Any] = {"project_path": hook.cwd} if hook.cwd else {}
    if hook.extra.model:
        facts["model"] = hook.extra.model
    changes: list[Change] = [SessionSeen(hook.session_id, SOURCE, millis(event.ts), Rank.HOOK, facts)]
    if hook.cwd:
        changes.append(ProjectSeen(hook.cwd, SOURCE))
    return changes


def _prompt(event: Event, hook: Hook) -> list[Change]:
    return [*_session(event, hook), *_report(event, hook, "prompt", hook.extra.user_message)]


def _answer(event: Event, hook: Hook) -> list[Change]:
    return [*_session(event, hook), *_report(event, hook, "answer", hook.extra.assistant_response)]


def _report(event: Event, hook: Hook, kind: str, text: str | None) -> list[Change]:
    if not text:
        return []
    id = f"{HOOK_PREFIX}{kind}:{hook.extra.turn_id or event.id}"
    return [HookReport(id, hook.session_id, SOURCE, kind, text_key(text), text, millis(event.ts))]


def _response(event: Event, hook: Hook) -> list[Change]:
    extra, changes = hook.extra, _session(event, hook)
    if not extra.api_request_id or not (usage := extra.usage):
        return changes
    spent = Spent(
        usage.input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
    )
    used = RequestUsed(spent, extra.response_model or extra.model, extra.provider, extra.finish_reason)
    at = any_millis(extra.started_at) or millis(event.ts)
    id = f"{HOOK_PREFIX}response:{extra.api_request_id}"
    usage_line = UsageSeen(
        id, hook.session_id, SOURCE, "request", at, 0, hook.session_id, _first_call(extra), usage=encode(used).decode()
    )
    return [*changes, usage_line]


def _first_call(extra: Extra) -> str | None:
    """The id of the first call in a response, which its row in the database has too; None for a response without one.

    A row may be stored after the next request began, so a response with calls is not known by its time.
    """
    if found := _FIRST_CALL.search(extra.assistant_message or ""):
        return found[1]
    return extra.api_request_id if extra.assistant_tool_call_count else None


def _failed(event: Event, hook: Hook) -> list[Change]:
    extra, error = hook.extra, hook.extra.error or Failure()
    id = f"{extra.api_request_id or event.id}:{extra.retry_count or 0}"
    at = any_millis(extra.ended_at) or millis(event.ts)
    seen = ErrorSeen(id, hook.session_id, SOURCE, error.type, error.message, at, None, extra.status_code)
    seen.will_retry = extra.retryable is True
    return [*_session(event, hook), seen]


def _call(event: Event, hook: Hook) -> list[Change]:
    extra, changes = hook.extra, _session(event, hook)
    if not extra.tool_call_id:
        return changes
    call = call_of(extra.tool_call_id, hook.session_id)
    ended = extra.result is not None
    began = millis(event.ts) - (extra.duration_ms or 0)
    open_call(call, Rank.GUESS if ended else Rank.HOOK, hook.tool_name, hook.tool_input, began)
    if extra.result is not None:
        close_call(call, Rank.REPORT, extra.result, millis(event.ts), failed=extra.status == "error")
        call.duration_ms = extra.duration_ms
    return [*changes, call]


def _subagent(event: Event, hook: Hook) -> list[Change]:
    changes = _session(event, hook)
    if child := hook.extra.child_session_id:
        changes.append(SessionSeen(child, SOURCE, 0, Rank.HOOK, {"parent_id": hook.session_id, "agent": "subagent"}))
    return changes


_named = case(Hook, _session)
CASES: dict[str, Case] = {
    **dict.fromkeys(
        ("on_session_start", "on_session_end", "on_session_finalize", "on_session_reset", "pre_api_request"), _named
    ),
    "pre_llm_call": case(Hook, _prompt),
    "post_llm_call": case(Hook, _answer),
    "post_api_request": case(Hook, _response),
    "api_request_error": case(Hook, _failed),
    "pre_tool_call": case(Hook, _call),
    "post_tool_call": case(Hook, _call),
    "subagent_start": case(Hook, _subagent),
    "subagent_stop": case(Hook, _subagent),
}


def fallback(event: Event) -> Meaning:
    """An event of an unknown type may still name its session.

    Raises:
        msgspec.ValidationError: it does not.
    """
    return _named(event)
