"""How each harness's captures are fed into a log: event by event as they came, and from the harness's own stores.

A harness is under the contract with its captures and an entry here.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from clankers import harnesses
from clankers.harnesses.base import Harness
from clankers.harnesses.cline.harness import HARNESS as CLINE
from clankers.harnesses.copilot.harness import HARNESS as COPILOT_CLI
from clankers.ingest import live, watched
from clankers.ingest.backfill import Imported, backfill
from clankers.log import strict_json
from clankers.log.writer import Log
from tests import cline_recording, continue_recording, gemini_recording, kimi_recording, pi_recording
from tests.commands import environment
from tests.feeding import (
    CAPTURES,
    CLAUDE_CODE,
    CODEX,
    COPILOT,
    HERMES,
    KILO,
    OPENCODE,
    QWEN,
    Record,
    Recording,
    append,
    opencode_records,
)

_NOT_CAPTURED = frozenset({"projects.vcs"})  # of OpenCode: what it tells the plugin when it loads it


class Captures(NamedTuple):
    """Captures of one harness, which belong together: what was live is also in the stores.

    Attributes:
        harness: its name.
        live: the events of each, in their order. The client's files grow as far as they were at each, at last to their
            end.
        store: puts the client's files below a home directory as they were at the end.
        lacks: columns, as `table.column`, that live events fill, but not those that were captured.
        lacks_rows: whether the stores lack rows of what was live.
    """

    harness: str
    live: Callable[[Path], list[Iterator[Record]]]
    store: Callable[[Path], object]
    lacks: frozenset[str] = frozenset()
    lacks_rows: bool = False


def _claude_code(name: str) -> Captures:
    def feed(home: Path) -> Iterator[Record]:
        recording = Recording(name, home)
        for payload in recording.steps():
            yield "claude-code", Harness().kind(strict_json.parse(payload)), payload
        recording.grow_all()

    def live(home: Path) -> list[Iterator[Record]]:
        return [feed(home)]

    return Captures("claude-code", live, lambda home: Recording(name, home).grow_all())


def _all_of_claude_code() -> Captures:
    def live(home: Path) -> list[Iterator[Record]]:
        return [feed for name in CLAUDE_CODE for feed in _claude_code(name).live(home)]

    def store(home: Path) -> None:
        for name in CLAUDE_CODE:
            _claude_code(name).store(home)

    return Captures("claude-code", live, store)


def _opencode(version: str, store: Callable[[Path], object]) -> Captures:
    names = [name for name in OPENCODE if name.startswith(f"{version}/")]

    def store_below(home: Path) -> object:
        return store(home / ".local" / "share" / "opencode")

    return Captures(
        "opencode", lambda _: [iter(opencode_records(name)) for name in names], store_below, _NOT_CAPTURED, True
    )


def store_tree(opencode: Path) -> None:
    """The JSON tree of OpenCode 1.1 in its data directory."""
    shutil.copytree(CAPTURES / "opencode" / "1.1.65" / "storage", opencode / "storage")


def store_database(opencode: Path) -> Path:
    """The database of OpenCode 1.18 in its data directory."""
    path = opencode / "opencode.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.executescript((CAPTURES / "opencode" / "1.18.33" / "storage" / "opencode.sql").read_text("utf-8"))
        db.execute("PRAGMA journal_mode = WAL")
    return path


def kilo(*names: str) -> Captures:
    """Of Kilo. Each capture's database is one of a release channel, so that they fit into one home."""

    def store(home: Path) -> None:
        folder = home / ".local" / "share" / "kilo"
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            with closing(sqlite3.connect(folder / f"kilo-{name}.db")) as db:
                below = CAPTURES / "kilo" / name / "home" / ".local" / "share" / "kilo" / "kilo.sql"
                db.executescript(below.read_text("utf-8"))

    def live(_: Path) -> list[Iterator[Record]]:
        return [iter(opencode_records(name, "kilo")) for name in names]

    return Captures("kilo", live, store, _NOT_CAPTURED | {"sessions.updated_at"})


def hermes_hooks(name: str) -> Iterator[Record]:
    for line in (CAPTURES / "hermes" / name / "hooks.jsonl").open("r", encoding="utf-8"):
        payload = json.loads(line)["payload"]
        yield "hermes", payload["hook_event_name"], json.dumps(payload).encode()


def hermes(name: str) -> Captures:
    """Of Hermes Agent, whose sessions are all in one database."""

    def feed(home: Path) -> Iterator[Record]:
        yield from hermes_hooks(name)
        store(home)
        os.environ["HERMES_HOME"] = str(home / ".hermes")

    def store(home: Path) -> None:
        """Each capture's database is its own: the ids of messages count per database."""
        path = home / ".hermes" / "state.db"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as db:
            db.executescript((CAPTURES / "hermes" / name / "home" / ".hermes" / "state.sql").read_text("utf-8"))

    return Captures("hermes", lambda home: [feed(home)], store, lacks_rows=True)


def _gemini(*names: str, lacks_rows: bool = False) -> Captures:
    def feed(name: str, home: Path) -> Iterator[Record]:
        recording = gemini_recording.Recording(name, home)
        for payload in recording.steps():
            yield "gemini", Harness().kind(strict_json.parse(payload)), payload
        recording.write_all()

    def store(home: Path) -> None:
        for name in names:
            gemini_recording.Recording(name, home).write_all()

    return Captures("gemini", lambda home: [feed(name, home) for name in names], store, lacks_rows=lacks_rows)


def _pi() -> Captures:
    def feed(name: str, home: Path) -> Iterator[Record]:
        recording = pi_recording.Recording(name, home)
        for payload in recording.steps():
            yield "pi", Harness().kind(strict_json.parse(payload)), payload
        recording.write_all()

    def store(home: Path) -> None:
        for name in pi_recording.NAMES:
            pi_recording.Recording(name, home).write_all()

    return Captures("pi", lambda home: [feed(name, home) for name in pi_recording.NAMES], store)


def _cline() -> Captures:
    def feed(name: str, home: Path) -> Iterator[Record]:
        recording = cline_recording.Recording(name, home)
        for payload in recording.steps():
            os.environ["CLINE_DIR"] = str(home / ".cline")  # which hooks have from the client: they name no path
            yield "cline", CLINE.kind(strict_json.parse(payload)), payload
        recording.write_all()

    def store(home: Path) -> None:
        for name in cline_recording.NAMES:
            cline_recording.Recording(name, home).write_all()

    return Captures("cline", lambda home: [feed(name, home) for name in cline_recording.NAMES], store)


def copilot(*names: str, lacks_rows: bool = False) -> Captures:
    def feed(name: str, home: Path) -> Iterator[Record]:
        recording = Recording(name, home, harness="copilot")
        for payload in recording.steps():
            os.environ["COPILOT_HOME"] = str(home / ".copilot")  # most hooks do not name the event log
            yield "copilot", COPILOT_CLI.kind(strict_json.parse(payload)), payload
            os.environ.pop("COPILOT_HOME", None)
        recording.grow_all()

    def store(home: Path) -> None:
        for name in names:
            Recording(name, home, harness="copilot").grow_all()

    return Captures("copilot", lambda home: [feed(name, home) for name in names], store, lacks_rows=lacks_rows)


def _kimi() -> Captures:
    def feed(name: str, home: Path) -> Iterator[Record]:
        recording = kimi_recording.Recording(name, home)
        for payload in recording.steps():
            yield "kimi", Harness().kind(strict_json.parse(payload)), payload
        recording.write()

    def store(home: Path) -> None:
        for name in kimi_recording.NAMES:
            kimi_recording.Recording(name, home).write()

    return Captures("kimi", lambda home: [feed(name, home) for name in kimi_recording.NAMES], store)


def _continue() -> Captures:
    """Of a harness without events: its files are looked at."""

    def feed(name: str, home: Path) -> Iterator[Record]:
        continue_recording.write(name, home)
        os.environ["CONTINUE_GLOBAL_DIR"] = str(home / ".continue")
        yield from ()

    def store(home: Path) -> None:
        for name in continue_recording.NAMES:
            continue_recording.write(name, home)

    return Captures("continue", lambda home: [feed(name, home) for name in continue_recording.NAMES], store)


def _aider(capture: str) -> Captures:
    """The same, with several sessions in one file."""
    name = os.path.join("src", capture, ".aider.chat.history.md")

    def feed(home: Path) -> Iterator[Record]:
        store(home)
        os.environ["AIDER_CHAT_HISTORY_FILE"] = str(home / name)
        yield from ()

    def store(home: Path) -> None:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CAPTURES / "aider" / capture / "home" / name, home / name)

    return Captures("aider", lambda home: [feed(home)], store)


def _growing(harness: str, *names: str, lacks_rows: bool = False) -> Captures:
    """Of a harness whose hooks name a file of lines that grows."""

    def feed(name: str, home: Path) -> Iterator[Record]:
        recording = Recording(name, home, harness=harness)
        for payload in recording.steps():
            yield harness, Harness().kind(strict_json.parse(payload)), payload
        recording.grow_all()

    def store(home: Path) -> None:
        for name in names:
            Recording(name, home, harness=harness).grow_all()

    return Captures(harness, lambda home: [feed(name, home) for name in names], store, lacks_rows=lacks_rows)


def _whole(harness: str, *names: str, variable: str = "", lacks_rows: bool = False) -> Captures:
    """Of a harness whose files were captured at the end alone: its hooks find them as they were then.

    Hooks that name no path need the `variable` of the environment that names the client's directory.
    """

    def feed(name: str, home: Path) -> Iterator[Record]:
        recording = Recording(name, home, harness=harness)
        recording.grow_all()
        _date_events(home)
        try:
            for hook in recording.hooks:
                if variable:  # again at each: another feed may have ended meanwhile
                    os.environ[variable] = str(home / f".{harness}")
                payload = hook["payload"]
                kind = harnesses.load(harness, "").kind(payload)
                yield harness, kind, json.dumps(payload, ensure_ascii=False).encode()
        finally:
            os.environ.pop(variable, None)

    def store(home: Path) -> None:
        for name in names:
            Recording(name, home, harness=harness).grow_all()
        _date_events(home)

    return Captures(harness, lambda home: [feed(name, home) for name in names], store, lacks_rows=lacks_rows)


def _date_events(home: Path) -> None:
    """Date OpenHands' files as it left them, in UTC: the time in an event has no zone, the file's says which it was."""
    for path in home.rglob("events/event-*.json"):
        at = datetime.fromisoformat(json.loads(path.read_bytes())["timestamp"]).replace(tzinfo=UTC).timestamp()
        os.utime(path, (at, at))


codex = partial(_growing, "codex")
qwen = partial(_growing, "qwen")
vibe = partial(_whole, "vibe")
droid = partial(_whole, "droid")
openhands = partial(_whole, "openhands", variable="OPENHANDS_PERSISTENCE_DIR")

_WITHOUT_HOOKS = ("old_0.101.0", "migrated")
# Retries, and what wrote no rollout.
_HEARD_BY_HOOKS_ALONE = ("drop_call", "drop_once", "ephemeral", "err_401", "err_after_tool")
# Attempts that are repeated, and a session that was left before it wrote anything.
_REPORTED_BY_COPILOTS_HOOKS_ALONE = ("err401", "old-1.0.86_fork")
_DELETED_BY_GEMINI = ("kill_tool", "resume_lost")  # what was live is in no file


ALL = {f"claude-code {name}": _claude_code(name) for name in CLAUDE_CODE} | {
    "claude-code, all": _all_of_claude_code(),
    "opencode 1.1.65": _opencode("1.1.65", store_tree),
    "opencode 1.18.33": _opencode("1.18.33", store_database),
    "codex": codex(*(name for name in CODEX if name not in (*_WITHOUT_HOOKS, *_HEARD_BY_HOOKS_ALONE))),
    "codex, by hooks alone": codex(*_HEARD_BY_HOOKS_ALONE, lacks_rows=True),
    "gemini": _gemini(*(name for name in gemini_recording.NAMES if name not in _DELETED_BY_GEMINI)),
    "gemini, deleted": _gemini(*_DELETED_BY_GEMINI, lacks_rows=True),
    "pi": _pi(),
    "qwen": qwen(*QWEN),
    "cline": _cline(),
    "continue": _continue(),
    "aider": _aider("resume"),
    "vibe": vibe("fail", "plain", "resume"),
    "copilot": copilot(*(name for name in COPILOT if name not in _REPORTED_BY_COPILOTS_HOOKS_ALONE)),
    "copilot, by hooks alone": copilot(*_REPORTED_BY_COPILOTS_HOOKS_ALONE, lacks_rows=True),
    "kimi": _kimi(),
    "openhands": openhands("err401", "fail", "plain", "resume", "sub"),
    "droid": droid("err401", "fail", "fork", "plain", "resume"),
    "kilo": kilo(*KILO),
    **{f"hermes {name}": hermes(name) for name in HERMES},
}

# Of which no hook reports anything.
BY_IMPORT_ALONE = {"vibe": vibe("err401", "old-2.18.4_sub"), "aider": _aider("err401")}


def feed_live(root: Path, feeds: list[Iterator[Record]]) -> None:
    """The events of each feed behind the other, as `append` logs them; what is left then is swept."""
    for feed in feeds:
        for record in feed:
            append(root, [record], follow=True)
    sweep(root)


_WATCHED = {"continue": "CONTINUE_GLOBAL_DIR", "aider": "AIDER_CHAT_HISTORY_FILE", "hermes": "HERMES_HOME"}


def interleaved(feeds: list[Iterator[Record]]) -> Iterator[Record]:
    """The events of all feeds in turn."""
    for records in zip_longest(*feeds):
        yield from filter(None, records)


def sweep(root: Path) -> None:
    with Log(str(root)) as log:
        live.sweep(log, harnesses.source_of(str(root)))
        for name, directory in _WATCHED.items():
            if os.environ.get(directory):  # else it would look at the machine's own
                watched.read_changed(log, harnesses.load(name, str(root)).watched(str(root)))


def feed_stores(root: Path, harness: str, home: Path) -> Imported:
    """What the harness's stores below `home` hold, as `clankers backfill` imports it."""
    root.mkdir(parents=True, exist_ok=True)
    with only(home), Log(str(root)) as log:
        return backfill(log, harnesses.load(harness, str(root)).sources(), None)


@contextmanager
def only(home: Path) -> Iterator[None]:
    """No store but those below `home` can be found."""
    env = environment(home / "data")
    for variable in (
        "XDG_DATA_HOME",
        "CLAUDE_CONFIG_DIR",
        "CODEX_HOME",
        "GEMINI_CLI_HOME",
        "PI_CODING_AGENT_DIR",
        "QWEN_HOME",
        "CONTINUE_GLOBAL_DIR",
        "AIDER_CHAT_HISTORY_FILE",
        "HERMES_HOME",
        *("CLINE_DIR", "CLINE_DATA_DIR", "CLINE_SESSION_DATA_DIR", "CLINE_DB_DATA_DIR"),
        "VIBE_HOME",
        "COPILOT_HOME",
        kimi_recording.HOME,
        "FACTORY_HOME_OVERRIDE",
        *("OPENHANDS_PERSISTENCE_DIR", "OPENHANDS_CONVERSATIONS_DIR"),
    ):
        env.pop(variable, None)
    with mock.patch.dict(os.environ, env, clear=True):
        yield
