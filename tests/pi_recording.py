"""Feeding recorded sessions of the real pi into a log, the way they came."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.feeding import CAPTURES

FOLDER = CAPTURES / "pi"
NAMES = sorted(path.name for path in FOLDER.iterdir())


class Recording:
    """A capture, its files in `home`, and so the paths in them."""

    def __init__(self, name: str, home: Path) -> None:
        folder = FOLDER / name
        self.events = [json.loads(line) for line in self._lines(folder / "events.jsonl", home)]
        self._files = {
            home / path.relative_to(folder / "home"): self._lines(path, home)
            for path in (folder / "home").rglob("*.jsonl")
        }

    def _lines(self, path: Path, home: Path) -> list[str]:
        return path.read_text("utf-8").replace("/home/dev", str(home)).splitlines(keepends=True)

    def _write(self, path: Path, lines: list[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines), "utf-8")

    def write_all(self) -> None:
        for path, lines in self._files.items():
            self._write(path, lines)

    def steps(self) -> Iterator[bytes]:
        """What our extension sends of each event, the session's file grown as far as it was then."""
        for path in self._files:
            path.unlink(missing_ok=True)
        for event in self.events:
            path = Path(event["payload"]["session_file"])
            if event["session_lines"]:
                self._write(path, self._files[path][: event["session_lines"]])
            yield json.dumps(event["payload"], ensure_ascii=False).encode()
