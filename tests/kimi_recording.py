"""Feeding recorded sessions of the real Kimi Code into a log, the way they came."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from tests.feeding import CAPTURES

FOLDER = CAPTURES / "kimi"
NAMES = sorted(path.name for path in FOLDER.iterdir())
HOME = "KIMI_CODE_HOME"


class Recording:
    """A capture, its files in `home`, and so the paths in them."""

    def __init__(self, name: str, home: Path) -> None:
        folder = FOLDER / name
        self.home = home / ".kimi-code"
        self.hooks = [json.loads(line) for line in self._lines(folder / "hooks.jsonl", home)]
        self.files = {
            home / path.relative_to(folder / "home"): self._lines(path, home)
            for path in (folder / "home").rglob("*")
            if path.is_file()
        }

    def _lines(self, path: Path, home: Path) -> list[str]:
        return path.read_text("utf-8").replace("/home/dev", str(home)).splitlines(keepends=True)

    def write(self, until: float = float("inf")) -> None:
        """The client's files as they were at a time, in epoch milliseconds; only at the end with the state."""
        for path, lines in self.files.items():
            number = len(lines)
            if path.name == "wire.jsonl":
                times = (json.loads(line).get("time", 0) for line in lines)
                number = next((n for n, time in enumerate(times) if time > until), number)
            elif until < float("inf"):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(lines[:number]), "utf-8")

    def steps(self) -> Iterator[bytes]:
        """The payload of each hook, the wire logs grown as far as they were then; where they are, no hook says."""
        for path in self.files:
            path.unlink(missing_ok=True)
        for hook in self.hooks:
            self.write(hook["t"])
            os.environ[HOME] = str(self.home)
            yield json.dumps(hook["payload"], ensure_ascii=False).encode()
