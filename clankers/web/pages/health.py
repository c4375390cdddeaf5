"""Health: what is recorded of each agent, what `doctor` finds, and what of the log could not be used."""

import threading
import time
from dataclasses import dataclass

from clankers import paths
from clankers.checks.all_checks import examine
from clankers.checks.finding import Finding
from clankers.queries.health import (
    SourceActivity,
    UnknownEvents,
    UnusedValue,
    last_rejects,
    rejects,
    source_activity,
    unknown_events,
)
from clankers.web.page import Asked, Page

_FRESH = 30.0  # seconds that findings stay: each client is asked for its version
_LISTED = 100  # lines and values


@dataclass
class HealthData:
    """The state of what records and of what is recorded.

    Attributes:
        checked_at: when the findings were made, in epoch milliseconds.
        unusable_lines: how many lines of the log could not be used.
        left_out_values: how many values were left out of lines that were used.
        lines: the last of those lines, at most 100.
        values: the last of those values, at most 100.
    """

    checked_at: int
    findings: list[Finding]
    sources: list[SourceActivity]
    unusable_lines: int
    left_out_values: int
    lines: list[UnusedValue]
    values: list[UnusedValue]
    unknown: list[UnknownEvents]


class _Findings:
    """The findings of the last examination, made again when they are old."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made = -_FRESH
        self._at = 0
        self._found: list[Finding] = []

    def get(self) -> tuple[int, list[Finding]]:
        """When they were made (epoch milliseconds), and the findings."""
        with self._lock:
            if time.monotonic() - self._made > _FRESH:
                self._found = list(examine(paths.data_root(), paths.database_path()))
                self._at, self._made = round(time.time() * 1000), time.monotonic()
            return self._at, self._found


_findings = _Findings()


def find(asked: Asked) -> HealthData:
    """The state now; the findings may be half a minute old."""
    checked_at, findings = _findings.get()
    counts = rejects(asked.db)
    lines, values = last_rejects(asked.db, _LISTED)
    return HealthData(
        checked_at=checked_at,
        findings=findings,
        sources=source_activity(asked.db),
        unusable_lines=counts.lines,
        left_out_values=counts.values,
        lines=lines,
        values=values,
        unknown=unknown_events(asked.db),
    )


PAGE = Page("/health", "health.html", find, "Health")
