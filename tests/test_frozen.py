"""What is installed goes on working: the commands and files that the first version wrote, commit cd98ad3.

And the first launcher, to which the commands gave way.
"""

import json
import os
import plistlib
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import clankers
from clankers import harnesses
from clankers.harnesses.hook_command import hook_command, is_ours
from clankers.system.install_manifest import installed
from tests.commands import POSIX_ONLY, Result, call, environment
from tests.faults.common import logged
from tests.feeding import Recording, append, feed_transcripts, project
from tests.patience import DEADLINE, wait_for
from tests.serving import KEY, Server

pytestmark = POSIX_ONLY

PYTHON = sys.executable
PACKAGE = str(Path(clankers.__file__).parents[1])
ASSETS = Path(clankers.__file__).parent / "assets"
FROZEN = Path(__file__).with_name("frozen")
NAMED = "/home/frozen"  # the home where it was made
SESSION = "bbb85188-3761-4aab-872c-e8c61d97e4bf"
HOOK = b'{"hook_event_name":"PreToolUse","session_id":"ses_1"}\n'

# The commands, word for word.
HOOK_COMMAND = (
    f"trap '' TERM; exec {PYTHON} -IS -c 'import os, sys; sys.path.append(\"{PACKAGE}\"); "
    "from clankers.__main__ import main; os._exit(main())' append claude-code"
)
LAUNCHED = "trap '' TERM; [ -r ~/.local/lib/clankers/hook ] && exec sh ~/.local/lib/clankers/hook claude-code; exit 0"
PLUGIN_HOOK = (
    "trap '' TERM; PATH=\"$PATH:${CLAUDE_PLUGIN_ROOT}/../../../../../../bin\"; exec clankers append claude-code"
)
PLUGIN_HOOKS = {
    PLUGIN_HOOK,
    PLUGIN_HOOK.replace("exec", "command -v clankers >/dev/null && exec") + "; exit 0",
}
CATCH_UP = [PYTHON, "-P", "-m", "clankers", "catch-up"]  # -I where the package is installed in the Python's environment
WATCH = [PYTHON, "-P", "-m", "clankers", "project", "--watch"]
UNIT = f"""\
[Unit]
Description=clankers: keeps the database of recorded agent sessions current

[Service]
ExecStart="{PYTHON}" "-P" "-m" "clankers" "project" "--watch"
Restart=on-failure
Nice=10

[Install]
WantedBy=default.target
"""
AGENT = plistlib.dumps(
    {
        "Label": "clankers.project",
        "ProgramArguments": WATCH,
        "EnvironmentVariables": {},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ProcessType": "Background",
    }
)

# Every form in which an entry was ever written, by `install` or by hand after the README.
HOOKS = [
    HOOK_COMMAND,
    (
        f"trap '' TERM; exec {PYTHON} -IS -c 'import sys; sys.path.append(\"{PACKAGE}\"); "
        "from clankers.__main__ import main; sys.exit(main())' append claude-code"
    ),
    (
        f"trap '' TERM; exec {PYTHON} -IS -c 'import sys; sys.path.insert(0, \"{PACKAGE}\"); "
        "from clankers.__main__ import main; sys.exit(main())' append claude-code"
    ),
    f"{PYTHON} -m clankers append claude-code",
    f"{PYTHON} -I -m clankers append claude-code",
    "clankers append claude-code",
    "trap '' TERM; exec clankers append claude-code",
    LAUNCHED,
]
PLUGIN = "// Records what happens in OpenCode 1.x as lines of clankers' log; `clankers install opencode` puts this file"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the data root that the first version made, in tmp_path/data."""
    home = tmp_path / "home"
    shutil.copytree(FROZEN / "home", home)
    shutil.copytree(FROZEN / "data", tmp_path / "data")
    for path in [*home.rglob("*"), *(tmp_path / "data").rglob("*.json")]:
        if path.is_file() and path.suffix != ".jsonl":  # a cursor counts the bytes of these
            text = path.read_text("utf-8")
            for old, new in (("@PYTHON@", PYTHON), ("@PACKAGE@", PACKAGE), (NAMED, str(home))):
                text = text.replace(old, new)
            path.write_text(text, "utf-8")
    return home


@pytest.fixture
def root(home: Path) -> Path:
    return home.parent / "data"


def here(root: Path, home: Path, *args: str, **env: str) -> Result:
    return call(root, *args, HOME=str(home), **env)


# Commands


def test_the_command_of_a_hook_never_changes() -> None:
    assert hook_command("claude-code") == LAUNCHED
    assert all(len(hook_command(source)) <= 120 for source in (*harnesses.BUILT_IN, "a-name-of-22-characters"[:22]))


@pytest.mark.parametrize("command", HOOKS[:3])
def test_a_hook_records(command: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    env = {"CLANKERS_DATA_PATH": str(root), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["sh", "-c", command], input=HOOK, env=env, cwd="/", capture_output=True, check=False, timeout=DEADLINE
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert [line["payload"] for line in logged(root).lines] == [json.loads(HOOK)]


def test_a_launcher_records(tmp_path: Path) -> None:
    """The first one, in tests/frozen: it stays where it is until somebody runs `install` again."""
    launcher = tmp_path / ".local" / "lib" / "clankers" / "hook"
    launcher.parent.mkdir(parents=True)
    text = (FROZEN / "launcher.sh").read_text("utf-8")
    launcher.write_text(text.replace("@PYTHON@", shlex.quote(PYTHON)).replace("@PACKAGES@", shlex.quote(PACKAGE)))
    root = tmp_path / "data"
    env = {"CLANKERS_DATA_PATH": str(root), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["sh", "-c", LAUNCHED], input=HOOK, env=env, cwd="/", capture_output=True, check=False, timeout=DEADLINE
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert [line["payload"] for line in logged(root).lines] == [json.loads(HOOK)]


@pytest.mark.parametrize("command", PLUGIN_HOOKS)
def test_the_plugin_directory_of_claude_code_records(command: str, tmp_path: Path) -> None:
    plugin = ASSETS / "claude-code"
    assert json.loads((plugin / ".claude-plugin" / "plugin.json").read_text())["name"] == "clankers"
    assert json.loads((plugin / ".claude-plugin" / "marketplace.json").read_text())["plugins"]
    hooks = json.loads((plugin / "hooks" / "hooks.json").read_text())["hooks"]
    assert {hook["command"] for groups in hooks.values() for group in groups for hook in group["hooks"]} < PLUGIN_HOOKS
    root = tmp_path / "data"
    path = f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}"
    env = {"CLANKERS_DATA_PATH": str(root), "HOME": str(tmp_path), "PATH": path, "CLAUDE_PLUGIN_ROOT": str(plugin)}
    done = subprocess.run(["sh", "-c", command], input=HOOK, env=env, check=False, timeout=DEADLINE)
    assert done.returncode == 0
    assert len(logged(root).lines) == 1


def test_what_the_plugin_of_opencode_starts_brings_the_database_up_to_date(root: Path, home: Path) -> None:
    text = (home / ".config" / "opencode" / "plugin" / "clankers.js").read_text()
    found = re.search(r"^const CATCH_UP = (\[.*?\])", text, re.MULTILINE)
    assert found
    assert json.loads(found[1]) == CATCH_UP
    env = environment(root, HOME=str(home))
    subprocess.run(CATCH_UP, env=env, cwd="/", check=True, timeout=DEADLINE)
    with closing(sqlite3.connect(root / "clankers.db")) as db:
        assert db.execute("SELECT count(*) FROM sessions").fetchone()[0] == 4


def test_the_commands_of_both_services_follow_the_log(root: Path, home: Path) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    assert shlex.split(line) == plistlib.loads(AGENT)["ProgramArguments"] == WATCH
    env = environment(root, HOME=str(home))
    with subprocess.Popen(WATCH, env=env, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            wait_for((root / "clankers.db").exists)
            wait_for(lambda: _sessions(root) == 4)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, b"")


def _sessions(root: Path) -> int:
    try:
        with closing(sqlite3.connect(root / "clankers.db", timeout=DEADLINE)) as db:
            return int(db.execute("SELECT count(*) FROM sessions").fetchone()[0])
    except sqlite3.OperationalError:  # without its tables yet
        return 0


def test_the_schemas_are_where_they_were() -> None:
    names = {"search.json", "sessions.json", "show.json", "stats.json", "sync-status.json", "sync.json", "tail.json"}
    assert names <= {path.name for path in (ASSETS / "schemas").iterdir()}


# A data root


def test_nothing_of_the_root_is_lost_and_all_of_it_is_understood(root: Path, home: Path) -> None:
    before = [line for line in logged(root).lines if "ses_secret" not in json.dumps(line)]
    assert installed(str(root)) == {
        home / ".claude" / "settings.json": "claude-code",
        home / ".config" / "opencode" / "plugin" / "clankers.js": "opencode",
    }
    done = here(root, home, "sessions", "--json")
    assert done.code == 0, done.err
    assert {one["id"] for one in json.loads(done.out)} >= {SESSION, "ses_000000", "ses_secret"}
    assert here(root, home, "scrub").code == 0  # goes on where the journal says
    found = logged(root)
    assert [line for line in found.lines if "ses_secret" not in json.dumps(line)][: len(before)] == before
    assert found.torn == []
    assert b"ghp_" not in b"".join(path.read_bytes() for path in root.glob("clankers-*.jsonl"))
    assert not (root / "patch.journal").exists()
    assert here(root, home, "verify").code == 0
    with closing(project(root)) as db:
        assert db.execute("SELECT count(*) FROM rejects").get == 0


def test_a_cursor_goes_on_where_it_stood(root: Path, home: Path) -> None:
    recording = Recording("basic_text", home, NAMED)
    (transcript,) = [path for path in recording.files if path.stem == SESSION]
    assert transcript.read_text("utf-8") == "".join(recording.files[transcript][:20])
    known = [line["id"] for line in logged(root).lines]
    recording.grow_all()
    done = here(root, home, "project")
    assert done.code == 0, done.err
    ids = [line["id"] for line in logged(root).lines]
    assert ids[: len(known)] == known
    assert len(set(ids)) == len(ids) > len(known)
    fresh = root.parent / "fresh"
    feed_transcripts("basic_text", fresh, home, NAMED)
    assert {id for id in ids if id.startswith(SESSION)} == {line["id"] for line in logged(fresh).lines}


def test_what_was_acknowledged_is_not_sent_again(root: Path, home: Path) -> None:
    with Server(home.parent / "server") as server:
        url = f"http://127.0.0.1:{server.port}"
        with closing(sqlite3.connect(root / "sync.db")) as db, db:
            db.execute("UPDATE servers SET url = ?", (url,))
        settings = {"SESSION_API_URL": url, "SESSION_API_KEY": KEY}
        done = here(root, home, "sync", **settings)
        assert (done.code, server.logged()) == (0, []), done
        append(root, [("opencode", "session.created", _session("ses_later"))])
        assert here(root, home, "sync", **settings).code == 0
        assert [json.loads(bytes(event.payload))["session"]["id"] for event in server.logged()] == ["ses_later"]


def test_the_settings_are_read(root: Path, home: Path) -> None:
    done = here(root, home, "config", "list", "--json")
    found = {one["name"]: one["value"] for one in json.loads(done.out)}
    assert found["SESSION_SYNC_SCRUB"] is False
    assert str(found["SESSION_API_URL"]).startswith("http://127.0.0.1:")


def _session(id: str) -> bytes:
    info = {"id": id, "directory": "/src", "title": "t", "version": "1", "time": {"created": 1, "updated": 1}}
    return json.dumps({"type": "session.created", "properties": {"info": info}}).encode()


# The formats that the first version reads when it comes back: what is written has its fields, and no other shape.


def test_the_first_version_can_read_what_is_left(root: Path, home: Path) -> None:
    Recording("basic_text", home, NAMED).grow_all()
    with closing(sqlite3.connect(root / "sync.db")) as db:
        schema = _schema(db)
    assert here(root, home, "scrub").code == 0
    assert here(root, home, "project").code == 0
    assert here(root, home, "install", "claude-code", "opencode").code == 0
    assert here(root, home, "config", "set", "SESSION_SYNC_SCRUB", "true").code == 0
    with Server(home.parent / "server") as server:
        url = f"http://127.0.0.1:{server.port}"
        assert here(root, home, "sync", SESSION_API_URL=url, SESSION_API_KEY=KEY).code == 0

    msgspec.json.decode((root / "cursors" / f"{SESSION}.json").read_bytes(), type=_Cursor)
    entries = msgspec.json.decode((root / "installed.json").read_bytes(), type=dict[str, str])
    assert set(entries.values()) == {"claude-code", "opencode"}
    with closing(sqlite3.connect(root / "sync.db")) as db:
        assert _schema(db) == schema
    assert re.fullmatch(r'(\w+ = ("[^"\n]*"|\w+)\n)+', (root / "config.toml").read_text())
    for line in logged(root).lines:
        assert list(line) == ["v", "id", "ts", "level", "source", "type", "payload", "crc"]
        assert line["v"] == 1


class _Cursor(msgspec.Struct):  # more fields are no obstacle
    path: str
    offsets: dict[str, int]
    metas: dict[str, str]
    ended: bool
    since: str
    busy: bool


def _schema(db: sqlite3.Connection) -> Any:
    tables = db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    return db.execute("PRAGMA user_version").fetchone(), db.execute("PRAGMA application_id").fetchone(), tables


# Taking it away


@pytest.mark.parametrize("command", HOOKS)
def test_uninstall_knows_every_form_of_a_hook(command: str, root: Path, home: Path) -> None:
    assert is_ours(command, "claude-code")
    settings = home / ".claude" / "settings.json"
    theirs = {"type": "command", "command": "echo theirs"}
    ours = {"type": "command", "command": command, "timeout": 10}
    settings.write_text(json.dumps({"hooks": {"Stop": [{"hooks": [theirs]}, {"hooks": [ours]}]}}))
    assert here(root, home, "uninstall", "claude-code").code == 0
    assert json.loads(settings.read_text()) == {"hooks": {"Stop": [{"hooks": [theirs]}]}}


def test_uninstall_takes_away_what_the_first_version_put_in_place(root: Path, home: Path) -> None:
    plugin = home / ".config" / "opencode" / "plugin" / "clankers.js"
    assert plugin.read_text("utf-8").startswith(PLUGIN)
    assert here(root, home, "uninstall", "claude-code", "opencode").code == 0
    assert not plugin.exists()
    assert not (home / ".claude" / "settings.json").exists()
    assert not installed(str(root))
