"""Harnesses and adapters of other packages: the list `extensions.json` in the data root, written by `clankers install`.

A package adds a harness by an entry point of the group `clankers.harnesses`, and what its events mean by one of the
group `clankers.adapters`, each named like the source. Looking entry points up takes longer than recording an event, so
`install` does it once:

    {"clankers.harnesses": {"toy": "toy_harness:HARNESS"}, "clankers.adapters": {"toy": "toy_adapter:ADAPTER"}}

The list has no paths: only modules that Python finds anyway are imported, even if the list was tampered with.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os

from clankers.errors import ClankersError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

HARNESSES = "clankers.harnesses"  # the groups of entry points
ADAPTERS = "clankers.adapters"

NAME = "extensions.json"
_MAX_BYTES = 1 << 20


class ExtensionError(ClankersError):
    """An extension that cannot be used.

    Attributes:
        finding: which, and why.
        remedy: what to do.
    """

    def __init__(self, finding: str, remedy: str) -> None:
        super().__init__(f"{finding}; {remedy}")
        self.finding = finding
        self.remedy = remedy


def listed(root: str, group: str) -> dict[str, str]:
    """The extensions of `group` that the data root `root` lists: `module:attribute` by the source's name.

    Empty where there is no list, or none that can be read.
    """
    try:
        with open(os.path.join(root, NAME), "rb") as f:
            text = f.read(_MAX_BYTES)
    except OSError:
        return {}
    import json  # takes longer than all else here, and most have no list

    try:
        return {name: value for name, value in json.loads(text)[group].items() if isinstance(value, str)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # edited by hand, perhaps
        return {}


def load(root: str, group: str, name: str) -> Any:
    """The object that the extension `name` of `group` provides; None where the data root `root` lists none.

    Raises:
        ExtensionError: it is listed and cannot be loaded.
    """
    value = listed(root, group).get(name)
    return None if value is None else resolve(name, value)


def resolve(name: str, value: str) -> Any:
    """The object at `value`, `module:attribute`, which the extension `name` provides.

    Raises:
        ExtensionError: it cannot be loaded.
    """
    from importlib import import_module

    module, _, attribute = value.partition(":")
    try:
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as e:  # somebody else's code: whatever it raises is no reason to lose an event
        finding = f"the extension {name} ({value}) cannot be loaded: {type(e).__name__}: {e}"
        raise ExtensionError(finding, f"install its package again, then run `clankers install {name}`") from e
    return found


def discover(built_in: Collection[str]) -> dict[str, dict[str, str]]:
    """The extensions that are installed: by group, `module:attribute` by the source's name.

    Args:
        built_in: names that no extension may use.

    Raises:
        ExtensionError: a name is built in, or two packages provide it.
    """
    from importlib.metadata import entry_points

    found: dict[str, dict[str, str]] = {HARNESSES: {}, ADAPTERS: {}}
    for group, entries in found.items():
        for entry in entry_points(group=group):
            if entry.name in built_in:
                raise ExtensionError(f"{entry.value} is named {entry.name}, which is built in", "uninstall its package")
            if entries.setdefault(entry.name, entry.value) != entry.value:
                both = f"{entries[entry.name]} and {entry.value}"
                raise ExtensionError(f"{both} are both named {entry.name}", "uninstall one of their packages")
    return found


def write(root: str, found: dict[str, dict[str, str]]) -> None:
    """Replace the list in the data root `root` by `found`, as `discover` gives it; without any there is no file.

    Raises:
        ClankersError: the list cannot be written.
        OSError: the data root cannot be made.
    """
    from pathlib import Path

    import msgspec

    from clankers.paths import make_private
    from clankers.system.config_files import Edit, apply, content

    file = Path(os.path.abspath(root), NAME)
    before = content(file)
    after = msgspec.json.format(msgspec.json.encode(found)) + b"\n" if any(found.values()) else None
    if before != after:
        make_private(str(file.parent))
        apply(Edit(file, before, after, mode=0o600))
