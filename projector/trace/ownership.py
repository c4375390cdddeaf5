"""Whose line of the log is it? The session that its adapter's changes are about."""

import re

from clankers.log.reader import Event, Line
from projector.adapters import UnusableError, adapt
from projector.model.changes import PartDelta, SessionSeen

_IMPORTED = "transcript."
# How the id of a transcript's line begins (`clankers.harnesses.claude_code.transcript_files`): the session, and the
# subagent whose file it is.
_FILE = re.compile(r"([^/:@#]+)(?:/([^/:@#]+))?[:@#]")


def session_of(event: Event) -> str | None:
    """The session that `event` is about; None where it is about none.

    A subagent's line names its parent too, and a copied line its origin: those are named without facts. A line of a
    transcript that names no session is that of the file it stands in.

    Raises:
        UnusableError: no adapter can read it.
    """
    try:
        changes, _ = adapt(event)
    except ValueError as e:
        raise UnusableError(str(e)) from None
    except UnusableError:
        raise
    except Exception as e:
        raise UnusableError(f"the adapter failed: {e}") from e  # as in a replay: one line stops nothing
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
    if event.type.startswith(_IMPORTED) and (file := _FILE.match(event.id)):
        return file[2] or file[1]
    return None


class SessionMatcher:
    """Some sessions, to ask of each line whether it is one of theirs.

    Args:
        ids: of the sessions.
    """

    _FEW = 32  # ids that are looked for in a line's bytes before it is decoded

    def __init__(self, ids: set[str]) -> None:
        self.ids = ids
        self._bytes = {id: id.encode("utf-8", "replace") for id in sorted(ids)}
        # Whoever writes JSON writes these characters as they are; others may stand escaped.
        self._plain = len(ids) <= self._FEW and all(re.fullmatch(r"[\w.-]+", id, re.ASCII) for id in ids)

    def owner(self, line: Line) -> tuple[str | None, bool]:
        """Which of the sessions `line` belongs to, and whether it could be read; None: to none of them.

        A line that cannot be read is theirs where the id of one stands in it as it is.
        """
        if not self.may_name(line.raw):
            return None, True
        if line.event is not None:
            try:
                id = session_of(line.event)
            except UnusableError:
                pass
            else:
                return (id if id in self.ids else None), True
        return self.named_in(line.raw), False

    def may_name(self, raw: bytes) -> bool:
        """Whether the id of one may stand in `raw`; cheap, and never wrong where it says no."""
        return not self._plain or any(one in raw for one in self._bytes.values())

    def named_in(self, raw: bytes) -> str | None:
        """The session whose id stands in `raw` first; None: none does."""
        found = [
            (m.start(), id)
            for id, one in self._bytes.items()
            if one in raw and (m := re.search(rb"(?<![\w-])" + re.escape(one) + rb"(?![\w-])", raw))
        ]
        return min(found)[1] if found else None
