"""Codex: hook payloads and lines of rollouts into changes.

The rollout is the client's own record and wins over hooks. Only hooks report when a session ended, its status, retries,
and all of an ephemeral session, which has no rollout.

Measured on versions 0.171.0, 0.144.6 and 0.101.0, which write three formats. In all of them a line says by its place
what it belongs to: nothing links a text, a call or a token count to a response, a legacy prompt has no id, and a fork
begins with a copy of its origin's lines. So a line becomes a `Step`, and `projector.derived.turns` makes the messages.
"""

from clankers.log.reader import Event
from projector.adapters.base import Adapter, merge_cases, record_or_hook
from projector.adapters.codex import hooks, rollout
from projector.adapters.codex.common import SOURCE, TOOLS, place_of
from projector.adapters.codex.unknown import unknown


def _owner(event: Event) -> str | None:
    place = place_of(event.id)
    return place.thread if place else None


ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, rollout.CASES),
    record_or_hook(lambda event: event.type.startswith(rollout.PREFIX), rollout.plain, hooks.plain),
    TOOLS,
    owner=_owner,
    unknown=unknown,
    client_version=rollout.client_version,
    only_live=frozenset({"sessions.status", "sessions.ended_at"}),
)
