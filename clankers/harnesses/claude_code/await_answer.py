"""Waits until the answer that a hook reports is in the transcript: Claude Code writes it a moment later.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import time

from clankers.log import strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from clankers.harnesses.claude_code.transcript_files import Transcripts

_PATIENCE = 0.25  # seconds a Stop hook waits for the answer to reach the file; 1 to 23 ms were measured
_POLL = 0.002  # seconds
_LOOK_BACK = 64 << 10  # bytes of what was read already in which a Stop hook looks for the answer


def await_answer(source: Transcripts, hook: dict[str, Any], offsets: Mapping[str, int]) -> None:
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
