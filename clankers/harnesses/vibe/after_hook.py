"""What the hooks of Vibe announce: the directory of their session.

The journal is ahead of the hooks: at post_tool the result and at post_agent the last response are on the disk (9 of 9
measured). The journal of a run is deleted after the next one, so each hook reads what is new. An error has no hook, and
neither has the end of a session: what no hook announces is left to the sweep.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers import harnesses
from clankers.harnesses.vibe.session_store import SessionStore, checked
from clankers.ingest.live import Announced, read_announced
from clankers.ingest.source import SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from clankers.log.writer import Log


def after_hooks(log: Log, hooks: list[Any]) -> None:
    """Ingest what the payloads of `hooks`, just logged, announce, and what other sessions left behind.

    Raises:
        OSError: a file cannot be read or written; the other sessions were looked at all the same.
        SourceError: a payload names something that is not the directory of its session; likewise.
    """
    announced: dict[str, Announced] = {}
    failure: SourceError | None = None
    for hook in hooks:
        if not isinstance(hook, dict) or not hook.get("transcript_path"):
            continue
        session = str(hook.get("session_id"))
        try:
            announced[session] = Announced(
                SessionStore(session, checked(session, hook["transcript_path"])), ended=False
            )
        except SourceError as e:
            failure = failure or e
    read_announced(log, announced.values(), harnesses.source_of(log.root))
    if failure:
        raise failure
