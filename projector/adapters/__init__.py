"""The registry of adapters: what each harness's events mean. May import `projector.model` and `clankers.log`."""

import re
from collections.abc import Collection, Sequence
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
    "codex": "projector.adapters.codex",
    "opencode": "projector.adapters.opencode",
    "gemini": "projector.adapters.gemini",
    "pi": "projector.adapters.pi",
    "qwen": "projector.adapters.qwen",
    "cline": "projector.adapters.cline",
    "vibe": "projector.adapters.vibe",
    "copilot": "projector.adapters.copilot",
    "kimi": "projector.adapters.kimi",
    "droid": "projector.adapters.droid",
    "openhands": "projector.adapters.openhands",
    "continue": "projector.adapters.continue_cli",
    "kilo": "projector.adapters.kilo",
    "aider": "projector.adapters.aider",
    "hermes": "projector.adapters.hermes",
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
        other_client: as `Adapter.other_client`.
    """

    changes: Sequence[Change]
    known: bool
    ignored: Sequence[ValueIgnored]
    other_client: str = ""


class Adapters:
    """The adapters for a log: the built-in ones, and the extensions that the data root lists.

    Args:
        root: the data root.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._usable: dict[str, Adapter] = {}
        self._others: dict[str, str] = {}  # why each is not usable; empty for no adapter

    def of(self, source: str) -> Adapter | None:
        """The adapter of `source`; None if there is none.

        Raises:
            UnusableError: it is listed as an extension, and cannot be loaded.
        """
        if source not in self._usable and source not in self._others:
            self._load(source)
        if reason := self._others.get(source):
            raise UnusableError(reason)
        return self._usable.get(source)

    def _load(self, source: str) -> None:
        try:
            adapter = built_in(source) or extensions.load(self._root, extensions.ADAPTERS, source)
        except extensions.ExtensionError as e:
            self._others[source] = str(e)
            return
        if isinstance(adapter, Adapter):
            self._usable[source] = adapter
        elif adapter is None:
            self._others[source] = ""
        else:
            kind = type(adapter).__name__
            self._others[source] = f"the extension {source} is not an adapter but a {kind}; update its package"

    def versions(self, sources: Collection[str]) -> dict[str, str]:
        """The versions of the adapters of `sources`, which must be usable; sources without an adapter are left out."""
        return {source: adapter.version for source in sorted(sources) if (adapter := self.of(source))}

    def client_version(self, event: Event) -> str:
        """The version of the client that sent `event`; empty if its adapter cannot say."""
        adapter = self.of(event.source)
        return adapter.client_version(event) if adapter else ""

    def unknown_in(self, event: Event) -> Sequence[str]:
        """What is in `event`, of a known type, that its adapter does not read; as `Adapter.unknown`."""
        adapter = self.of(event.source)
        return adapter.unknown(event) if adapter else ()

    def adapt(self, event: Event) -> Adapted:
        """What `event` means.

        Raises:
            UnusableError: the adapter cannot read the event, or cannot be loaded.
        """
        source = event.source
        adapter = self._usable.get(source) or self.of(source)
        if adapter is None:
            return Adapted((), source == _OWN, ())
        if event.type == INVALID:
            raise UnusableError("input that was not one JSON document; its payload says why")
        if client := adapter.other_client(event):
            return Adapted((), True, (), client)
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
