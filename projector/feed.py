"""A live feed of events, without repeats: what a person would follow.

The log reports the same thing several times: from a hook and in the client's record, or as a snapshot that grows. The
feed has it once, when it is first complete. A text that was cut off comes when its session is idle or gets a new
prompt. Things from before the feed began count as new.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from clankers.log.reader import Event
from projector.adapters import Adapters, UnusableError
from projector.adapters.wire import millis
from projector.model.changes import (
    Change,
    CompactionSeen,
    ErrorSeen,
    MessageSeen,
    PartDelta,
    PartSeen,
    Rank,
    RowReplaced,
    SessionSeen,
    ToolSeen,
)
from projector.model.evidence import HOOKS, Copied, HookReport, Step
from projector.model.naming import project_name, text_key

# What some kinds of `Step` are to a person. Of failed attempts and summaries only later steps say what they were.
_STEPS = {"prompt": "prompt", "text": "answer", "answer": "answer", "error": "error"}
_REMEMBERED = 20_000  # things of each kind; older ones do not come again


class FeedItem(msgspec.Struct, frozen=True):
    """One thing that happened.

    Attributes:
        at: epoch milliseconds, from the client, else when it was logged.
        kind: `prompt`, `answer`, `tool` (a call begins), `ok` or `failed` (it ended), `error`, `retry`, `compaction`.
        id: of its row in the database; a hook's report may later get the id of the client's record.
        text: the prompt or answer, a call's input as JSON, its result, or the error's message.
        file_path: the file that a call which begins works on.
    """

    at: int
    source: str
    session_id: str
    kind: str
    id: str
    text: str
    tool_name: str | None = None
    model: str | None = None
    exit_code: int | None = None
    duration_ms: int | None = None
    file_path: str | None = None


class FeedSession(msgspec.Struct):
    """What is known of a session.

    Attributes:
        copies_before: epoch milliseconds; older messages were copied from another session.
    """

    project_path: str | None = None
    parent_id: str | None = None
    model: str | None = None
    copies_before: int | None = None

    @property
    def project_name(self) -> str | None:
        """Of its project."""
        return project_name(self.project_path) if self.project_path else None


class _Memory(dict[Any, Any]):
    """A dict of limited size: the oldest entries are dropped."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > _REMEMBERED:
            del self[next(iter(self))]


class Feed:
    """Turns events of the log, in order, into feed items.

    Args:
        root: the data root.
        known: what is known of a session from before the feed began; None for nothing.
    """

    def __init__(self, root: str, known: Callable[[str], FeedSession | None]) -> None:
        self._adapters = Adapters(root)
        self._known = known
        self._sessions: dict[str, FeedSession] = {}
        self._messages: dict[str, MessageSeen] = _Memory()
        self._calls: dict[str, str | None] = _Memory()  # their tools' names
        self._growing: dict[str, PartSeen] = _Memory()  # texts of answers that are not complete
        self._copying: dict[tuple[str, str], bool] = _Memory()  # files in which copied steps are being read
        self._sent: dict[tuple[str, str], bool] = _Memory()  # kind and id
        self._times: dict[tuple[str, ...], list[int]] = _Memory()  # how often hooks, and records, reported the same

    def session(self, id: str) -> FeedSession:
        """What is known of the session `id`."""
        if id not in self._sessions:
            self._sessions[id] = self._known(id) or FeedSession()
        return self._sessions[id]

    def items(self, event: Event) -> list[FeedItem]:
        """The new items of `event`."""
        try:
            changes = self._adapters.adapt(event).changes
            logged = millis(event.ts)
        except (UnusableError, ValueError):
            return []
        except Exception:  # noqa: BLE001 - a bug in an adapter: `rejects` names the line
            return []
        copies = {change.id for change in changes if isinstance(change, Copied)}
        found = []
        for one in changes:
            change = one.row if isinstance(one, RowReplaced) else one
            case = self._cases.get(type(change))
            if case and getattr(change, "id", None) not in copies:
                found += case(self, change, logged)
        return found

    def _seen(self, seen: SessionSeen, logged: int) -> list[FeedItem]:
        session = self.session(seen.session_id)
        for name in ("project_path", "parent_id", "model"):
            if value := seen.facts.get(name):
                setattr(session, name, value)
        if seen.facts.get("copies_before"):
            session.copies_before = seen.facts["copies_before"]
        return self._cut_off(seen.session_id, logged) if seen.facts.get("status") == "idle" else []

    def _message(self, seen: MessageSeen, logged: int) -> list[FeedItem]:
        known = self._messages.get(seen.id)
        if known is None:
            self._messages[seen.id] = seen
            return self._cut_off(seen.session_id, logged) if seen.role == "user" else []
        known.role, known.model = seen.role or known.role, seen.model or known.model
        known.synthetic = known.synthetic or seen.synthetic
        return []

    def _delta(self, delta: PartDelta, _: int) -> list[FeedItem]:
        if known := self._growing.get(delta.part.id):  # otherwise it is not text, but reasoning
            known.text = (known.text or "") + delta.text
        return []

    def _part(self, part: PartSeen, logged: int) -> list[FeedItem]:
        message = self._messages.get(part.message_id)
        if part.type not in (None, "text") or part.synthetic or message is None or message.synthetic:
            return []
        if message.role not in ("user", "assistant") or self._copied(message):
            return []
        if message.role == "assistant" and part.completed_at is None:
            self._growing[part.id] = part
            return []
        self._growing.pop(part.id, None)
        return self._text(part, message, logged)

    def _cut_off(self, session: str, logged: int) -> list[FeedItem]:
        """The texts of a session that will not grow any more."""
        cut = [part for part in self._growing.values() if part.session_id == session]
        found = []
        for part in cut:
            del self._growing[part.id]
            if message := self._messages.get(part.message_id):
                found += self._text(part, message, logged)
        return found

    def _text(self, part: PartSeen, message: MessageSeen, logged: int) -> list[FeedItem]:
        kind = "prompt" if message.role == "user" else "answer"
        if not part.text or not self._is_first(kind, part.id):
            return []
        if not self._is_new_report(1, part.session_id, kind, text_key(part.text)):
            return []
        at = part.completed_at or part.created_at or logged
        return [FeedItem(at, part.source, part.session_id, kind, part.id, part.text, model=message.model)]

    def _copied(self, message: MessageSeen) -> bool:
        before = self.session(message.session_id).copies_before
        created, made = message.created_at, message.made_at
        return before is not None and created is not None and made is not None and created < before <= made

    def _hook_report(self, seen: HookReport, _: int) -> list[FeedItem]:
        if (
            seen.synthetic
            or not self._is_first(seen.kind, seen.id)
            or not self._is_new_report(0, seen.session_id, seen.kind, seen.match_key)
        ):
            return []
        return [FeedItem(seen.created_at, seen.source, seen.session_id, seen.kind, seen.id, seen.text)]

    def _step(self, step: Step, logged: int) -> list[FeedItem]:
        file = (step.session_id, step.file)
        if step.kind == "origin" or (step.kind == "turn" and not step.flag):
            self._copying[file] = step.kind == "origin"
        kind = _STEPS.get(step.kind)
        if kind is None or not step.text or self._copying.get(file) or not self._is_first(kind, step.id):
            return []
        who = 0 if step.file == HOOKS else 1
        if not self._is_new_report(who, step.session_id, kind, text_key(step.text)):
            return []
        at, model = step.at or logged, self.session(step.session_id).model if kind == "answer" else None
        return [FeedItem(at, step.source, step.session_id, kind, step.id, step.text, model=model)]

    def _tool(self, call: ToolSeen, logged: int) -> list[FeedItem]:
        message = self._messages.get(call.message_id or "")
        if message and self._copied(message):
            return []
        name = self._calls[call.id] = call.tool_name or self._calls.get(call.id)
        model = message.model if message else None
        found = []
        ended = call.close_rank > Rank.UNREPORTED
        # An inferred call may still lack its input; once it has ended, nothing better comes.
        if (
            (ended or call.open_rank > Rank.GUESS)
            and self._is_first("tool", call.id)
            and call.open_rank > Rank.UNREPORTED
        ):
            at, text = call.created_at or logged, call.tool_input or ""
            of_session = (at, call.source, call.session_id)
            found.append(FeedItem(*of_session, "tool", call.id, text, name, model, file_path=call.file_path))
        if ended and self._is_first("end", call.id):
            kind = "ok" if call.success else "failed"
            text = (call.tool_output if call.success else call.error_message or call.tool_output) or ""
            at = call.completed_at or logged
            found.append(
                FeedItem(
                    at, call.source, call.session_id, kind, call.id, text, name, model, call.exit_code, call.duration_ms
                )
            )
        return found

    def _error(self, error: ErrorSeen, logged: int) -> list[FeedItem]:
        kind = "retry" if error.will_retry else "error"
        type = error.error_type or ""
        if not self._is_first(kind, error.id) or not self._is_new_report(1, error.session_id, kind, type):
            return []
        at = error.created_at or logged
        return [FeedItem(at, error.source, error.session_id, kind, error.id, error.error_message or type)]

    def _compaction(self, seen: CompactionSeen, logged: int) -> list[FeedItem]:
        if not self._is_first("compaction", seen.id):
            return []
        at = seen.created_at or logged
        return [FeedItem(at, seen.source, seen.session_id, "compaction", seen.id, seen.trigger or "")]

    def _is_first(self, kind: str, id: str) -> bool:
        if (kind, id) in self._sent:
            return False
        self._sent[kind, id] = True
        return True

    def _is_new_report(self, who: int, *what: str) -> bool:
        """Whether hooks (`who` 0) or records (1) have now reported `what` more often than the other."""
        times = self._times.setdefault(what, [0, 0])
        times[who] += 1
        return times[who] > times[1 - who]

    _cases: dict[type[Change], Callable[[Any, Any, int], list[FeedItem]]] = {  # noqa: RUF012 - never changed
        SessionSeen: _seen,
        MessageSeen: _message,
        PartSeen: _part,
        PartDelta: _delta,
        HookReport: _hook_report,
        ToolSeen: _tool,
        ErrorSeen: _error,
        CompactionSeen: _compaction,
        Step: _step,
    }
