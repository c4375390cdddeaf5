"""Following Claude Code's transcripts: the lines that are new since the last look go into the log, each once.

Hooks carry neither tokens nor the answers' structure, and the client deletes transcripts after 30 days; so whatever a
hook announces is taken in at once.

What a killed client wrote last is picked up by the next hook of any session and by `clankers project` (`sweep`).

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import time

from clankers.harnesses.claude_code.transcript_files import SessionFiles, TranscriptError, first_time
from clankers.ingest.cursor import Cursor, open_sessions
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Container
    from typing import Any

    from clankers.log.writer import Log

HOOK_BYTES = 4 << 20  # of transcript that one hook takes in; the rest follows at the next hook or `project`
_PATIENCE = 0.25  # seconds a Stop hook waits for the answer to reach the file; 1 to 23 ms were measured
_LONG_PATIENCE = 5.0  # seconds to wait for a hook that takes in a transcript
_POLL = 0.002  # seconds
_LOOK_BACK = 64 << 10  # bytes of what was read already in which a Stop hook looks for the answer
_SETTLED = 60.0  # seconds after its last change that an ended session's files are taken to be complete
FORGOTTEN = 86400.0  # the same for a session that never said it ended
_SWEEP = 64  # other sessions that one hook looks at


def after_hooks(log: Log, hooks: list[Any]) -> None:
    """Take in what the payloads of `hooks`, just logged, announce, and what other sessions left behind.

    Raises:
        OSError: a file cannot be read or written; the other sessions were looked at all the same.
        TranscriptError: a payload names something that is not a transcript of its session; likewise.
    """
    last: dict[str, dict[str, Any]] = {}
    for hook in hooks:
        if isinstance(hook, dict) and hook.get("transcript_path") and isinstance(hook.get("session_id"), str):
            last[hook["session_id"]] = hook
    failure: Exception | None = None
    for session, hook in last.items():
        try:
            _after_hook(log, session, hook)
        except (TranscriptError, OSError) as e:
            failure = failure or e
    sweep(log, limit=_SWEEP, budget=HOOK_BYTES, but=last)
    if failure:
        raise failure


def _after_hook(log: Log, session: str, hook: dict[str, Any]) -> None:
    path = checked(session, hook["transcript_path"])
    with Cursor(log.root, session, patience=_PATIENCE) as cursor:
        if cursor.locked:
            event = hook.get("hook_event_name")
            cursor.move_to(path)
            cursor.ended = event == "SessionEnd"
            cursor.open()
            files = SessionFiles(session, cursor)
            if event in ("Stop", "SubagentStop", "StopFailure"):
                _await_answer(files, hook)
            files.take_in(log, HOOK_BYTES)


def pass_over(root: str, session: str, forgotten: Collection[str]) -> bool:
    """Take what the files of `session` hold by now for read, where `forgotten` names it; else its subagents' there.

    Returns:
        False where another process keeps the session's cursor.

    Raises:
        OSError: a file cannot be read or written.
        TranscriptError: a transcript is none any more.
    """
    with Cursor(root, session, patience=_LONG_PATIENCE) as cursor:
        if cursor.locked:
            if cursor.path:
                SessionFiles(session, cursor).pass_over(forgotten)
                cursor.save()
            if session in forgotten:
                cursor.close()
        return cursor.locked


def created(path: str) -> str:
    """When the transcript at `path` begins (RFC 3339, UTC): its first time, else the file's.

    Raises:
        OSError: it cannot be read.
        TranscriptError: it is not a regular file.
    """
    return first_time(path) or envelope.stamp(os.stat(path).st_mtime_ns)


def sweep(log: Log, *, limit: int | None = None, budget: int | None = None, but: Container[str] = ()) -> int:
    """Take in what open sessions wrote since; close those that are complete. Returns how many records were new.

    Args:
        log: where to.
        limit: how many sessions to look at, at most.
        budget: how many bytes of transcript to take in, about.
        but: sessions not to look at.

    Raises:
        OSError: a file cannot be read or written; the other sessions were looked at all the same.
        TranscriptError: a transcript is none any more; likewise.
    """
    new = 0
    failure: Exception | None = None
    sessions = open_sessions(log.root)
    if limit is not None and len(sessions) > limit:  # another part of them each time
        start = time.time_ns() // 1000 % len(sessions)
        sessions = (sessions[start:] + sessions[:start])[:limit]
    for session in sessions:
        if session in but or (budget is not None and budget <= 0):
            continue
        try:
            with Cursor(log.root, session) as cursor:
                if cursor.locked:
                    files = SessionFiles(session, cursor)
                    try:
                        new += files.take_in(log, budget) if cursor.path and checked(session, cursor.path) else 0
                    finally:
                        budget = None if budget is None else budget - files.taken
                        if time.time() - files.changed_at() > (_SETTLED if cursor.ended else FORGOTTEN):
                            cursor.close()
        except (TranscriptError, OSError) as e:
            failure = failure or e
    if failure:
        raise failure
    return new


def checked(session: str, path: Any) -> str:
    """`path`, if it has the shape of a transcript of `session`: `.../projects/<project>/<session>.jsonl`.

    Raises:
        TranscriptError: it has not.
    """
    if not isinstance(path, str) or "\0" in path or len(path) > 4096 or not os.path.isabs(path):
        raise TranscriptError("transcript_path is not an absolute path")
    folder, name = os.path.split(path)
    if not session or len(session) > 128 or not session.replace("-", "").replace("_", "").isalnum():
        raise TranscriptError(f"session_id {session[:80]!r} is not a name of letters, digits and hyphens")
    inside = os.path.basename(os.path.dirname(folder)) == "projects" and ".." not in path.split(os.sep)
    if name != session + ".jsonl" or not inside:
        raise TranscriptError(f"{path[:200]!r} is not a transcript of session {session} in a projects directory")
    return path


def _await_answer(files: SessionFiles, hook: dict[str, Any]) -> None:
    """Wait, for a short time, until the answer that `hook` reports is in the transcript: the client flushes it late.

    Another session's hook may have taken it in already: then it is what was said last in the part that was read.
    """
    answer = hook.get("last_assistant_message")
    if not isinstance(answer, str) or not answer:
        return
    name = ""
    if hook.get("hook_event_name") == "SubagentStop":
        if not hook.get("agent_type"):
            return  # a compaction's: it has no transcript
        name = f"agent-{hook.get('agent_id')}"
        if os.sep in name:
            return
    deadline = time.monotonic() + _PATIENCE
    read = files.cursor.offsets.get(name, 0)
    offset = max(read - _LOOK_BACK, 0)
    needle = answer.strip()
    there = False
    while True:
        for at, raw in files.lines(name, offset):
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
