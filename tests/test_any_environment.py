"""Every command in every environment: a sentence and an exit code, never a traceback, and nothing recorded is lost."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

import clankers
from clankers.cli import COMMANDS as KNOWN
from tests.commands import POSIX_ONLY, call, environment, work
from tests.feeding import append
from tests.patience import DEADLINE

pytestmark = POSIX_ONLY
DRIVER = Path(__file__).with_name("any_command.py")
ENDS = (0, 1, 64, 65, 74, 75, 78)

# In this order: those that change much come last.
COMMANDS = (
    *(["sessions"], ["sessions", "--json"], ["show", "last"], ["search", "prompt"], ["stats"], ["tail", "--help"]),
    *(["export", "last"], ["query", "select 1"], ["doctor"], ["docs"], ["--version"], ["config", "list"]),
    *(["config", "get", "SESSION_API_URL"], ["sync"], ["sync", "status"], ["sync", "--dry-run"], ["serve"]),
    *(["catch-up"], ["project"], ["backfill"], ["verify"], ["archive"], ["repair"], ["scrub", "--dry-run"]),
    *(
        ["demo", "--help"],
        ["mcp", "--help"],
        ["append", "--help"],
        ["help"],
        ["web", "key"],
        ["resume", "last", "--print"],
        ["handoff", "last", "--to", "codex", "--print"],
        ["restore", "last", "--dry-run"],
        ["blame", "HEAD"],
        ["budget", "list"],
        ["statusline"],
        ["forget", "ses_000000", "--dry-run"],
        ["install", "opencode"],
        ["uninstall", "opencode"],
    ),
    *(["project", "--rebuild"], ["sync", "reset"], ["config", "set", "SESSION_SYNC_DEBUG", "false"], ["sessions"]),
)
SAMPLE = (0, 8, 14, 19)  # sessions, doctor, sync status, backfill


class Ground(NamedTuple):
    """An environment.

    Attributes:
        env: variables; `{}` stands for the test's directory, an empty value for none.
        lacks: as `any_command` takes it.
        prepare: called with the data root and the home directory.
        stdout: where standard output goes: a path, or empty for closed.
    """

    env: Mapping[str, str] = MappingProxyType({})
    lacks: str = ""
    prepare: Callable[[Path, Path], object] = lambda *_: None
    stdout: str = os.devnull


def write(name: str, data: bytes) -> Callable[[Path, Path], object]:
    return lambda root, _: (root / name).write_bytes(data)


def newer_database(root: Path, _: Path) -> None:
    import apsw

    db = apsw.Connection(str(root / "clankers.db"))
    db.pragma("user_version", 99)
    db.close()


def newer_state(root: Path, _: Path) -> None:
    import apsw

    db = apsw.Connection(str(root / "sync.db"))
    db.pragma("user_version", 99)
    db.close()


def no_root(root: Path, _: Path) -> None:
    shutil.rmtree(root)
    root.write_bytes(b"")


def a_directory_as_database(root: Path, _: Path) -> None:
    for path in root.glob("clankers.db*"):
        path.unlink()
    (root / "clankers.db").mkdir()


GROUNDS = {
    "plain": Ground(),
    "no home": Ground({"HOME": "", "CLANKERS_DATA_PATH": ""}, "user"),
    "no home but a data root": Ground({"HOME": ""}, "user"),
    "a home that is missing": Ground({"HOME": "{}/none/at/all", "CLANKERS_DATA_PATH": ""}),
    "a home that is a file": Ground({"HOME": "/dev/null", "CLANKERS_DATA_PATH": ""}),
    "a tilde": Ground({"CLANKERS_DATA_PATH": "~/data"}),
    "a URL": Ground({"CLANKERS_DB_PATH": "https://me:secret@example.org/x"}),
    "a path that is not UTF-8": Ground({"CLANKERS_DATA_PATH": "{}/home/\udcff"}),
    "a database whose path is not UTF-8": Ground({"CLANKERS_DB_PATH": "{}/home/\udcff.db"}),
    "ascii": Ground({"PYTHONIOENCODING": "ascii"}),
    "cp1252": Ground({"PYTHONIOENCODING": "cp1252"}),
    "the locale C": Ground({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}),
    "a closed stdout": Ground(stdout=""),
    "a full stdout": Ground(stdout="/dev/full"),
    "no locks": Ground(lacks="locks"),
    "no sync of directories": Ground(lacks="directory-sync"),
    "few descriptors": Ground(lacks="files=9"),
    "a full disk": Ground(lacks="bytes=4096"),
    "a newer database": Ground(prepare=newer_database),
    "a damaged database": Ground(prepare=write("clankers.db", b"x" * 8192)),
    "a directory as database": Ground(prepare=a_directory_as_database),
    "a newer sync.db": Ground(prepare=newer_state),
    "a damaged sync.db": Ground(prepare=write("sync.db", b"x" * 8192)),
    "settings with a BOM": Ground(
        prepare=write("config.toml", b'\xef\xbb\xbfSESSION_API_URL = "http://127.0.0.1:9"\r\n')
    ),
    "broken settings": Ground(prepare=write("config.toml", b"=\n")),
    "settings that are not UTF-8": Ground(prepare=write("config.toml", b"\xff\xfe=\0\n\0")),
    "a damaged list of places": Ground(prepare=write("installed.json", b"\xff")),
    "a damaged list of extensions": Ground(prepare=write("extensions.json", b'["')),
    "a file as data root": Ground(prepare=no_root),
}


def run_all(ground: Ground, commands: tuple[list[str], ...], folder: Path) -> list[tuple[list[str], int, str]]:
    home, project = folder / "home", folder / "project"
    root = home / "data"
    project.mkdir(parents=True)
    append(root, work(0, 3))
    assert call(root, "sessions").code == 0
    logged = {path: path.read_bytes() for path in root.glob("*.jsonl")}
    ground.prepare(root, home)
    env = environment(root, SESSION_API_URL="", XDG_DATA_HOME="", XDG_CONFIG_HOME="", PYTHONPATH=os.getcwd())
    env |= {name: value.replace("{}", str(folder)) for name, value in ground.env.items()}
    report = folder / "report"
    redirected = f'exec "$@" > {ground.stdout}' if ground.stdout else 'exec "$@" >&-'
    driver = [sys.executable, str(DRIVER), str(report), ground.lacks, json.dumps(commands)]
    subprocess.run(
        ["sh", "-c", redirected, "sh", *driver],
        env={name: value for name, value in env.items() if value},
        cwd=project,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE,
        check=True,
    )
    if root.is_dir():
        kept = {path: path.read_bytes() for path in root.glob("*.jsonl")}
        assert all(kept[path].startswith(data) for path, data in logged.items()), "what was recorded stays"
    assert list(project.iterdir()) == [], "nothing is written into the project"
    done = json.loads(report.read_text("utf-8"))
    return [(args, *ended) for args, ended in zip(commands, done, strict=True)]


def check(ground: Ground, commands: tuple[list[str], ...], folder: Path) -> None:
    wrong = []
    for args, code, err in run_all(ground, commands, folder):
        said = err.strip()
        silent = code not in (0, 1) and not said  # 1 is also an answer that stands on stdout
        if code not in ENDS or "Traceback" in err or "secret" in err or silent:
            wrong.append(f"{' '.join(args)}: exit {code}: {said[-1500:]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", GROUNDS)
def test_commands_end_in_a_sentence(name: str, tmp_path: Path) -> None:
    check(GROUNDS[name], tuple(COMMANDS[i] for i in SAMPLE), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", GROUNDS)
def test_every_command_ends_in_a_sentence(name: str, tmp_path: Path) -> None:
    check(GROUNDS[name], COMMANDS, tmp_path)


def test_only_one_place_asks_for_the_home_directory() -> None:
    """Python's own way ends in a traceback, or in a directory named `~`, where there is none."""
    asking = [path for path in Path(clankers.__file__).parent.rglob("*.py") if "Path.home(" in path.read_text("utf-8")]
    assert asking == []


def test_every_command_is_among_them() -> None:
    assert {args[0] for args in COMMANDS} >= set(KNOWN)
