"""Feeding recorded sessions of real clients into a log, the way they came."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import apsw

from clankers import harnesses
from clankers.harnesses.base import Harness
from clankers.harnesses.claude_code import await_answer
from clankers.harnesses.claude_code.transcript_files import Transcripts, checked
from clankers.ingest import live
from clankers.ingest.batch import BatchWriter
from clankers.ingest.fingerprints import Fingerprints
from clankers.ingest.importer import LogIndex
from clankers.log import envelope, strict_json
from clankers.log.writer import Log
from projector.replay.rebuild import update

CAPTURES = Path(__file__).parent / "captures"
CLAUDE_CODE = sorted(p.name for p in (CAPTURES / "claude-code").iterdir())
CODEX = sorted(p.name for p in (CAPTURES / "codex").iterdir())
OPENCODE = sorted(f"{p.parent.parent.name}/{p.parent.name}" for p in (CAPTURES / "opencode").glob("*/*/plugin.jsonl"))
HERMES = sorted(p.name for p in (CAPTURES / "hermes").iterdir())
KILO = sorted(p.name for p in (CAPTURES / "kilo").iterdir())
QWEN = sorted(p.name for p in (CAPTURES / "qwen").iterdir())
VIBE = sorted(p.name for p in (CAPTURES / "vibe").iterdir())
COPILOT = sorted(p.name for p in (CAPTURES / "copilot").iterdir())
DROID = sorted(p.name for p in (CAPTURES / "droid").iterdir())
OPENHANDS = sorted(p.name for p in (CAPTURES / "openhands").iterdir())
EVERYTHING = 10**9

Record = tuple[str, str, bytes]  # source, type, payload


class Recording:
    """A capture of hooks and files: its files in `home`, and so the paths in them, unless they are to name `named`.

    Attributes:
        hooks: what each hook got, and how many lines its transcript had.
        files: the lines of the client's files at the end, by path.
        gone: those of files that the client itself moved or removed by then.
    """

    def __init__(self, name: str, home: Path, named: str | None = None, *, harness: str = "claude-code") -> None:
        self._home = home
        self._named = named or str(home)
        folder = CAPTURES / harness / name
        hooks = folder / "hooks.jsonl"  # a client that fails runs none
        lines = hooks.open("r", encoding="utf-8") if hooks.exists() else ()
        self.hooks = [json.loads(self._moved(line)) for line in lines]
        self.files = self._read(folder / "home")
        self.gone = self._read(folder / "gone")

    def _moved(self, text: str) -> str:
        return text.replace("/home/dev", self._named)

    def _read(self, folder: Path) -> dict[Path, list[str]]:
        return {
            self._home / path.relative_to(folder): self._moved(path.read_text("utf-8")).splitlines(keepends=True)
            for path in folder.rglob("*")
            if path.is_file()
        }

    def grow(self, path: Path, lines: int = EVERYTHING) -> None:
        """Let the file at `path`, if there is one in the capture, have its first `lines` lines."""
        if (content := (self.files | self.gone).get(path)) is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(content[:lines]), "utf-8")

    def grow_all(self) -> None:
        for path in self.files:
            self.grow(path)
        for path in self.gone:
            path.unlink(missing_ok=True)

    def steps(self) -> Iterator[bytes]:
        """The payload of each hook, its transcripts grown as far as they were when it ran."""
        for hook in self.hooks:
            payload = hook["payload"]
            if hook.get("transcript_lines"):
                transcript = payload.get("transcript_path") or payload["transcriptPath"]
                self.grow(Path(transcript), hook["transcript_lines"])
            agent = payload.get("agent_transcript_path")
            if agent and agent != payload["transcript_path"]:  # as Qwen Code names it
                self.grow(Path(agent))
                self.grow(Path(agent).with_suffix(".meta.json"))
            yield json.dumps(payload, ensure_ascii=False).encode()


def age(folder: Path, seconds: float) -> None:
    """Make all that is in `folder` as if it had last changed so many seconds ago."""
    then = time.time() - seconds
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (then, then))


def append(root: Path, records: list[Record], *, follow: bool = False) -> None:
    """What `clankers append` does, without the process and without a sync.

    The client's files are as they were at each hook, and nobody writes more meanwhile: a hook that would wait does not.
    """
    now = time.time_ns()
    with Log(str(root), synced=False) as log, mock.patch.object(await_answer, "_PATIENCE", 0):
        lines = []
        harness = Harness()
        documents = []
        for source, kind, payload in records:
            document = strict_json.parse(payload)
            documents.append(document)
            harness = harnesses.find(source, str(root)) or Harness()
            lines.append(envelope.line(source, kind, payload, level=harness.level(kind, document), now_ns=now))
        log.write(envelope.day_of(now), lines)
        if follow:
            harness.follow(log, documents)


def feed_hooks(name: str, root: Path, home: Path) -> None:
    """Hook by hook, the transcript growing beside; at the end what is left, as `clankers project` reads it."""
    recording = Recording(name, home)
    for payload in recording.steps():
        kind = Harness().kind(strict_json.parse(payload))
        append(root, [("claude-code", kind, payload)], follow=True)
    recording.grow_all()
    with Log(str(root)) as log:
        live.sweep(log, harnesses.source_of(str(root)))


def import_transcripts(log: Log, session: str, path: str, *, again: bool = False) -> int:
    """All that is new in one session's transcripts, as `clankers backfill` imports it."""
    with BatchWriter(log, LogIndex(log.root), Fingerprints(log.root), again=again) as batch:
        new, failure = batch.add(Transcripts(session, checked(session, path)))
    if failure:
        raise failure
    return new


def feed_transcripts(name: str, root: Path, home: Path, named: str | None = None) -> None:
    """The final transcripts alone, as if the hooks had never run; they name `home`, or `named`."""
    recording = Recording(name, home, named)
    recording.grow_all()
    with Log(str(root)) as log:
        for path in sorted(recording.files):
            if path.parent.parent.name == "projects" and path.suffix == ".jsonl":
                import_transcripts(log, path.stem, str(path))


def opencode_records(name: str, harness: str = "opencode") -> list[Record]:
    """What the plugin of a capture saw, as log records: bus events, and the named hooks with their input and output."""
    records = []
    for line in (CAPTURES / harness / name / "plugin.jsonl").open("r", encoding="utf-8"):
        seen: dict[str, Any] = json.loads(line)
        if seen["kind"] == "event":
            records.append((harness, seen["event"]["type"], json.dumps(seen["event"]).encode()))
        elif "input" in seen:
            payload = {k: v for k, v in seen.items() if k in ("input", "output")}
            records.append((harness, seen.get("hook", seen["kind"]), json.dumps(payload).encode()))
    return records


def project(root: Path) -> apsw.Connection:
    """The database of the log in `root`, brought up to date."""
    path = root / "clankers.db"
    update(str(path), str(root))
    return apsw.Connection(str(path))


TABLES = (
    "sessions",
    "messages",
    "parts",
    "tools",
    "session_errors",
    "compaction_events",
    "file_edits",
    "todos",
    "activity",
    "projects",
)


def rows(db: apsw.Connection, *, without: dict[str, set[str]] | None = None) -> dict[str, list[dict[str, Any]]]:
    """All rows of these tables, sorted; `without` names columns, by table, that are left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        cursor = db.execute(f"SELECT * FROM {table}")
        left_out = (without or {}).get(table, set())
        made = []
        for row in cursor:
            names = [name for name, *_ in cursor.get_description()]
            made.append({n: v for n, v in zip(names, row, strict=True) if n not in left_out})
        found[table] = sorted(made, key=repr)
    return found
