"""Which session a line of the log belongs to: the one that its adapter's changes are about."""

import re

from clankers.log.reader import Event, Line
from projector.adapters import Adapters, UnusableError
from projector.model.changes import PartDelta, SessionSeen


def session_of(adapters: Adapters, event: Event) -> str | None:
    """The session that `event` is about; None if it is about none.

    A subagent's line also names its parent, and a copied line its origin, but without facts of theirs.

    Raises:
        UnusableError: no adapter can read the event.
    """
    try:
        changes = adapters.adapt(event).changes
    except ValueError as e:
        raise UnusableError(str(e)) from None
    except UnusableError:
        raise
    except Exception as e:
        raise UnusableError(f"the adapter failed: {e}") from e  # as in a replay, one line stops nothing
    seen = [change for change in changes if isinstance(change, SessionSeen)]
    for change in seen:
        if change.facts:
            return change.session_id
    if seen:
        return seen[0].session_id
    for one in changes:
        named = one.part if isinstance(one, PartDelta) else one
        id: str | None = getattr(named, "session_id", None)
        if id is not None:
            return id
    adapter = adapters.of(event.source)
    return adapter.owner(event) if adapter else None


class SessionMatcher:
    """Decides for each line of the log whether it belongs to one of some sessions.

    Args:
        root: the data root.
        ids: of the sessions.
    """

    _FEW = 32  # ids that are searched for in a line's bytes before the line is decoded

    def __init__(self, root: str, ids: set[str]) -> None:
        self.ids = ids
        self.adapters = Adapters(root)
        self._bytes = {id: id.encode("utf-8", "replace") for id in sorted(ids)}
        # JSON may escape any other character.
        self._plain = len(ids) <= self._FEW and all(re.fullmatch(r"[\w.-]+", id, re.ASCII) for id in ids)

    def owner(self, line: Line) -> tuple[str | None, bool]:
        """The session that `line` belongs to, None if it is none of these; and whether the line could be read.

        A line that cannot be read belongs to the session whose id is in its bytes.
        """
        if not self.may_name(line.raw):
            return None, True
        if line.event is not None:
            try:
                id = session_of(self.adapters, line.event)
            except UnusableError:
                pass
            else:
                return (id if id in self.ids else None), True
        return self.named_in(line.raw), False

    def may_name(self, raw: bytes) -> bool:
        """Whether `raw` may hold one of the ids. Cheap; False is always right."""
        return not self._plain or any(one in raw for one in self._bytes.values())

    def named_in(self, raw: bytes) -> str | None:
        """The session whose id comes first in `raw`; None if no id is there."""
        found = [
            (m.start(), id)
            for id, one in self._bytes.items()
            if one in raw and (m := re.search(rb"(?<![\w-])" + re.escape(one) + rb"(?![\w-])", raw))
        ]
        return min(found)[1] if found else None
