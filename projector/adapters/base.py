"""What an adapter declares: everything that replay, the feed and sync need to know of one harness.

Pure: no IO, no clock. Where a harness's files are and how its hooks are installed is in `clankers.harnesses`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import Raw, ValidationError, defstruct
from msgspec.json import Decoder, decode

from clankers import __version__
from clankers.log.reader import Event
from projector.adapters.decode import LenientDecoder
from projector.adapters.wire import ABSENT, Wire, json_text
from projector.model.changes import Change, Rank, ToolSeen, ValueIgnored

Meaning = Sequence[Change | ValueIgnored]  # of an event; the values that were left out come last
Case = Callable[[Event], Meaning]


class UnusableError(Exception):
    """An event that its adapter cannot read.

    Attributes:
        field: the JSON path of the wrong value, as `$.message.usage`; empty for the complete payload.
    """

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


class Tools(NamedTuple):
    """What the tool calls of a harness mean.

    Attributes:
        editing: names of tools that edit the file in their input.
        subtask: names of tools that start a subagent.
        path_keys: members of a call's input that name the file it works on, the first that is there. The default has
            the names that the harnesses' own tools and MCP servers use.
    """

    editing: frozenset[str] = frozenset()
    subtask: frozenset[str] = frozenset()
    path_keys: tuple[str, ...] = ("file_path", "filePath", "notebook_path")

    def file_path(self, tool_input: Raw) -> str | None:
        """The file that a call works on; None if its input names none.

        Raises:
            msgspec.DecodeError: the input is not JSON.
        """
        try:
            found = _paths_decoder(self.path_keys)(tool_input)
        except ValidationError:
            return None  # not an object
        for key in self.path_keys:
            raw = getattr(found, key)
            if raw is not ABSENT and isinstance(path := decode(raw), str):
                return path
        return None

    def opened(self, id: str, session: str, source: str, name: str | None, given: Raw, at: int | None) -> ToolSeen:
        """A call that began, as the client's record has it.

        Args:
            id: of the row.
            session: whose call it is.
            source: the harness's name.
            name: the tool's.
            given: the call's input.
            at: when it began, in epoch milliseconds.

        Raises:
            msgspec.DecodeError: the input is not JSON.
        """
        return ToolSeen(
            id,
            session,
            source,
            open_rank=Rank.RECORD,
            tool_name=name,
            tool_input=json_text(given),
            file_path=self.file_path(given),
            edits_file=name in self.editing,
            created_at=at,
            status="running",
        )


@lru_cache(64)
def _paths_decoder(keys: tuple[str, ...]) -> Callable[[Raw], Any]:
    return Decoder(defstruct("Paths", [(key, Raw, ABSENT) for key in keys], bases=(Wire,))).decode


class Adapter(NamedTuple):
    """What one harness's events mean.

    Attributes:
        source: the harness's name, as in the log.
        cases: by event type, what an event means. May raise msgspec.MsgspecError, ValueError and RecursionError for an
            event that it cannot read.
        fallback: the same for a type without a case.
        tools: what tool calls mean.
        owner: the session of an event whose changes name none; None if it belongs to no session.
        unknown: what an event of a known type holds that the adapter does not read, named for people: a type of part, a
            text, a count of tokens. Each is counted like an event of an unknown type.
        client_version: the version of the client that sent an event; empty if the event does not say.
        other_client: the name of the client that sent an event, if another one runs this one's hooks; else empty. Such
            an event makes no rows; it is counted by the client's name.
        only_live: columns, as `table.column`, that only live events fill, so that they differ after an import.
        only_past: columns that only the harness's own files fill.
        version: of the adapter's package.
    """

    source: str
    cases: Mapping[str, Case]
    fallback: Case
    tools: Tools = Tools()
    owner: Callable[[Event], str | None] = lambda _: None
    unknown: Callable[[Event], Sequence[str]] = lambda _: ()
    client_version: Callable[[Event], str] = lambda _: ""
    other_client: Callable[[Event], str] = lambda _: ""
    only_live: frozenset[str] = frozenset()
    only_past: frozenset[str] = frozenset()
    version: str = __version__


def merge_cases(*some: Mapping[str, Case]) -> dict[str, Case]:
    """The cases of all mappings in one.

    Raises:
        ValueError: two of them have the same event type.
    """
    merged: dict[str, Case] = {}
    for cases in some:
        if twice := merged.keys() & cases.keys():
            raise ValueError(f"event types with two cases: {', '.join(sorted(twice))}")
        merged |= cases
    return merged


def record_or_hook(is_record: Callable[[Event], object], record: Case, hook: Case) -> Case:
    """A fallback: an event of an unknown type still names its session, in a record's place or a hook's payload."""
    return lambda event: (record if is_record(event) else hook)(event)


def case(wire: Any, adapt: Callable[[Event, Any], Meaning]) -> Case:
    """A case that decodes an event's payload as `wire`, without the values that do not fit, and adapts that."""
    decode_payload = LenientDecoder(wire).decode

    def adapted(event: Event) -> Meaning:
        payload, ignored = decode_payload(event.payload)
        changes = adapt(event, payload)
        return [*changes, *ignored] if ignored else changes

    return adapted
