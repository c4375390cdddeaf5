"""Kilo, which is built on OpenCode: the same events and stores, but for a few differences."""

from projector.adapters.kilo.differences import CASES
from projector.adapters.opencode import ADAPTER as OPENCODE

ADAPTER = OPENCODE._replace(source="kilo", cases=CASES)
