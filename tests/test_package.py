"""The package: built, checked as an index would, and installed into fresh environments of every Python that is here."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import clankers
from tests.commands import POSIX_ONLY, environment
from tests.patience import DEADLINE

ROOT = Path(clankers.__file__).parent.parent
BIN = Path(sys.executable).parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

pytestmark = [POSIX_ONLY, pytest.mark.xdist_group("package")]


def run(*args: str, **env: str) -> str:
    done = subprocess.run(
        args, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist and the wheel by their ends; the wheel is built from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    run(str(BIN / "uv"), "build", "-q", "-o", str(out))
    return {path.suffix: path for path in out.iterdir() if path.suffix in (".gz", ".whl")}


def test_an_index_would_take_both(built: dict[str, Path]) -> None:
    assert run(sys.executable, "-m", "twine", "check", "--strict", *map(str, built.values())).count("PASSED") == 2


def test_the_metadata_is_complete(built: dict[str, Path]) -> None:
    with zipfile.ZipFile(built[".whl"]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        metadata = message_from_bytes(wheel.read(name))
    for key in ("Name", "Version", "Summary", "Author", "License-Expression", "Requires-Python", "Keywords"):
        assert metadata[key], key
    classifiers = metadata.get_all("Classifier", [])
    assert {f"Programming Language :: Python :: {version}" for version in PYTHONS} <= set(classifiers)
    assert "Typing :: Typed" in classifiers


def test_what_is_data_in_the_checkout_is_in_both(built: dict[str, Path]) -> None:
    files = [path for name in ("clankers", "projector") for path in (ROOT / name).rglob("*") if path.is_file()]
    listed = {str(path.relative_to(ROOT)) for path in files if path.parent.name != "__pycache__"}
    with zipfile.ZipFile(built[".whl"]) as wheel, tarfile.open(built[".gz"]) as sdist:
        in_wheel = set(wheel.namelist())
        in_sdist = {name.partition("/")[2] for name in sdist.getnames()}
    assert listed <= in_wheel & in_sdist
    assert {"clankers/py.typed", "projector/py.typed"} <= in_wheel
    assert any(name.endswith("/share/man/man1/clankers.1") for name in in_wheel)


def pythons() -> dict[str, str]:
    """The Pythons that are here, by their versions: on the `PATH`, and those of pyenv."""
    found = {}
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    for version in PYTHONS:
        for path in (shutil.which(f"python{version}"), *map(str, kept.glob(f"{version}.*/bin/python")), sys.executable):
            asked = [str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            if path and subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == version:
                found[version] = path
                break
    return found


def test_both_run_on_every_python_that_is_here(built: dict[str, Path], tmp_path: Path) -> None:
    here = pythons()
    assert here
    for version, python in here.items():
        kind = ".gz" if python == here[min(here)] else ".whl"
        place, home = tmp_path / version, tmp_path / "home"
        run(str(BIN / "uv"), "venv", "-q", "--no-python-downloads", "--python", python, str(place))
        into = ("--python", str(place / "bin" / "python"))
        run(str(BIN / "uv"), "pip", "install", "-q", *into, "--require-hashes", "-r", "requirements.txt")
        run(str(BIN / "uv"), "pip", "install", "-q", *into, "--no-deps", str(built[kind]))
        env = environment(home / "data") | {"PATH": "/usr/bin:/bin"}
        demo = subprocess.run(
            [place / "bin" / "clankers", "demo"], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (demo.returncode, demo.stderr) == (0, ""), version
        assert "clankers install" in demo.stdout
        assert (place / "share" / "man" / "man1" / "clankers.1").exists()


def test_as_a_tool_it_is_installed_and_removed_as_the_readme_says(built: dict[str, Path], tmp_path: Path) -> None:
    tools = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    uv = (str(BIN / "uv"), "tool")
    run(*uv, "install", "-q", "--no-python-downloads", str(built[".whl"]), **tools)
    assert run(str(tmp_path / "bin" / "clankers"), "-V") == f"clankers {clankers.__version__}\n"
    run(*uv, "uninstall", "-q", "clankers", **tools)
    assert not (tmp_path / "bin" / "clankers").exists()
