"""OpenCode: a plugin file in its configuration directory, and its stores in its data directory."""

import json
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from clankers.harnesses.base import Harness, InstallError, Version
from clankers.harnesses.opencode.stores import Record, Session, StoreError, db_sessions, open_store, tree_sessions
from clankers.ingest.backfill import Past, opencode
from clankers.system import detached
from clankers.system.config_files import Edit, content

_NAME = "clankers.js"
# The directory's name is `plugin`: 1.0 does not start where there is one named `plugins`, later versions read both.
_FOLDER = "plugin"
_OURS = b"// Records what happens in OpenCode"  # how the plugin begins, in whatever version
_PLACEHOLDER = "const CATCH_UP = []"


class OpenCode(Harness):
    """OpenCode 1.x."""

    name = "opencode"
    title = "OpenCode"
    program = "opencode"

    def file(self, project: Path | None) -> Path:
        """The plugin, a file of our own."""
        return (project / ".opencode" if project else _directory("XDG_CONFIG_HOME", ".config")) / _FOLDER / _NAME

    def install(self, path: Path) -> Edit:
        """Our plugin."""
        before = content(path)
        if before is not None and not before.startswith(_OURS):
            raise InstallError(f"{path} is there and not ours; move it away first")
        return Edit(path, before, _plugin())

    def uninstall(self, path: Path) -> Edit:
        """No plugin of ours."""
        before = content(path)
        ours = before is not None and before.startswith(_OURS)
        return Edit(path, before, None if ours else before, folder=True)

    def installed(self, path: Path) -> bool:
        """Whether our plugin is there."""
        return (content(path) or b"").startswith(_OURS)

    def obstacles(self, path: Path, version: Version | None) -> list[str]:
        """A plugin of another version, or a client of one that does not load it."""
        if version and version[0] >= 2:
            return [f"OpenCode {version[0]}.x is not recorded yet; its plugins have another shape"]
        if content(path) != _plugin():
            return [f"{path} is that of another clankers; run `clankers install opencode` again"]
        return []

    def past(self, root: str, *, afresh: bool) -> Iterator[Past]:
        """The databases, then the JSON tree, which later versions leave as it was."""
        return opencode(root, _sessions(_data()), afresh=afresh)

    def count(self) -> int:
        """The sessions in the databases and in the JSON tree."""
        return sum(map(_count, _databases(_data()))) + sum(
            1 for _ in (_data() / "storage" / "session").glob("*/*.json")
        )


def _data() -> Path:
    return _directory("XDG_DATA_HOME", ".local/share")


def _databases(data: Path) -> list[Path]:
    return sorted(data.glob("opencode*.db"))


def _count(database: Path) -> int:
    try:
        db = open_store(str(database))
    except StoreError:
        return 1  # what is wrong with it is told in its place
    try:
        found: int = db.execute("SELECT count(*) FROM session").get
        return found
    finally:
        db.close()


def _sessions(data: Path) -> Iterator[Session]:
    for path in _databases(data):
        try:
            db = open_store(str(path))
            try:
                yield from db_sessions(db)
            finally:
                db.close()
        except StoreError as e:
            yield Session(str(path), None, _unreadable(e))
    yield from tree_sessions(str(data / "storage"))


def _unreadable(why: StoreError) -> Iterator[Record]:
    yield from ()  # whoever asks for the records is told
    raise why


def _directory(variable: str, default: str) -> Path:
    """OpenCode follows the XDG base directory specification, on every platform."""
    base = os.environ.get(variable, "")
    return (Path(base) if os.path.isabs(base) else Path.home() / default) / "opencode"


def _plugin() -> bytes:
    text = files("clankers").joinpath("assets", "opencode", _FOLDER, _NAME).read_text("utf-8")
    command = json.dumps(detached.command("catch-up"))
    return text.replace(_PLACEHOLDER, f"const CATCH_UP = {command}", 1).encode()
