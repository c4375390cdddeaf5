"""The directory of one conversation of OpenHands, and its subagents' in it.

    conversations/<id without dashes>/events/event-<number>-<uuid>.json   each written once
    conversations/<id without dashes>/base_state.json                     rewritten at the end of a run
    conversations/<id without dashes>/subagents/<id without dashes>/      the same of a subagent

Records and their ids; the owner is the session, or `<session>/<subagent>`:

    <owner>@<number>#<crc>           an event, of the type `event.<kind>`: {"sessionId":...,"at":...,"event":{...}}
    <owner>/state#<crc>              {"sessionId":...,"parentSessionId":...,"costs":{...},"state":{...}}:
                                     base_state.json, and what each usage has cost so far, in US dollars
    <owner>/usage[<n>]#<crc>         the tokens of a response, `usage`: {"sessionId":...,"usage":...,"tokens":{...}}

Events have local times without a zone: `at` is the same in epoch milliseconds, by the zone in which the file was
written. What each conversation or event repeats is elided (`ELIDED`, `STATE_ELIDED`).

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import time
from zlib import crc32

from clankers import paths
from clankers.harnesses.base import MAX_KIND, UNKNOWN, nested
from clankers.harnesses.openhands.harness import EVENT, HARNESS, event_level
from clankers.ingest.live import Announced
from clankers.ingest.source import Record, Source, SourceError, absolute_path
from clankers.ingest.whole_file import content, signature
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

STATE, USAGE = "state", "usage"

# Of events: the system prompt and the tools; what a hook got, which is in other events.
ELIDED = (("system_prompt",), ("tools",), ("dynamic_context",), ("hook_input",))
# Of the state: settings, which have keys, if masked ones; and what was counted, which makes records of its own.
STATE_ELIDED = (
    *(("agent",), ("agent_state",), ("hook_config",), ("security_analyzer",), ("secret_registry",)),
    ("stats", "usage_to_metrics"),
)

_EVENTS, _SUBAGENTS, _STATE_FILE = "events", "subagents", "base_state.json"
_MAX_BYTES = 256 << 20  # of a file
_SETTLING = 5.0  # seconds since its last change in which a file may be incomplete: it is being written
_QUARTER = 900  # seconds: zones differ from UTC by a multiple of it
_WIDEST = 15 * 3600  # seconds that a zone differs from UTC, at most
_LATE = (
    5  # seconds after the time in an event within which its file was written; more, and copies would match by chance
)


class OpenHandsConversation(Source):
    """The events and states of one conversation and of its subagents.

    Its parts are the events, named "" and after a subagent's directory, whose mark is the number of the next event; and
    `state` and `<subagent>/state`, whose version has the checksum of the state and of each count.

    Args:
        session: its id.
        path: its directory.
    """

    __slots__ = ()

    def __init__(self, session: str, path: str) -> None:
        super().__init__(HARNESS.name, session, path, (session,))

    def watched(self) -> list[str]:
        """As `Source.watched`: events are files, of which only the last may still be written."""
        found = [os.path.join(self.path, _SUBAGENTS)]
        for part in self._owners():
            folder, events = self._folder(part), self._events(part)
            found += [os.path.join(folder, _EVENTS), os.path.join(folder, _STATE_FILE)]
            found += [os.path.join(folder, _EVENTS, name) for _, name in events[-1:]]
        return found

    def compare(self, offsets: Mapping[str, int], versions: Mapping[str, str]) -> Collection[str] | None:
        """As `Source.compare`; events are written once."""
        for part in self._owners():
            if self._changed(part, versions) or any(n >= offsets.get(part, 0) for n, _ in self._events(part)):
                return ()
        return None

    def read(
        self, offsets: Mapping[str, int], versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`: what is new of the conversation, then of each subagent."""
        failure: SourceError | None = None
        for part in self._owners():
            readers = (self._new_events(part, offsets.get(part, 0)), self._new_state(part, versions))
            for reader in readers:
                try:
                    yield from reader
                except SourceError as e:
                    failure = failure or e
        if failure:
            raise failure

    def created(self) -> str:
        """As `Source.created`: not known in UTC without reading the first event."""
        return ""

    def changed_at(self) -> float:
        """As `Source.changed_at`."""
        return max(os.stat(os.path.join(self._folder(part), _EVENTS)).st_mtime for part in self._owners())

    def session_of(self, part: str) -> str:
        """As `Source.session_of`: a subagent's id is the name of its directory, with dashes."""
        name = part.removesuffix(STATE).rstrip("/")
        return dashed(name) if name else self.session

    def sessions(self) -> Collection[str]:
        """As `Source.sessions`."""
        return [self.session_of(part) for part in self._owners()]

    def _owners(self) -> list[str]:
        """The parts of events."""
        folder = os.path.join(self.path, _SUBAGENTS)
        try:
            names = [] if os.path.islink(folder) else sorted(os.listdir(folder))
        except OSError:  # most of the time there is none
            names = []
        return ["", *filter(is_id, names)]

    def _folder(self, part: str) -> str:
        return os.path.join(self.path, _SUBAGENTS, part) if part else self.path

    def _owner(self, part: str) -> str:
        return f"{self.session}/{self.session_of(part)}" if part else self.session

    def _events(self, part: str) -> list[tuple[int, str]]:
        """The number and the name of each file of an event, in order."""
        try:
            names = os.listdir(os.path.join(self._folder(part), _EVENTS))
        except OSError:
            return []
        found = []
        for name in names:
            prefix, number, _ = [*name.split("-", 2), "", ""][:3]
            if prefix == "event" and number.isascii() and number.isdigit() and name.endswith(".json"):
                found.append((int(number), name))
        return sorted(found)

    def _new_events(self, part: str, since: int) -> Iterator[tuple[Record | None, str, int | str]]:
        for number, name in self._events(part):
            if number < since:
                continue
            path = os.path.join(self._folder(part), _EVENTS, name)
            text = strict_json.trim(content(path, _MAX_BYTES))
            written = os.lstat(path).st_mtime
            try:
                event = strict_json.parse(text)
            except strict_json.NotJSONError as e:
                if time.time() - written < _SETTLING:
                    return  # it and those behind it are left for the next look
                event, error = None, str(e)
            else:
                error = "not a JSON object"
            id = f"{self._owner(part)}@{number}#{crc32(text):08x}"
            if isinstance(event, dict):
                yield self._record(part, id, text, event, written), part, number + 1
            else:
                payload = envelope.invalid(text, f"{path}: {error}")
                yield Record(id, envelope.INVALID, envelope.ERROR, payload), part, number + 1

    def _record(self, part: str, id: str, text: bytes, event: dict[str, Any], written: float) -> Record:
        from clankers.ingest.json_items import elided_at

        kind = event.get("kind")
        kind = EVENT + (kind if isinstance(kind, str) and kind else UNKNOWN)[:MAX_KIND]
        at = epoch_millis(event.get("timestamp"), written)
        payload = b'{"sessionId":%s,"at":%s,"event":%s}' % (
            strict_json.quote(self.session_of(part)),
            b"null" if at is None else b"%d" % at,
            elided_at(text, ELIDED),
        )
        return Record(id, kind, event_level(event), payload)

    def _state(self, part: str) -> str:
        return f"{part}/{STATE}" if part else STATE

    def _changed(self, part: str, versions: Mapping[str, str]) -> str:
        """The signature of the state, if it is new or changed."""
        now = signature(os.path.join(self._folder(part), _STATE_FILE))
        return now if now != versions.get(self._state(part), "").partition("#")[0] else ""

    def _new_state(self, part: str, versions: Mapping[str, str]) -> Iterator[tuple[Record | None, str, str]]:
        """The state, and the counts that it did not have before."""
        if not (now := self._changed(part, versions)):
            return
        from clankers.ingest.json_items import elided_at

        path = os.path.join(self._folder(part), _STATE_FILE)
        text = strict_json.trim(content(path, _MAX_BYTES))
        try:
            counts, costs = _counted(text)
            state = elided_at(text, STATE_ELIDED)
        except (ValueError, TypeError, AttributeError) as e:
            if time.time() - os.lstat(path).st_mtime < _SETTLING:
                return
            raise SourceError(f"{path!r}: {e}") from None
        name, session, quote = self._state(part), self.session_of(part), strict_json.quote
        known, done = versions.get(name, "").split("#")[1:], []
        for usage, n, tokens in counts:
            payload = b'{"sessionId":%s,"usage":%s,"tokens":%s}' % (quote(session), quote(usage), tokens)
            done.append(f"{crc32(payload):08x}")
            if done[-1] not in known:
                yield Record(f"{self._owner(part)}/{USAGE}[{n}]#{done[-1]}", USAGE, envelope.INFO, payload), name, "#"
        parent = quote(self.session) if part else b"null"
        payload = b'{"sessionId":%s,"parentSessionId":%s,"costs":%s,"state":%s}' % (
            quote(session),
            parent,
            costs,
            state,
        )
        done.append(f"{crc32(payload):08x}")
        record = Record(f"{self._owner(part)}/{STATE}#{done[-1]}", STATE, envelope.INFO, payload)
        yield None if done[-1] in known else record, name, "#".join((now, *done))


def _counted(text: bytes) -> tuple[list[tuple[str, int, bytes]], bytes]:
    """What was counted: for what, which response of these, and its tokens; and the cost of each usage, a JSON object.

    Raises:
        ValueError: the state in `text` is of another form.
    """
    from clankers.ingest.json_items import items, joined

    found, costs = [], []
    stats = dict(items(dict(items(text, "{}")).get("stats", b"{}"), "{}"))
    for usage, metrics in items(stats.get("usage_to_metrics", b"{}"), "{}"):
        members = dict(items(metrics, "{}"))
        costs.append((usage, members.get("accumulated_cost", b"null")))
        for n, (_, tokens) in enumerate(items(members.get("token_usages", b"[]"), "[]")):
            strict_json.parse(tokens)
            found.append((usage, n, tokens))
    return found, joined(costs)


def announce(hook: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the conversation of `hook`, which names no path; as `Announcer`.

    When PreToolUse and PostToolUse start, their event is not on the disk; when Stop does, all is, tokens too.
    """
    session = hook.get("session_id")
    if isinstance(session, str) and is_id(session.replace("-", "")):
        path = os.path.join(conversations(), session.replace("-", ""))
        announced[session] = Announced(
            OpenHandsConversation(session, path), ended=nested(hook, "event_type") == "SessionEnd"
        )


def conversations() -> str:
    """The directory of the conversations: `OPENHANDS_CONVERSATIONS_DIR`, else in that of all files."""
    named = os.environ.get("OPENHANDS_CONVERSATIONS_DIR")
    return os.path.abspath(os.path.expanduser(named)) if named else os.path.join(home(), "conversations")


def home() -> str:
    """The directory of OpenHands's files: `OPENHANDS_PERSISTENCE_DIR`, else `~/.openhands`."""
    named = os.environ.get("OPENHANDS_PERSISTENCE_DIR")
    return os.path.abspath(os.path.expanduser(named)) if named else os.path.join(paths.home(), ".openhands")


def checked(session: str, path: str) -> str:
    """`path`, if it has the shape of a directory of `session`: `.../<session without dashes>`.

    Raises:
        SourceError: it has not.
    """
    folder = absolute_path(path, "the path of a conversation")
    if os.path.basename(folder) != session.replace("-", ""):
        raise SourceError(f"{folder[:200]!r} is not the directory of conversation {session[:200]}")
    return folder


def is_id(name: str) -> bool:
    """Whether `name` is an id as directories are named: 32 hexadecimal digits."""
    return len(name) == 32 and not set(name) - set("0123456789abcdef")


def dashed(name: str) -> str:
    """The id of a conversation whose directory is called `name`."""
    return "-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:]))


def epoch_millis(local: Any, written: float) -> int | None:
    """The local time `local`, which names no zone, in epoch milliseconds; None if it is no time.

    Args:
        local: as `2026-11-27T20:19:07.212726`.
        written: when its file was written, in seconds since the epoch. It shows the zone, unless the file was copied:
            then it is this machine's.
    """
    from datetime import datetime, timezone

    try:
        naive = datetime.fromisoformat(local).replace(tzinfo=None)
    except (TypeError, ValueError):
        return None
    as_utc = naive.replace(tzinfo=timezone.utc).timestamp()  # noqa: UP017 (`datetime.UTC` is another import)
    offset = round((as_utc - written + _LATE / 2) / _QUARTER) * _QUARTER
    if abs(offset) <= _WIDEST and -1 <= written - (as_utc - offset) <= _LATE:
        return round((as_utc - offset) * 1000)
    try:
        return round(naive.timestamp() * 1000)
    except (OverflowError, OSError, ValueError):
        return None
