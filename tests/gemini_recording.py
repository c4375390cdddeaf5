"""Feeding recorded sessions of the real Gemini CLI into a log, the way they came."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers import harnesses
from clankers.harnesses.base import Harness
from clankers.ingest import live
from clankers.ingest.backfill import backfill
from clankers.log import strict_json
from clankers.log.writer import Log
from tests.feeding import CAPTURES, append

FOLDER = CAPTURES / "gemini"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text("utf-8"))


class Recording:
    """A capture, its files in `home`, and so the paths in them.

    Attributes:
        left: the files that were there at the end.
        gone: those that the client itself deleted.
    """

    def __init__(self, name: str, home: Path, folder: Path = FOLDER) -> None:
        self._home = home
        self._folder = folder / name
        self.left, self.gone = self._files("home"), self._files("gone")
        lines = (self._folder / "hooks.jsonl").read_text("utf-8").splitlines()
        self.hooks = [json.loads(self._moved(line)) for line in lines]

    def _moved(self, text: str) -> str:
        return text.replace("/home/dev", str(self._home))

    def _files(self, part: str) -> dict[Path, str]:
        folder = self._folder / part
        return {
            self._home / path.relative_to(folder): self._moved(path.read_text("utf-8"))
            for path in folder.rglob("*")
            if path.is_file()
        }

    def write_all(self) -> None:
        for path, text in self.left.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            known = path.read_text("utf-8") if path.name == "projects.json" and path.exists() else ""
            path.write_text(_with_projects(text, known) if known else text, "utf-8")
        for path in self.gone:
            path.unlink(missing_ok=True)

    def steps(self) -> Iterator[bytes]:
        """The payload of each hook, the files grown as far as they were when it ran."""
        files = {path: text for path, text in (self.left | self.gone).items() if path.parent.name != ".gemini"}
        for path in files:
            path.unlink(missing_ok=True)
        last = ""
        for hook in self.hooks:
            payload = hook["payload"]
            if last and payload["hook_event_name"] == "SessionStart" and payload["session_id"] != last:
                for path in self.gone:
                    path.unlink(missing_ok=True)
            last = payload["session_id"]
            chat = Path(payload["transcript_path"])
            if hook["transcript_lines"] and chat in files:
                chat.parent.mkdir(parents=True, exist_ok=True)
                if chat.suffix == ".json":
                    chat.write_text(_until(files[chat], hook["t"]), "utf-8")
                else:
                    chat.write_text("".join(files[chat].splitlines(keepends=True)[: hook["transcript_lines"]]), "utf-8")
            if payload.get("tool_name") == "invoke_agent":
                for path, text in files.items():
                    if path.parent.name == payload["session_id"]:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_text(text, "utf-8")
            yield json.dumps(payload, ensure_ascii=False).encode()


def _with_projects(text: str, known: str) -> str:
    """The list of projects in `text`, with those of other captures."""
    return json.dumps({"projects": json.loads(known)["projects"] | json.loads(text)["projects"]})


def _until(text: str, at: int) -> str:
    """A document as it was at the time `at` (epoch milliseconds): without later messages, and calls that still ran."""
    from projector.adapters.wire import millis

    document = json.loads(text)
    document["messages"] = [m for m in document["messages"] if millis(m["timestamp"]) <= at]
    document["lastUpdated"] = max((m["timestamp"] for m in document["messages"]), default=document["startTime"])
    for message in document["messages"]:
        if any(millis(call["timestamp"]) > at for call in message.get("toolCalls", ())):
            del message["toolCalls"]
    return json.dumps(document, indent=2)


def feed_hooks(name: str, root: Path, home: Path) -> None:
    """Hook by hook, the files growing beside; at the end what is left, as `clankers project` reads it."""
    recording = Recording(name, home)
    for payload in recording.steps():
        append(root, [("gemini", Harness().kind(strict_json.parse(payload)), payload)], follow=True)
    recording.write_all()
    with Log(str(root)) as log:
        live.sweep(log, harnesses.source_of(str(root)))


def feed_files(name: str, root: Path, home: Path) -> None:
    """The files that are left, as `clankers backfill` reads them."""
    Recording(name, home).write_all()
    import_all(root, home)


def feed_both(name: str, root: Path, home: Path) -> None:
    feed_hooks(name, root, home)
    import_all(root, home)


def import_all(root: Path, home: Path, *, again: bool = False) -> int:
    """What `clankers backfill gemini --all` does; returns how many records were new."""
    with pytest.MonkeyPatch.context() as patch, Log(str(root)) as log:
        patch.setenv("GEMINI_CLI_HOME", str(home))
        done = backfill(log, harnesses.load("gemini", str(root)).sources(), None, again=again)
    assert not done.problems
    return done.records


def measured(db: apsw.Connection) -> dict[str, Any]:
    """What `expected.json` says of a capture, out of the rows."""
    one = db.execute
    tools: list[Any] = one("SELECT call_id, success, status FROM tools").fetchall()
    return {
        "tokens": list(
            one(
                "SELECT sum(prompt_tokens), sum(completion_tokens), sum(cache_read_tokens), sum(cache_write_tokens) "
                "FROM sessions"
            ).get
        ),
        "reasoning": one("SELECT sum(reasoning_tokens) FROM sessions").get,
        "prompts": one("SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic AND NOT copied").get,
        "responses": one("SELECT count(*) FROM messages WHERE role = 'assistant' AND NOT synthetic AND NOT copied").get,
        "sessions": one("SELECT count(*) FROM sessions").get,
        "errors": one("SELECT count(*) FROM session_errors WHERE NOT will_retry").get,
        "total": len(tools),
        "failed": sum(success == 0 for _, success, _ in tools),
        "open": sum(success is None for _, success, _ in tools),
        "ids": sorted(id for id, _, _ in tools if id),
    }
