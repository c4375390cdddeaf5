"""Feeding recorded sessions of the real Cline into a log, the way they came."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.feeding import CAPTURES

FOLDER = CAPTURES / "cline"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
_DATABASE = "sessions.db"


class Recording:
    """A capture, its files in `home`, and so the paths in them."""

    def __init__(self, name: str, home: Path) -> None:
        self._home = home
        self._folder = FOLDER / name
        lines = (self._folder / "hooks.jsonl").read_text("utf-8").splitlines()
        self.hooks = [json.loads(self._moved(line)) for line in lines]
        self.documents = {
            self._place(path): json.loads(self._moved(path.read_text("utf-8"))) for path in self._files(".json")
        }

    def _files(self, suffix: str) -> list[Path]:
        return sorted(path for path in self._folder.joinpath("home").rglob("*") if path.suffix == suffix)

    def _place(self, path: Path) -> Path:
        return self._home / path.relative_to(self._folder / "home")

    def _moved(self, text: str) -> str:
        return text.replace("/home/dev", str(self._home))

    def write_all(self) -> None:
        for path, document in self.documents.items():
            _write(path, document)
        for path in self._files(".db"):
            self._add_rows(path)

    def _add_rows(self, source: Path) -> None:
        """The rows of the capture's database into the one in `home`, which captures share."""
        path = self._place(source)
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("ATTACH ? AS captured", (str(source),))
            (made,) = db.execute("SELECT sql FROM captured.sqlite_schema WHERE name = 'sessions'").fetchone()
            db.execute(made.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
            db.execute("INSERT OR REPLACE INTO main.sessions SELECT * FROM captured.sessions")
            db.execute("UPDATE main.sessions SET cwd = replace(cwd, '/home/dev', ?)", (str(self._home),))

    def steps(self) -> Iterator[bytes]:
        """The payload of each hook, the documents as far as they were when it ran."""
        for hook in self.hooks:
            for path, document in self.documents.items():
                if (then := _until(document, hook["t"])) is not None:
                    _write(path, then)
            yield json.dumps(hook["payload"], ensure_ascii=False).encode()


def _until(document: dict[str, Any], at: int) -> dict[str, Any] | None:
    """A document as it was at the time `at` (epoch milliseconds); None: it was not there."""
    if "session_id" in document:  # the manifest
        ended = ("ended_at", "exit_code")
        return {name: value for name, value in document.items() if name not in ended} | {"status": "running"}
    messages = [one for one in document["messages"] if one.get("ts", one.get("metadata", {}).get("generatedAt")) <= at]
    if messages == document["messages"]:
        return document
    then = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**document, "updated_at": then, "messages": messages} if messages else None


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False), "utf-8")
