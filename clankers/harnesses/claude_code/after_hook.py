"""What the hooks of Claude Code announce: their transcripts, which hold the tokens and the answers' structure.

The client deletes transcripts after 30 days, so whatever a hook announces is ingested at once.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import time

from clankers import harnesses
from clankers.harnesses.claude_code.transcript_files import Transcripts, checked
from clankers.ingest.live import Announced, read_announced
from clankers.ingest.source import SourceError
from clankers.log import strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from clankers.log.writer import Log

_PATIENCE = 0.25  # seconds a Stop hook waits for the answer to reach the file; 1 to 23 ms were measured
_POLL = 0.002  # seconds
_ENDS = ("Stop", "SubagentStop", "StopFailure")  # hooks that report an answer
_LOOK_BACK = 64 << 10  # bytes of what was read already in which a Stop hook looks for the answer


def after_hooks(log: Log, hooks: list[Any]) -> None:
    """Ingest what the payloads of `hooks`, just logged, announce, and what other sessions left behind.

    Raises:
        OSError: a file cannot be read or written; the other sessions were looked at all the same.
        SourceError: a payload names something that is not a transcript of its session; likewise.
    """
    last: dict[str, dict[str, Any]] = {}
    for hook in hooks:
        if isinstance(hook, dict) and hook.get("transcript_path") and isinstance(hook.get("session_id"), str):
            last[hook["session_id"]] = hook
    announced = []
    failure: SourceError | None = None
    for session, hook in last.items():
        try:
            announced.append(_announced(session, hook))
        except SourceError as e:
            failure = failure or e
    read_announced(log, announced, harnesses.source_of(log.root))
    if failure:
        raise failure


def _announced(session: str, hook: dict[str, Any]) -> Announced:
    source = Transcripts(session, checked(session, hook["transcript_path"]))
    event = hook.get("hook_event_name")

    def wait(offsets: Mapping[str, int]) -> None:
        if event in _ENDS:
            _await_answer(source, hook, offsets)

    return Announced(source, ended=event == "SessionEnd", wait=wait)


def _await_answer(source: Transcripts, hook: dict[str, Any], offsets: Mapping[str, int]) -> None:
    """Wait, for a short time, until the answer that `hook` reports is in the transcript: the client flushes it late.

    Another session's hook may have read it already: then it is what was said last in the part that was read.
    """
    answer = hook.get("last_assistant_message")
    if not isinstance(answer, str) or not answer:
        return
    name = ""
    if hook.get("hook_event_name") == "SubagentStop":
        if not hook.get("agent_type"):
            return  # a compaction's: it has no transcript
        part = source.part_of(hook.get("agent_transcript_path"), hook.get("agent_id"))
        if part is None:
            return
        name = part
    deadline = time.monotonic() + _PATIENCE
    read = offsets.get(name, 0)
    offset = max(read - _LOOK_BACK, 0)
    needle = answer.strip()
    there = False
    while True:
        for at, raw in source.lines(name, offset):
            offset = at + len(raw)
            if b'"assistant"' in raw and needle in _texts(raw):
                there = True
            elif offset <= read and b'"type":"user"' in raw:
                there = False  # it was the same answer to something else
        if there or time.monotonic() > deadline:
            return
        time.sleep(_POLL)


def _texts(raw: bytes) -> list[str]:
    try:
        content = strict_json.parse(strict_json.trim(raw))["message"]["content"]
        return [block["text"].strip() for block in content if block.get("type") == "text"]
    except (strict_json.NotJSONError, LookupError, TypeError, AttributeError):
        return []
