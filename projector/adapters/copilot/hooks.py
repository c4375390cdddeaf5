"""GitHub Copilot CLI's hooks: they name the session and its state, what was typed, and requests that failed.

All else is in the event log. Their names and members come in two styles, by how they are configured.
"""

from collections.abc import Callable

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.copilot.common import SOURCE, is_uuid
from projector.adapters.copilot.wire import CamelHook, Hook, HookError
from projector.adapters.session_hooks import SessionHooks
from projector.adapters.wire import any_millis, millis
from projector.model.changes import Change


def _at(event: Event, hook: Hook) -> int:
    """When it happened: each event has a recorder of its own, which may overtake another."""
    return any_millis(hook.timestamp) or millis(event.ts)


SESSIONS = SessionHooks(SOURCE, at=_at)


def _prompt(event: Event, hook: Hook) -> list[Change]:
    """What was typed: it is not in the log yet, and never if the client is killed. A subagent's is its parent's."""
    if not hook.prompt or hook.agent_id:
        return SESSIONS.busy(event, hook)
    return SESSIONS.prompted(event, hook, hook.prompt)


def _failed(event: Event, hook: Hook) -> list[Change]:
    """A request failed, after which the client mostly tries again; of the last attempt the log has the error."""
    changes = SESSIONS.seen(event, hook)
    if hook.recoverable is True:
        text = hook.error.message if isinstance(hook.error, HookError) else hook.error
        changes.append(SESSIONS.report(event, hook, "retry", text or "", match_key="request"))
    return changes


_ADAPT: dict[str, Callable[[Event, Hook], list[Change]]] = {
    "sessionStart": SESSIONS.started,
    "sessionEnd": SESSIONS.ended,
    "userPromptSubmitted": _prompt,
    "errorOccurred": _failed,
    "agentStop": SESSIONS.idle,
    # The event log says it better. They still name a session.
    **dict.fromkeys(
        (
            *("preToolUse", "postToolUse", "postToolUseFailure", "permissionRequest", "preCompact"),
            *("subagentStart", "subagentStop", "notification"),
        ),
        SESSIONS.seen,
    ),
}
_CAPITAL = {"userPromptSubmitted": "UserPromptSubmit", "agentStop": "Stop"}  # others differ by their first letter
_ALWAYS_CAMEL = ("subagentStart", "permissionRequest")


def _case(wire: type[Hook], adapt: Callable[[Event, Hook], list[Change]]) -> Case:
    # Version 1.0.60 names a subagent by a call: only the event log says whose it is.
    return case(wire, lambda event, hook: adapt(event, hook) if is_uuid(hook.session_id) else [])


plain = _case(Hook, SESSIONS.seen)

CASES: dict[str, Case] = {name: _case(CamelHook, adapt) for name, adapt in _ADAPT.items()} | {
    _CAPITAL.get(name, name[0].upper() + name[1:]): _case(CamelHook if name in _ALWAYS_CAMEL else Hook, adapt)
    for name, adapt in _ADAPT.items()
}
