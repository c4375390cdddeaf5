"""Continue: records of its session files into changes.

Measured on version 1.5.47. Entries have no time: messages get the session's, a millisecond apart. The totals that a
session's file has are not used: a fork's lack what was copied, and cached tokens are never in them.
"""

from projector.adapters.base import Adapter
from projector.adapters.continue_cli import records
from projector.adapters.continue_cli.unknown import unknown

ADAPTER = Adapter(
    records.SOURCE, records.CASES, records.plain, records.TOOLS, owner=records.session_of, unknown=unknown
)
