"""The launcher, as a client's shell runs it: it finds the recorder where it can, and is silent where there is none."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import clankers
from clankers import paths
from clankers.errors import EX_IO, EX_OK
from clankers.harnesses import launcher
from clankers.harnesses.hook_command import hook_command
from clankers.system.config_files import apply
from tests.commands import POSIX_ONLY
from tests.patience import DEADLINE

pytestmark = POSIX_ONLY

PACKAGE = Path(clankers.__file__).parent
PYTHON = "python3.11"  # in the name of a directory
SILENT = (0, b"", b"")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home; the programs on the PATH are in `home/bin`."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    for name in ("sh", "readlink"):
        (home / "bin" / name).symlink_to(str(shutil.which(name)))
    return home


def environment(place: Path, python: str = PYTHON) -> Path:
    """A virtual environment with clankers."""
    packages = place / "lib" / python / "site-packages"
    packages.mkdir(parents=True)
    (packages / "clankers").symlink_to(PACKAGE)
    (place / "bin").mkdir(exist_ok=True)
    (place / "bin" / "python3").symlink_to(sys.executable)
    program(place / "bin" / "clankers", "echo a program whose interpreter may be gone; exit 2")
    return place


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def install(home: Path, place: Path) -> None:
    """Install the launcher for the environment at `place`."""
    packages = place / "lib" / PYTHON / "site-packages"
    module = packages / "clankers" / "harnesses" / "launcher.py"
    with (
        mock.patch.object(sys, "executable", str(place / "bin" / "python3")),
        mock.patch.object(launcher, "__file__", str(module)),
        mock.patch.dict(os.environ, HOME=str(home)),
    ):
        apply(launcher.install_launcher())


def hook(home: Path, root: Path, source: str = "claude-code") -> tuple[int, bytes, bytes]:
    env = {paths.DATA_ENV: str(root), "HOME": str(home), "PATH": str(home / "bin")}
    done = subprocess.run(
        ["/bin/sh", "-c", hook_command(source)],
        input=b'{"hook_event_name":"PreToolUse"}\n',
        env=env,
        cwd=home,
        capture_output=True,
        check=False,
        timeout=DEADLINE,
    )
    return done.returncode, done.stdout, done.stderr


def logged(root: Path) -> list[Any]:
    return [json.loads(line)["type"] for f in root.glob("clankers-*.jsonl") for line in f.open("rb")]


@pytest.mark.parametrize("name", ["a 'b\" c", "$HOME `x` \\n", "näh", "\N{GRINNING FACE}"])
def test_the_hook_records_whatever_the_home_and_the_environment_are_called(
    name: str, tmp_path: Path, root: Path, home: Path
) -> None:
    place = environment(tmp_path / f"env {name}")
    odd_home = home.rename(tmp_path / name)
    install(odd_home, place)
    assert hook(odd_home, root) == SILENT
    assert logged(root) == ["PreToolUse"]


def test_a_hook_fails_only_if_the_client_goes_on_after_it(tmp_path: Path, root: Path, home: Path) -> None:
    install(home, environment(tmp_path / "env"))
    root.write_text("not a directory")
    for source, expected in (("claude-code", EX_IO), ("gemini", EX_OK)):
        code, out, err = hook(home, root, source)
        assert (code, out) == (expected, b"")
        assert b"cannot write the log" in err


def gone(what: str, home: Path, place: Path) -> None:
    packages = place / "lib" / PYTHON / "site-packages"
    match what:
        case "the launcher":
            launcher_file(home).unlink()
        case "the environment":
            shutil.rmtree(place)
        case "its Python":
            (place / "bin" / "python3").unlink()
        case "the package":
            (packages / "clankers").unlink()
        case "a module of it":
            (packages / "clankers").unlink()
            shutil.copytree(PACKAGE, packages / "clankers", ignore=shutil.ignore_patterns("append.py", "__pycache__"))
        case "the second half of a module":
            (packages / "clankers").unlink()
            shutil.copytree(PACKAGE, packages / "clankers", ignore=shutil.ignore_patterns("__pycache__"))
            os.truncate(packages / "clankers" / "append.py", 4000)


def launcher_file(home: Path) -> Path:
    return home / ".local" / "lib" / "clankers" / "hook"


@pytest.mark.parametrize(
    "what",
    [
        "the launcher",
        "the environment",
        "its Python",
        "the package",
        "a module of it",
        "the second half of a module",
    ],
)
def test_the_hook_is_silent_where_the_recorder_is_gone(what: str, tmp_path: Path, home: Path, root: Path) -> None:
    program(home / "bin" / "clankers", "echo the program of another project; exit 2")
    program(home / "bin" / "python3", 'case "$*" in *version_info*) exit 1 ;; esac; echo syntax of another version')
    place = environment(tmp_path / "env")
    install(home, place)
    gone(what, home, place)
    assert hook(home, root) == SILENT
    assert logged(root) == []


def changed(how: str, home: Path, place: Path) -> None:
    match how:
        case "made again with a newer Python":
            shutil.rmtree(place)
            environment(place, "python3.99")
        case "moved, and its programs are on the PATH":
            place.rename(place.with_name("moved"))
            (home / "bin" / "clankers").symlink_to(place.with_name("moved") / "bin" / "clankers")
        case "removed, and another one is in ~/.local/bin":
            shutil.rmtree(place)
            environment(place.with_name("other"))
            (home / ".local" / "bin").mkdir()
            (home / ".local" / "bin" / "clankers").symlink_to(place.with_name("other") / "bin" / "clankers")
        case "left without its Python":
            (place / "bin" / "python3").unlink()
            (home / "bin" / "python3").symlink_to(sys.executable)


@pytest.mark.parametrize(
    "how",
    [
        "made again with a newer Python",
        "moved, and its programs are on the PATH",
        "removed, and another one is in ~/.local/bin",
        "left without its Python",
    ],
)
def test_the_hook_records_where_the_environment_was(how: str, tmp_path: Path, home: Path, root: Path) -> None:
    place = environment(tmp_path / "env")
    install(home, place)
    changed(how, home, place)
    assert hook(home, root) == SILENT
    assert logged(root) == ["PreToolUse"]


def test_the_last_environment_to_install_records(tmp_path: Path, home: Path, root: Path) -> None:
    first, second = environment(tmp_path / "first"), environment(tmp_path / "second")
    install(home, first)
    install(home, second)
    gone("a module of it", home, second)
    assert (hook(home, root), logged(root)) == (SILENT, [])
    install(home, first)
    assert (hook(home, root), logged(root)) == (SILENT, ["PreToolUse"])
