"""Which sessions the log has imported records of, and which were forgotten: kept, so that only new lines are read.

An import of a session that no cursor knows asks this; an index of all ids would grow with the log.
"""

import os
import re
from collections.abc import Collection

import msgspec

from clankers.ingest.importer import LogIndex
from clankers.ingest.source import Source
from clankers.log import tombstones
from clankers.log.envelope import HEAD
from clankers.log.segments import Segment, lines_in, list_segments, segment_sizes, tail_crc
from clankers.paths import make_private
from clankers.system.atomic_write import atomic_write

# How the id of an imported record begins: a live event's id is nothing but a UUID. In a JSON string the quotes would be
# escaped, so this is nothing but a line's beginning; a line that is damaged later on costs a closer look, no more.
_SESSION = re.compile(re.escape(HEAD) + rb'"([^":@/#]+)[:@/#]')


class _Read(msgspec.Struct, array_like=True):
    """How far a segment was read: the offset behind a line, and the CRC of the bytes before it."""

    offset: int
    tail: int | None


class _State(msgspec.Struct):
    read: dict[str, _Read]
    sessions: set[str]
    forgotten: set[str]


class Survey:
    """What the log in `root` holds; the file with it is a convenience, as cursors are."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._file = os.path.join(root, "cursors", "survey")
        self._state: _State | None = None
        self._changed = False  # since it was read from the file

    def sessions(self) -> Collection[str]:
        """How the ids of the records begin that the log held of imports when this was first asked.

        Raises:
            OSError: the log cannot be read.
        """
        return self._current().sessions

    def forgotten(self) -> Collection[str]:
        """The sessions that were forgotten before this was first asked; raises as `sessions`."""
        return self._current().forgotten

    def lacks_lines(self) -> bool:
        """Whether lines are gone that the log once had: the file of a day is missing, or shorter than it was.

        Raises:
            OSError: the log cannot be read.
        """
        sizes = segment_sizes(self._root)
        return any(sizes.get(name, -1) < read.offset for name, read in self._kept().read.items())

    def update(self) -> None:
        """Read what the log has new, and keep what was found.

        Raises:
            OSError: the log cannot be read, or the file not be written.
        """
        state = self._current()
        self._read_new(state)
        if self._changed:
            make_private(os.path.dirname(self._file))
            with atomic_write(self._file, durable=False) as f:
                f.write(msgspec.msgpack.encode(state))
            self._changed = False

    def _current(self) -> _State:
        if self._state is None:
            self._state = self._kept()
            self._read_new(self._state)
        return self._state

    def _kept(self) -> _State:
        """What the file has."""
        try:
            with open(self._file, "rb") as f:
                return msgspec.msgpack.decode(f.read(), type=_State)
        except (OSError, msgspec.MsgspecError):
            return _State({}, set(), set())

    def _read_new(self, state: _State) -> None:
        """Add what the log has new."""
        try:
            names = list_segments(self._root)
        except FileNotFoundError:
            names = {}  # nothing was recorded yet
        before, state.read = state.read, {}
        marked: list[bytes] = []
        for name in names:
            known = before.get(name)
            with Segment(self._root, name) as segment:
                offset = known.offset if known and self._continues(segment, known) else 0
                for block in segment.blocks(offset):
                    offset += len(block)
                    state.sessions.update(found.decode("utf-8", "replace") for found in _SESSION.findall(block))
                    marked += lines_in(block, (tombstones.MARK,))
            state.read[name] = _Read(offset, tail_crc(self._root, name, offset))
        state.forgotten |= tombstones.forgotten(tombstones.of_lines(marked))
        self._changed |= state.read != before

    def _continues(self, segment: Segment, known: _Read) -> bool:
        """Whether the segment still has what was read of it, as far as that can be seen."""
        tail = tail_crc(self._root, segment.name, known.offset)
        return segment.size >= known.offset and (tail == known.tail or None in (tail, known.tail))


class SurveyedIndex(LogIndex):
    """What the log holds, for an import of many sources: what they have in common is looked up once.

    Args:
        root: the data root.
        survey: of the log.
        again: what was forgotten is imported, too.
    """

    def __init__(self, root: str, survey: Survey, *, again: bool = False) -> None:
        super().__init__(root)
        self._survey = survey
        self._again = again
        self._shared: dict[tuple[str, ...], set[int]] = {}

    def may_hold(self, source: Source) -> bool:
        """As `LogIndex.may_hold`: as far as the ids of records say it."""
        return source.id_prefixes != (source.session,) or source.session in self._survey.sessions()

    def ids_and_forgotten(self, source: Source, since: str) -> tuple[set[int], Collection[str]]:
        """As `LogIndex.ids_and_forgotten`; sources whose records' ids begin alike share what was found."""
        if source.id_prefixes == (source.session,):
            return super().ids_and_forgotten(source, since)[0], self.forgotten()
        if source.id_prefixes not in self._shared:
            self._shared[source.id_prefixes] = super().ids_and_forgotten(source, "")[0]
        return self._shared[source.id_prefixes], self.forgotten()

    def forgotten(self) -> Collection[str]:
        """As `LogIndex.forgotten`."""
        return () if self._again else self._survey.forgotten()
