"""Hermes Agent: rows of its database and what its hooks pass, into changes."""

from projector.adapters.base import Adapter, merge_cases
from projector.adapters.hermes import hooks, rows
from projector.adapters.hermes.common import SOURCE, TOOLS
from projector.adapters.hermes.unknown import unknown

ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, rows.CASES),
    hooks.fallback,
    TOOLS,
    unknown=unknown,
)
