"""What the hooks of Codex announce: rollouts, which hold the answers and how calls ended.

A rollout is read at every event: what an event reports itself is often written a moment later, and is read at the next
one. The last lines of a turn that fails or is killed, which no event follows, are left to the sweep.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers import harnesses
from clankers.harnesses.codex.rollout_files import Rollouts, located
from clankers.ingest.live import Announced, read_announced
from clankers.ingest.source import SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from clankers.log.writer import Log

_THREADS = ("session_id", "agent_id", "thread_id")  # what names a thread in a hook's payload
# What names a rollout, and the event after which its thread has ended. In a subagent the first is the subagent's, but
# for SubagentStop.
_ROLLOUTS = {"transcript_path": "SessionEnd", "agent_transcript_path": "SubagentStop"}


def after_hooks(log: Log, hooks: list[Any]) -> None:
    """Ingest what the payloads of `hooks`, just logged, announce, and what other threads left behind.

    Raises:
        OSError: a file cannot be read or written; the other threads were looked at all the same.
        SourceError: a payload names something that is not a rollout of its threads; likewise.
    """
    places: dict[str, tuple[str, dict[str, str]]] = {}
    ended: dict[str, bool] = {}
    failure: SourceError | None = None
    for hook in filter(_is_object, hooks):
        for key, end in _ROLLOUTS.items():
            if not (path := hook.get(key)):
                continue  # --ephemeral writes none
            try:
                home, name, thread = _checked(hook, path)
            except SourceError as e:
                failure = failure or e
                continue
            known, found = places.get(thread, (home, {}))
            places[thread] = (home, {**(found if known == home else {}), name: path})
            ended[thread] = hook.get("hook_event_name") == end
    announced = [
        Announced(Rollouts(thread, home, found), ended=ended[thread]) for thread, (home, found) in places.items()
    ]
    read_announced(log, announced, harnesses.source_of(log.root))
    if failure:
        raise failure


def _is_object(hook: Any) -> bool:
    return isinstance(hook, dict)


def _checked(hook: dict[str, Any], path: Any) -> tuple[str, str, str]:
    home, name, thread = located(path)
    if thread not in map(hook.get, _THREADS):
        raise SourceError(f"{path[:200]!r} is not a rollout of a thread that the event names")
    return home, name, thread
