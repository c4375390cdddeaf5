"""The toy: a session is a file of lines `{"role":...,"text":...}`, and its hooks name the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from clankers.harnesses.base import Harness
from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.installer import Installer, Obstacle, Version
from clankers.ingest.jsonl_tail import complete_lines
from clankers.ingest.live import Announced
from clankers.ingest.source import Record, Source
from clankers.log import strict_json
from clankers.log.envelope import INFO
from clankers.system.config_files import Edit, content

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clankers.ingest.live import Announcer


class ToySession(Source):
    """One session's file."""

    def __init__(self, path: str) -> None:
        session = Path(path).stem
        super().__init__("toy", session, path, (session,))

    def read(
        self, offsets: Mapping[str, int], _versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        for at, raw in complete_lines(self.path, offsets.get("", 0)):
            text = strict_json.trim(raw)
            yield Record(f"{self.session}@{at}#{crc32(text):08x}", "toy.line", INFO, text), "", at + len(raw)

    def created(self) -> str:
        return ""

    def changed_at(self) -> float:
        return os.stat(self.path).st_mtime


class ToyInstaller(Installer):
    """A file with the command that the toy runs."""

    uses_launcher = True

    def file(self, project: Path | None) -> Path:
        return (project or home()) / "toy-hook"

    def install(self, path: Path) -> Edit:
        return Edit(path, content(path), hook_command("toy").encode())

    def uninstall(self, path: Path) -> Edit:
        return Edit(path, content(path), None)

    def installed(self, path: Path) -> bool:
        return content(path) is not None

    def obstacles(self, _path: Path, version: Version | None) -> list[Obstacle]:
        return [Obstacle("the toy is too old", "update it")] if version and version < (1, 0, 0) else []


class Toy(Harness):
    name = "toy"
    title = "Toy"
    program = "toy"
    turn_ends = frozenset({"Done"})

    def announcer(self) -> Announcer:
        return announce

    def source_at(self, _session: str, path: str) -> Source | None:
        return ToySession(path)

    def sources(self) -> Iterator[Source]:
        return (ToySession(str(path)) for path in home().glob("*.jsonl"))

    def count(self) -> int:
        return sum(1 for _ in self.sources())

    def installer(self) -> Installer:
        return ToyInstaller()


def announce(event: dict[str, Any], announced: dict[str, Announced]) -> None:
    if "file" in event:
        source = ToySession(event["file"])
        announced[source.session] = Announced(source, ended=False)


def home() -> Path:
    return Path(os.environ["TOY_HOME"])


HARNESS = Toy()
