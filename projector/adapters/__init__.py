"""The registry of adapters: what each harness's events mean. May import `projector.model` and `clankers.log`."""

import re
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

import msgspec

from clankers.log.envelope import INVALID
from clankers.log.reader import Event
from clankers.system import extensions
from projector.adapters.base import Adapter, Meaning, Tools, UnusableError
from projector.model.changes import Change, ValueIgnored

__all__ = ["BUILT_IN", "Adapted", "Adapter", "Adapters", "UnusableError", "built_in", "tools_of"]

# By source, the module whose ADAPTER it is. Loaded when an event of the source comes.
BUILT_IN = {
    "claude-code": "projector.adapters.claude_code",
    "opencode": "projector.adapters.opencode",
    "session-sync": "projector.adapters.session_sync",
}
_OWN = "clankers"  # the source of the recorder's own diagnostics, which make no rows
_FIELD = re.compile(r" - at `(?:key in )?(\$.*)`$", re.DOTALL)  # where msgspec found a wrong value


def built_in(source: str) -> Adapter | None:
    """The built-in adapter of `source`; None if there is none."""
    module = BUILT_IN.get(source)
    adapter: Adapter | None = import_module(module).ADAPTER if module else None
    return adapter


def tools_of(source: str) -> Tools:
    """What tool calls of `source` mean, as far as a built-in adapter knows."""
    adapter = built_in(source)
    return adapter.tools if adapter else Tools()


class Adapted(NamedTuple):
    """What an event means.

    Attributes:
        changes: that it makes.
        known: whether the adapter knows its type.
        ignored: values that were left out.
    """

    changes: Sequence[Change]
    known: bool
    ignored: Sequence[ValueIgnored]


class Adapters:
    """The adapters for a log: the built-in ones, and the extensions that the data root lists.

    Args:
        root: the data root.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._loaded: dict[str, Adapter | str | None] = {}  # a text says why there is none

    def of(self, source: str) -> Adapter | None:
        """The adapter of `source`; None if there is none.

        Raises:
            UnusableError: it is listed as an extension, and cannot be loaded.
        """
        if source not in self._loaded:
            self._loaded[source] = self._load(source)
        found = self._loaded[source]
        if isinstance(found, str):
            raise UnusableError(found)
        return found

    def _load(self, source: str) -> Adapter | str | None:
        if adapter := built_in(source):
            return adapter
        try:
            adapter = extensions.load(self._root, extensions.ADAPTERS, source)
        except extensions.ExtensionError as e:
            return str(e)
        if adapter is not None and not isinstance(adapter, Adapter):
            return f"the extension {source} is not an adapter but a {type(adapter).__name__}; update its package"
        return adapter

    def adapt(self, event: Event) -> Adapted:
        """What `event` means.

        Raises:
            UnusableError: the adapter cannot read the event, or cannot be loaded.
        """
        adapter = self.of(event.source)
        if adapter is None:
            return Adapted((), event.source == _OWN, ())
        if event.type == INVALID:
            raise UnusableError("input that was not one JSON document; its payload says why")
        case = adapter.cases.get(event.type)
        if case is None:
            try:
                return _separated(adapter.fallback(event), known=False)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                return Adapted((), False, ())
        try:
            return _separated(case(event), known=True)
        except (msgspec.MsgspecError, ValueError, RecursionError) as e:
            found = _FIELD.search(str(e))
            raise UnusableError(f"{event.source} {event.type}: {e}", found[1] if found else "") from None


def _separated(found: Meaning, *, known: bool) -> Adapted:
    """`found` in two: the values that were left out come last."""
    if not found or not isinstance(found[-1], ValueIgnored):
        return Adapted(found, known, ())  # type: ignore[arg-type]
    changes = [one for one in found if not isinstance(one, ValueIgnored)]
    return Adapted(changes, known, [one for one in found if isinstance(one, ValueIgnored)])
