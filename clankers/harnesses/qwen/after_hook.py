"""What the hooks of Qwen Code announce: the chat file of their session, and its subagents'.

The final line of a turn is on the disk when Stop starts (14 of 14 measured). An error has no hook, and headless runs
have no SessionEnd: what no hook announces is left to the sweep.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers import harnesses
from clankers.harnesses.qwen.chat_files import ChatFiles, checked
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
        SourceError: a payload names something that is not the chat file of its session; likewise.
    """
    announced: dict[str, Announced] = {}
    failure: SourceError | None = None
    for hook in hooks:
        if not isinstance(hook, dict) or not hook.get("transcript_path"):
            continue
        session = str(hook.get("session_id"))
        try:
            source = ChatFiles(session, checked(session, hook["transcript_path"]))
        except SourceError as e:
            failure = failure or e
        else:
            announced[session] = Announced(source, ended=hook.get("hook_event_name") == "SessionEnd")
    read_announced(log, announced.values(), harnesses.source_of(log.root))
    if failure:
        raise failure
