"""What the hooks of Gemini CLI announce: the files of their session.

The client deletes complete sessions at a resume in a later minute, and by its retention, so each hook reads what is
new. The answer of a turn is in the file when AfterAgent starts (38 of 38 measured), so nothing has to be waited for.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers import harnesses
from clankers.harnesses.gemini.chat_files import Chats, chats_of
from clankers.ingest.live import Announced, read_announced
from clankers.ingest.source import SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from clankers.log.writer import Log


def after_hooks(log: Log, hooks: list[Any]) -> None:
    """Ingest what the payloads of `hooks`, just logged, announce, and what other sessions left behind.

    Raises:
        OSError: a file cannot be read or written; the other sessions were looked at all the same.
        SourceError: a payload names something that is not a chat file of its session; likewise.
    """
    last: dict[str, dict[str, Any]] = {}
    for hook in hooks:
        if isinstance(hook, dict) and hook.get("transcript_path") and isinstance(hook.get("session_id"), str):
            last[hook["session_id"]] = hook
    announced = []
    failure: SourceError | None = None
    for session, hook in last.items():
        try:
            source = Chats(session, chats_of(session, hook["transcript_path"]))
        except SourceError as e:
            failure = failure or e
        else:
            announced.append(Announced(source, ended=hook.get("hook_event_name") == "SessionEnd", wait=_nothing))
    read_announced(log, announced, harnesses.source_of(log.root))
    if failure:
        raise failure


def _nothing(_offsets: Mapping[str, int]) -> None:
    """There is nothing to wait for."""
