"""What live events say of a session: its state, its directory, its parent, what was typed.

Many harnesses have adopted the hooks of Claude Code, names included. An adapter says where its harness differs.
"""

from collections.abc import Callable
from typing import Any

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.wire import Id, Wire, millis
from projector.model.changes import Change, Rank, SessionSeen
from projector.model.evidence import HookReport
from projector.model.naming import HOOK_PREFIX, text_key


class SessionHook(Wire):
    """What every live event says of its session; `session_id` is the parent's where there is a subagent."""

    session_id: Id
    cwd: str | None = None
    agent_id: Id | None = None
    agent_type: str | None = None


def _logged_at(event: Event, _hook: Any) -> int:
    return millis(event.ts)


def _named_session(hook: Any) -> str:
    session: str = hook.session_id
    return session


def _no_facts(_hook: Any) -> dict[str, Any]:
    return {}


class SessionHooks:
    """What the live events of one harness say of sessions. The methods but for `report` are for `base.case`.

    Args:
        source: the harness.
        at: when an event happened, in epoch milliseconds; by default when it was logged.
        session_of: the session that it happened in; by default the one that it names, also for a subagent's event.
        facts: more columns of that session; those that are None are left out.
    """

    def __init__(
        self,
        source: str,
        *,
        at: Callable[[Event, Any], int] = _logged_at,
        session_of: Callable[[Any], str] = _named_session,
        facts: Callable[[Any], dict[str, Any]] = _no_facts,
    ) -> None:
        self._source = source
        self._at = at
        self._session_of = session_of
        self._facts = facts

    def seen(self, event: Event, hook: SessionHook, **state: Any) -> list[Change]:
        """That there is the session, and in a subagent its parent."""
        at, session = self._at(event, hook), self._session_of(hook)
        facts = {"project_path": hook.cwd or None, **self._facts(hook)}
        if session != hook.session_id:
            facts |= {"parent_id": hook.session_id, "agent": hook.agent_type or None}
        said = {name: value for name, value in facts.items() if value is not None}
        seen = SessionSeen(session, self._source, at, Rank.HOOK, {"created_at": at, "updated_at": at, **said, **state})
        return [seen] if session == hook.session_id else [SessionSeen(hook.session_id, self._source), seen]

    def started(self, event: Event, hook: SessionHook) -> list[Change]:
        """That it began, or goes on."""
        return self.seen(event, hook, status="active", ended_at=None)

    def busy(self, event: Event, hook: SessionHook) -> list[Change]:
        """That a turn began."""
        return self.seen(event, hook, status="busy")

    def idle(self, event: Event, hook: SessionHook) -> list[Change]:
        """That a turn ended."""
        return self.seen(event, hook, status="idle")

    def failed(self, event: Event, hook: SessionHook) -> list[Change]:
        """That a turn failed."""
        return self.seen(event, hook, status="error")

    def ended(self, event: Event, hook: SessionHook) -> list[Change]:
        """That it ended."""
        return self.seen(event, hook, status="ended", ended_at=self._at(event, hook))

    def subagent_ended(self, event: Event, hook: SessionHook) -> list[Change]:
        """That a subagent ended; nothing where it has no session of its own: its parent goes on."""
        own = self._session_of(hook) != hook.session_id
        return self.ended(event, hook) if own else self.seen(event, hook)

    def prompted(self, event: Event, hook: SessionHook, text: str, *, turn: str | None = None) -> list[Change]:
        """That a turn began with the prompt `text`; `turn` as of `report`."""
        return [*self.busy(event, hook), self.report(event, hook, "prompt", text, turn=turn)]

    def report(
        self,
        event: Event,
        hook: SessionHook,
        kind: str,
        text: str,
        *,
        turn: str | None = None,
        match_key: str | None = None,
        synthetic: bool = False,
    ) -> HookReport:
        """What the client's own record may not hold, or not yet.

        Args:
            event: that reports it.
            hook: its payload.
            kind: as `HookReport.kind`.
            text: as `HookReport.text`.
            turn: where it happened: equal reports of one turn are one, for a hook may be installed twice. By default
                the time of the event.
            match_key: as `HookReport.match_key`; by default of the text.
            synthetic: as `HookReport.synthetic`.
        """
        at, session, key = self._at(event, hook), self._session_of(hook), text_key(text)
        id = f"{HOOK_PREFIX}{kind}:{session}:{at if turn is None else turn}:{key}"
        return HookReport(id, session, self._source, kind, match_key or key, text, at, synthetic)

    def cases(self, wire: type[SessionHook]) -> dict[str, Case]:
        """The cases of the hooks that Claude Code has for this, for payloads of which no more than `wire` is read."""
        return {
            "SessionStart": case(wire, self.started),
            "SessionEnd": case(wire, self.ended),
            "Stop": case(wire, self.idle),
            "StopFailure": case(wire, self.failed),
            "SubagentStop": case(wire, self.subagent_ended),
        }
