"""The directory of one session of Vibe 3.x (and 2.26), `unified/<session>/`.

    journal/<first sequence>.jsonl   what happens, line by line; pruned when a run has ended
    CURRENT                          names the generation that counts
    generations/<n>/                 the session at the end of a turn; its manifest lists the chunks of its lists
    chunks/<sha256>.json             parts of these lists
    meta.json

Records and their ids:

    <session>/<journal>@<offset>#<crc>   a line, of the type `journal.<type>`
    <session>/meta#<crc>                 {"sessionId":...,"meta":{...}}
    <session>/state#<crc>                {"sessionId":...,"state":{...}}: the generation's projection-state.json
    <session>[<n>]<turn>#<crc>           {"sessionId":...,"turn":<n>,"entries":[...],"messages":[...]}: a turn's entries
                                         in the history, and the model's messages, as the generation lists them

What the journal says several times, or with each request, is elided (`ELIDED`).

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
from zlib import crc32

from clankers.harnesses.base import MAX_KIND, UNKNOWN, nested
from clankers.harnesses.vibe.harness import HARNESS, JOURNAL, line_level
from clankers.ingest.line_files import LineFiles, place_id
from clankers.ingest.live import Announced
from clankers.ingest.source import Record, SourceError, absolute_path, all_below, is_plain
from clankers.ingest.whole_file import content, signature
from clankers.log import envelope, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

META, STATE, TURN = "meta", "state", "turn"

# Of the journal's lines: the system prompt, the tools and the conversation, which come with each request; the history,
# which the generation has; what hooks got and answered.
ELIDED = (
    ("payload", "request", "model_input"),
    ("payload", "request", "input"),
    ("payload", "result", "result", "output"),
    ("payload", "checkpoint_capabilities"),
    ("payload", "checkpoint_plugins"),
    ("payload", "checkpoint_settings"),
    ("payload", "checkpoint_system_instructions"),
    ("payload", "delta"),
)
# A hook's, elided too: it repeats the call's. Of responses and calls `core_input` says when they came.
_HOOK_RESULT = ("payload", "input", "command", "result")
_HOOK = "hook_completed"

_FOLDER, _LINES = "journal", ".jsonl"
_UNIFIED = "unified"
_MAX_BYTES = 1 << 30  # of a file that is read at once
_DIGEST = 8  # characters


class SessionStore(LineFiles):
    """The files of one session; the parts are its journals, and `meta` and `state`, which have versions.

    Args:
        session: its id.
        path: its directory.
    """

    __slots__ = ()

    def __init__(self, session: str, path: str) -> None:
        super().__init__(HARNESS.name, session, path)

    def compare(self, offsets: Mapping[str, int], versions: Mapping[str, str]) -> list[str] | None:
        """As `Source.compare`; another generation or head is a change, too."""
        rewritten = super().compare(offsets, versions)
        return [] if rewritten is None and self._changed(versions) else rewritten

    def read(
        self, offsets: Mapping[str, int], versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`: the head, the journals, then what of the generation is new."""
        failure: SourceError | None = None
        changed = self._changed(versions)
        readers = (
            self._meta(changed.get(META, ""), versions.get(META, "")),
            super().read(offsets, versions),
            self._generation(changed.get(STATE, ""), versions.get(STATE, "")),
        )
        for reader in readers:
            try:
                yield from reader
            except SourceError as e:
                failure = failure or e
            except (ValueError, LookupError, TypeError, AttributeError) as e:
                failure = failure or SourceError(f"{self.path!r}: not a session of the known form: {e!r}")
        if failure:
            raise failure

    def files(self, _offsets: Mapping[str, int]) -> dict[str, str]:
        """As `LineFiles.files`: the journals that are left."""
        folder = os.path.join(self.path, _FOLDER)
        try:
            names = [] if os.path.islink(folder) else sorted(os.listdir(folder))
        except OSError:
            names = []
        found = [name.removesuffix(_LINES) for name in names if name.endswith(_LINES)]
        return {name: os.path.join(folder, name + _LINES) for name in found if name.isascii() and name.isdigit()}

    def owner(self, part: str) -> str:
        """As `LineFiles.owner`: the session and the journal."""
        return f"{self.session}/{part}"

    def record(self, part: str, at: int, text: bytes, line: dict[str, Any]) -> Record:
        """As `LineFiles.record`, of which every line is one."""
        from clankers.ingest.json_items import elided_at

        kind = line.get("type")
        kind = JOURNAL + (kind if isinstance(kind, str) and kind else UNKNOWN)[:MAX_KIND]
        is_hook = nested(line, "payload", "input", "command", "type") == _HOOK
        payload = elided_at(text, (*ELIDED, _HOOK_RESULT) if is_hook else ELIDED)
        return Record(place_id(self.owner(part), at, text), kind, line_level(line), payload)

    def is_record(self, line: dict[str, Any]) -> bool:
        """As `LineFiles.is_record`."""
        return "sequence" in line and "payload" in line

    def created(self) -> str:
        """As `Source.created`."""
        try:
            start = strict_json.parse(strict_json.trim(self._content("meta.json"))).get("start_time")
        except (SourceError, OSError, strict_json.NotJSONError, AttributeError):
            return ""
        return start if isinstance(start, str) else ""

    def watched(self) -> list[str]:
        """As `Source.watched`: the head, what names the generation that counts, and the journals."""
        named = [os.path.join(self.path, name) for name in ("meta.json", "CURRENT")]
        return [*named, *all_below(os.path.join(self.path, "journal"))]

    def changed_at(self) -> float:
        """As `Source.changed_at`."""
        times = [os.stat(path).st_mtime for path in self.files({}).values()]
        return max(os.stat(os.path.join(self.path, "meta.json")).st_mtime, *times)

    def _changed(self, versions: Mapping[str, str]) -> dict[str, str]:
        """The parts that are not lines and that are new or changed, and their signatures."""
        now = {
            META: signature(os.path.join(self.path, "meta.json")),
            STATE: signature(os.path.join(self.path, "CURRENT")),
        }
        return {part: sign for part, sign in now.items() if sign not in ("", versions.get(part, "").partition("#")[0])}

    def _content(self, *names: str) -> bytes:
        return content(os.path.join(self.path, *names), _MAX_BYTES)

    def _meta(self, sign: str, version: str) -> Iterator[tuple[Record | None, str, str]]:
        if sign:
            text = strict_json.trim(self._content("meta.json"))
            strict_json.parse(text)
            record, crc = self._record(META, b'"meta":' + text)
            yield (None if version.endswith(f"#{crc}") else record), META, f"{sign}#{crc}"

    def _generation(self, sign: str, version: str) -> Iterator[tuple[Record | None, str, str]]:
        """The turns that are new or changed since `version`, which has a digest of each, and the state."""
        if not sign:
            return
        from clankers.ingest.json_items import elided_at

        folder = ("generations", _plain(self._json("CURRENT")["generation"]))
        manifest = self._json(*folder, "manifest.json")
        state = strict_json.trim(self._content(*folder, "projection-state.json"))
        checkpoint = strict_json.trim(self._content(*folder, "checkpoint.json"))
        entries = self._listed(manifest["projection_state"], state, ("snapshot", "history", "entries"))
        messages = self._listed(manifest["checkpoint"], checkpoint, ("context", "messages"))
        digests, done = version.partition("#")[2], ""
        old_state, known = digests[:_DIGEST], digests[_DIGEST:]
        for n, (turn, own) in enumerate(_turns(entries)):
            said = [raw for raw, message in messages if message.get("turn_index") == b"%d" % n]  # numbers are bytes
            lists = b",".join(own), b",".join(said)
            named = turn if is_plain(turn) else ""
            payload = b'{"sessionId":%s,"turn":%d,"entries":[%s],"messages":[%s]}' % (
                strict_json.quote(self.session),
                n,
                *lists,
            )
            crc = _crc(payload)
            done += crc
            if known[n * _DIGEST : (n + 1) * _DIGEST] != crc:
                yield Record(f"{self.session}[{n}]{named}#{crc}", TURN, envelope.INFO, payload), STATE, f"#{digests}"
        state = elided_at(state, [("snapshot", "history", "entries")])
        record, crc = self._record(STATE, b'"state":' + state)
        yield (None if crc == old_state else record), STATE, f"{sign}#{crc}{done}"

    def _json(self, *names: str) -> Any:
        return strict_json.parse(strict_json.trim(self._content(*names)))

    def _record(self, kind: str, member: bytes) -> tuple[Record, str]:
        """A record of `kind`, and the checksum in its id."""
        payload = b'{"sessionId":%s,%s}' % (strict_json.quote(self.session), member)
        crc = _crc(payload)
        return Record(f"{self.session}/{kind}#{crc}", kind, envelope.INFO, payload), crc

    def _listed(self, part: Any, document: bytes, place: tuple[str, ...]) -> list[tuple[bytes, dict[str, Any]]]:
        """The objects of a list: those in the chunks of `part`, then those in `document` at `place`."""
        from clankers.ingest.json_items import items

        texts = [strict_json.trim(self._content("chunks", _plain(name) + ".json")) for name in part["chunks"]]
        for name in place:
            document = dict(items(document, "{}")).get(name, b"{}")
        raws = [raw for text in (*texts, document) if text.startswith(b"[") for _, raw in items(text, "[]")]
        found = [(raw, strict_json.parse(raw)) for raw in raws]
        return [(raw, value) for raw, value in found if isinstance(value, dict)]


def _turns(entries: list[tuple[bytes, dict[str, Any]]]) -> list[tuple[str, list[bytes]]]:
    """The entries of each turn, in order; those that name none belong to the turn before them."""
    turns: dict[str, list[bytes]] = {}
    last = ""
    for raw, entry in entries:
        turn = entry.get("turnId")
        last = turn if isinstance(turn, str) and turn else last
        turns.setdefault(last, []).append(raw)
    return list(turns.items())


def announce(hook: dict[str, Any], announced: dict[str, Announced]) -> None:
    """Add the session of `hook`; as `Announcer`.

    The journal is ahead of the hooks: at post_tool the result, at post_agent the last response is on the disk (9 of 9
    measured). Neither an error nor the end of a session has a hook: what none announces is left to the sweep.
    """
    if path := hook.get("transcript_path"):
        session = str(hook.get("session_id"))
        announced[session] = Announced(SessionStore(session, checked(session, path)), ended=False)


def checked(session: str, path: Any) -> str:
    """`path`, if it has the shape of a directory of `session`: `.../unified/<session>`.

    Raises:
        SourceError: it has not.
    """
    folder = absolute_path(path, "transcript_path")
    above, name = os.path.split(folder)
    if name != session or os.path.basename(above) != _UNIFIED:
        raise SourceError(f"{folder[:200]!r} is not the directory of session {session[:200]}")
    return folder


def _plain(name: Any) -> str:
    """`name`, if it is one of letters and digits: it is a part of a path.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(name, str) or not name.isascii() or not name.isalnum():
        raise ValueError(f"{str(name)[:80]!r} is no name of a generation or chunk")
    return name


def _crc(found: bytes) -> str:
    return f"{crc32(found):08x}"
