"""The registry of harnesses, one folder each. May import `ingest`, `restore` and below, but only when asked."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from clankers.harnesses.base import Harness
    from clankers.ingest.importer import SourceAt
    from clankers.ingest.source import Source

# In the form of an entry point of the group `clankers.harnesses`, by which other packages add theirs.
BUILT_IN = {
    "claude-code": "clankers.harnesses.claude_code.harness:HARNESS",
    "opencode": "clankers.harnesses.opencode.harness:HARNESS",
    "codex": "clankers.harnesses.codex.harness:HARNESS",
    "gemini": "clankers.harnesses.gemini.harness:HARNESS",
    "pi": "clankers.harnesses.pi.harness:HARNESS",
    "qwen": "clankers.harnesses.qwen.harness:HARNESS",
    "cline": "clankers.harnesses.cline.harness:HARNESS",
    "vibe": "clankers.harnesses.vibe.harness:HARNESS",
    "copilot": "clankers.harnesses.copilot.harness:HARNESS",
    "kimi": "clankers.harnesses.kimi.harness:HARNESS",
    "droid": "clankers.harnesses.droid.harness:HARNESS",
    "openhands": "clankers.harnesses.openhands.harness:HARNESS",
    "continue": "clankers.harnesses.continue_cli.harness:HARNESS",
    "kilo": "clankers.harnesses.kilo.harness:HARNESS",
    "aider": "clankers.harnesses.aider.harness:HARNESS",
    "hermes": "clankers.harnesses.hermes.harness:HARNESS",
}

# Those without events: what brings the database up to date looks at their stores.
WATCHED = ("continue", "aider", "hermes")

# Those with plans that count in blocks of 5 hours.
COUNTED_IN_BLOCKS = ("claude-code",)


def names(root: str) -> tuple[str, ...]:
    """The harnesses that are known: built in, or listed in the data root `root`."""
    from clankers.system.extensions import HARNESSES, listed

    return (*BUILT_IN, *(name for name in listed(root, HARNESSES) if name not in BUILT_IN))


def find(name: str, root: str, extensions: Mapping[str, str] | None = None) -> Harness | None:
    """The harness `name`; None if it is unknown.

    Args:
        name: the `source` of its records.
        root: the data root, which lists those of other packages.
        extensions: these instead of the list.

    Raises:
        ExtensionError: another package provides it, and it cannot be loaded.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        # `importlib.import_module` would take longer than the module itself.
        built_in: Harness = getattr(__import__(module, fromlist=(attribute,)), attribute)
        return built_in
    from clankers.system.extensions import HARNESSES, listed, resolve

    value = (listed(root, HARNESSES) if extensions is None else extensions).get(name)
    harness: Harness | None = resolve(name, value) if value else None
    return harness


def load(name: str, root: str, extensions: Mapping[str, str] | None = None) -> Harness:
    """The harness `name`, as `find` does it.

    Raises:
        ExtensionError: as `find` does.
        UsageError: it is unknown.
    """
    if harness := find(name, root, extensions):
        return harness
    from difflib import get_close_matches

    from clankers.errors import UsageError

    known = names(root) if extensions is None else (*BUILT_IN, *extensions)
    meant = "".join(f" (did you mean {one}?)" for one in get_close_matches(name, known, n=1))
    raise UsageError(f"{name!r} is not a known harness{meant}; there are {', '.join(known)}")


def source_of(root: str) -> SourceAt:
    """What gives the source of a session by its harness, its id and where it is: for `clankers.ingest`.

    A cursor of an older version names no harness: then it is the first that has such a path.
    """

    def source_at(harness: str, session: str, path: str) -> Source | None:
        from clankers.errors import ClankersError
        from clankers.ingest.source import SourceError

        try:
            for name in (harness,) if harness else BUILT_IN:
                if (found := find(name, root)) and (source := found.source_at(session, path)):
                    return source
        except ClankersError as e:
            raise SourceError(str(e)) from e
        return None

    return source_at
