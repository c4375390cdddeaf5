"""Where in the log the evidence for an answer is: the lines that its tool calls come from."""

import re
from collections.abc import Callable, Collection

from clankers.log.envelope import day_of
from clankers.log.writer import file_name
from clankers.queries.blame import Evidence
from projector.trace.ownership import SessionMatcher
from projector.trace.provenance import source_lines

_PLAIN = re.compile(r"[A-Za-z0-9 \[\]().,:;/_-]{4,}")
_DAY = 86_400_000  # milliseconds; a clock may have been set back by less than that


def find_places(root: str, evidence: Collection[Evidence], progress: Callable[[int], object] = lambda _: None) -> None:
    """Fill in the log file and line of each evidence, as far as the log in `root` has them.

    That is the first line of the call that has its quote, else the first of all.

    Args:
        root: the data root.
        evidence: what to look for.
        progress: called with the size of each line in bytes.

    Raises:
        OSError: the log cannot be read.
    """
    if not evidence:
        return
    wanted: dict[str, list[Evidence]] = {}
    for one in evidence:
        wanted.setdefault(one.tool_id, []).append(one)
    sessions = SessionMatcher(root, {one.session_id for one in evidence})
    for found in source_lines(root, sessions, progress, first=_first_file(evidence)):
        for id in [id for table, id in found.rows if table == "tools" and id in wanted]:
            for one in list(wanted[id]):
                is_it = _has_quote(one, found.line.raw)
                if is_it or one.file is None:
                    one.file, one.line = found.file.name, found.line.number
                if is_it:
                    wanted[id].remove(one)
        if not any(wanted.values()):
            return


def _first_file(evidence: Collection[Evidence]) -> str:
    """The log file before which the evidence cannot be: an event is logged after it happened."""
    first = min(one.at or 0 for one in evidence)
    return file_name(day_of(max(first - _DAY, 0) * 1_000_000))


def _has_quote(one: Evidence, raw: bytes) -> bool:
    """Whether a line has the beginning of the quote, as far as JSON never escapes it."""
    plain = _PLAIN.search(one.quote or "")
    return plain is None or plain[0].encode() in raw
