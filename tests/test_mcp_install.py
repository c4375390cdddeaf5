"""Our MCP server in clients' settings, and out again: what was there stays, byte for byte."""

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from clankers import harnesses
from clankers.errors import EX_FAIL, EX_OK, EX_USAGE
from clankers.harnesses.installer import Installer, InstallError
from clankers.harnesses.mcp_server import ServerInstaller, options_of, server_command
from clankers.system import detached
from clankers.system.config_files import apply, drop_backup
from tests.commands import Result, call
from tests.test_install import SETTINGS

HARNESSES = [name for name in harnesses.BUILT_IN if harnesses.load(name, "").mcp_installers()]
OTHERS = {"mcpServers": {"other": {"command": "x"}}, "mcp": {"other": {"type": "local", "command": ["x"]}}}
JSON = {
    **SETTINGS,
    "other servers": json.dumps(OTHERS, indent=2).encode(),
    "other servers on one line": json.dumps(OTHERS).encode(),
    "no servers yet": b'{"mcpServers": {}, "mcp": {}}',
    "no servers on lines": b'{\n  "mcp": {\n  },\n  "mcpServers": {\n  }\n}\n',
}
TOML: dict[str, bytes | None] = {
    "missing": None,
    "empty": b"",
    "a setting": b'model = "x" # mine\n',
    "without an end": b'model = "x"',
    "other servers": b'[mcp_servers.other]\ncommand = "x"\n\n[mcp_servers.other.env]\nA = "1"\n\n\n',
    "windows": b'model = "x"\r\n[tui]\r\na = 1\r\n',
}


@pytest.fixture(autouse=True)
def nothing_starts() -> Iterator[None]:
    with mock.patch.object(detached, "start"):
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CLAUDE_CONFIG_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def clankers(home: Path, *args: str, **env: str) -> Result:
    return call(home / "data", *args, PATH=str(home / "bin"), **env)


def settings(name: str) -> Installer:
    return harnesses.load(name, "").mcp_installers()[0]


def server(path: Path) -> Any:
    text = path.read_text("utf-8-sig")
    document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    return next(value["clankers"] for value in document.values() if isinstance(value, dict) and "clankers" in value)


def start_with(path: Path, before: bytes | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if before is not None:
        path.write_bytes(before)


@pytest.mark.parametrize("name", HARNESSES)
def test_the_server_is_added_and_removed_with_every_byte_restored(
    name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLANKERS_DATA_PATH", "data")
    installer = settings(name)
    path = installer.file(None)
    for kind, before in (TOML if path.suffix == ".toml" else JSON).items():
        start_with(path, before)
        assert not installer.installed(path)
        apply(installer.install(path))
        assert installer.installed(path)
        assert (edit := installer.install(path)).before == edit.after
        if kind != "comments":  # only a client reads those
            found = server(path)
            command = found["command"] if isinstance(found["command"], list) else [found["command"]]
            assert [*command, *found.get("args", [])] == server_command()
            assert {"CLANKERS_DATA_PATH": str(home / "work" / "data")} in found.values()
        edit = installer.uninstall(path)
        apply(edit)
        drop_backup(edit)
        assert (path.read_bytes() if path.exists() else None) == before, kind


@pytest.mark.parametrize(
    ("name", "before"), [("gemini", None), ("gemini", b""), ("gemini", JSON["spread"]), ("codex", TOML["a setting"])]
)
def test_hooks_and_server_come_and_go_together(name: str, before: bytes | None, home: Path) -> None:
    path = settings(name).file(None)
    start_with(path, before)
    done = clankers(home, "install", name, "--mcp")
    assert done.code == EX_OK, done.err
    assert "can search its history" in done.out
    assert "can search its history already" in clankers(home, "install", name, "--mcp").out
    assert json.loads((home / "data" / "installed-mcp.json").read_text("utf-8")) == {str(path): name}
    done = clankers(home, "uninstall", name)
    assert done.code == EX_OK, done.err
    assert (path.read_bytes() if path.exists() else None) == before
    assert not list(home.rglob("*.before-clankers"))
    assert not list((home / "data").glob("installed*.json"))


def test_a_skill_of_the_user_s_own_of_that_name_stays(home: Path) -> None:
    path = harnesses.load("claude-code", "").mcp_installers()[1].file(None)
    own = b"---\nname: session-history\ndescription: Mine.\n---\n"
    start_with(path, own)
    done = clankers(home, "install", "claude-code", "--mcp")
    assert done.code == EX_FAIL
    assert f"{path} exists and is not from clankers" in done.err
    assert clankers(home, "uninstall", "claude-code").code == EX_OK
    assert path.read_bytes() == own


def test_a_project_has_a_server_of_its_own(home: Path) -> None:
    done = clankers(home, "install", "claude-code", "--mcp", "--project")
    assert done.code == EX_OK, done.err
    assert server(home / "work" / ".mcp.json")["command"] == sys.executable
    skill = home / "work" / ".claude" / "skills" / "session-history" / "SKILL.md"
    assert skill.read_text("utf-8").startswith("---\nname: session-history\ndescription: ")
    assert not (home / ".claude.json").exists()
    assert clankers(home, "uninstall", "claude-code", "--project").code == EX_OK
    assert not skill.parent.exists()
    assert not (home / "work" / ".mcp.json").exists()
    done = clankers(home, "install", "copilot", "--mcp", "--project")
    assert done.code == EX_FAIL
    assert "no MCP servers of a project" in done.err


def test_a_dry_run_shows_the_server_and_changes_nothing(home: Path) -> None:
    done = clankers(home, "install", "claude-code", "--mcp", "--dry-run")
    assert done.code == EX_OK, done.err
    assert '+    "clankers": {' in done.out
    assert "+name: session-history" in done.out
    assert not (home / ".claude.json").exists()


@pytest.mark.parametrize("name", ["claude-code", "codex"])
def test_options_stay_and_another_environment_is_replaced(name: str, home: Path) -> None:
    installer = settings(name)
    assert isinstance(installer, ServerInstaller)
    path = installer.file(None)
    path.parent.mkdir(exist_ok=True)
    old = ["/gone/bin/python", "-I", "-m", "clankers", "mcp", "--all-projects"]
    path.write_text(installer.added(path, "", old, {}))
    found = " ".join(one.finding for one in installer.obstacles(path, None))
    assert "of another environment, which is gone" in found
    assert clankers(home, "install", name, "--mcp").code == EX_OK
    assert installer.command_in(path, path.read_text()) == server_command(["--all-projects"])
    assert installer.obstacles(path, None) == []


TABLE = """# first
[mcp_servers.clankers] # mine
args = [
  "-I", "-m", "clankers", "mcp", # how
]
startup_timeout_sec = 20
command = '/gone/bin/python'
env = { A = "1", CLANKERS_DATA_PATH = "/old" }

[mcp_servers.clankers.tools.search]
approval_mode = "approve"

# of the screen
[tui]
command = "x"
"""
MEMBER = {"args": ["-I", "-m", "clankers", "mcp"], "command": "/gone/bin/python", "timeout": 20, "disabled": True}


@pytest.mark.parametrize(
    ("name", "before", "key"),
    [
        ("codex", TABLE, "env"),
        (
            "claude-code",
            {"mcpServers": {"clankers": {**MEMBER, "env": {"A": "1", "CLANKERS_DATA_PATH": "/old"}}}},
            "env",
        ),
        ("copilot", {"mcpServers": {"clankers": {**MEMBER, "tools": ["search"], "env": {"A": "1"}}, "b": {}}}, "env"),
        (
            "opencode",
            {"mcp": {"clankers": {"command": ["clankers", "mcp"], "enabled": False, "environment": {"A": "1"}}}},
            "environment",
        ),
    ],
)
def test_what_somebody_set_in_our_server_stays(
    name: str, before: Any, key: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings(name).file(None)
    text = before if isinstance(before, str) else json.dumps(before, indent=2)
    start_with(path, text.encode())
    was = server(path)
    for data in ("one", "two"):
        monkeypatch.setenv("CLANKERS_DATA_PATH", data)
        apply(settings(name).install(path))
        assert settings(name).install(path).before == path.read_bytes()
        now = server(path)
        assert now[key] == {"A": "1", "CLANKERS_DATA_PATH": str(home / "work" / data)}
        command = [now["command"], *now["args"]] if "args" in now else now["command"]
        assert command == server_command()
        ours = {"command", "args", key}
        assert {k: v for k, v in now.items() if k not in ours} == {k: v for k, v in was.items() if k not in ours}
    if name == "codex":
        assert path.read_text().endswith(text[text.index("\n[mcp_servers.clankers.tools") :])


def test_a_server_with_variables_in_a_table_of_their_own_is_left_to_the_user(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings("codex").file(None)
    before = b'[mcp_servers.clankers]\ncommand = "clankers"\nargs = ["mcp"]\n[mcp_servers.clankers.env]\nA = "1"\n'
    start_with(path, before)
    monkeypatch.setenv("CLANKERS_DATA_PATH", "data")
    with pytest.raises(InstallError, match="remove it by hand"):
        settings("codex").install(path)
    apply(settings("codex").uninstall(path))
    assert path.read_bytes() == b""


@pytest.mark.parametrize("env", ['"a b" = "x"', 'a = "\U0001f600"', "a = 2026-11-20", "a = { b = nan }"])
def test_a_server_with_odd_variables_is_removed(env: str, home: Path) -> None:
    path = settings("codex").file(None)
    before = f'[mcp_servers.clankers]\ncommand = "clankers"\nargs = ["mcp"]\nenv = {{ {env} }}\n'
    start_with(path, before.encode())
    apply(settings("codex").uninstall(path))
    assert path.read_bytes() == b""


@pytest.mark.parametrize("name", ["codex", "claude-code", "opencode"])
@pytest.mark.parametrize("before", [None, b""])
def test_a_server_of_another_data_root_is_removed_with_every_byte_restored(
    name: str, before: bytes | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings(name).file(None)
    start_with(path, before)
    monkeypatch.setenv("CLANKERS_DATA_PATH", "one")
    apply(settings(name).install(path))
    monkeypatch.setenv("CLANKERS_DATA_PATH", "two")
    apply(settings(name).uninstall(path))
    assert (path.read_bytes() if path.exists() else None) == before


def test_somebody_else_s_server_of_our_name_is_left_alone(home: Path) -> None:
    before = json.dumps({"mcpServers": {"clankers": {"command": "npx", "args": ["mcp"]}}})
    (home / ".claude.json").write_text(before)
    done = clankers(home, "install", "claude-code", "--mcp")
    assert done.code == EX_FAIL
    assert "another MCP server" in done.err
    assert clankers(home, "uninstall", "claude-code").code == EX_OK
    assert (home / ".claude.json").read_text() == before


def test_tools_that_codex_notes_as_allowed_go_with_the_server(home: Path) -> None:
    path = settings("codex").file(None)
    path.parent.mkdir()
    path.write_text('model = "x"\n')
    assert clankers(home, "install", "codex", "--mcp").code == EX_OK
    allowed = '\n[mcp_servers.clankers.tools.search]\napproval_mode = "approve"\n\n[tui]\na = 1\n'
    path.write_text(path.read_text() + allowed)
    assert clankers(home, "uninstall", "codex").code == EX_OK
    assert tomllib.loads(path.read_text()) == {"model": "x", "tui": {"a": 1}}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_comments_after_our_table_stay(end: str, home: Path) -> None:
    path = settings("codex").file(None)
    path.parent.mkdir()
    after = f"{end}# mine{end}{end}  # of the screen{end}[tui]{end}a = 1{end}"
    ours = f'[mcp_servers.clankers]{end}command = "clankers"{end}{end}# which{end}args = [{end}  "mcp",{end}]{end}'
    path.write_text(f'model = "x"{end}{ours}{after}', newline="")
    assert clankers(home, "uninstall", "codex").code == EX_OK
    assert path.read_bytes().decode() == f'model = "x"{end}{after}'


def test_doctor_says_whether_the_server_works(home: Path) -> None:
    def said() -> str:
        return clankers(home, "doctor").out

    assert "search its history" not in said()
    assert clankers(home, "install", "claude-code", "--mcp").code == EX_OK
    assert "can search its history by" in said()
    assert "knows when to search its history by" in said()
    skill = harnesses.load("claude-code", "").mcp_installers()[1].file(None)
    skill.write_text(skill.read_text() + "more\n")
    assert "run `clankers install claude-code --mcp` again" in said()
    with mock.patch("clankers.harnesses.mcp_server.find_spec", return_value=None):
        assert "lacks the package mcp" in said()
    (home / ".claude.json").unlink()
    assert f"our entry in {home / '.claude.json'} is gone" in said()


def test_a_harness_without_mcp_is_refused(home: Path) -> None:
    done = clankers(home, "install", "pi", "--mcp")
    assert done.code == EX_USAGE
    assert "has no settings for MCP servers" in done.err


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["/a/python", "-I", "-m", "clankers", "mcp"], []),
        (["clankers", "mcp", "--allow-sql"], ["--allow-sql"]),
        (["/a/bin/clankers", "mcp", "--project", "x"], ["--project", "x"]),
        (["npx", "clankers-mcp"], None),
        (["mcp", "clankers"], None),
        (["ssh", "box", "clankers", "mcp"], None),
        (["ssh", "box", "python", "-I", "-m", "clankers", "mcp"], None),
        (["clankers", "web", "mcp"], None),
        ([], None),
        ([None], None),
        (["clankers", 5, "mcp"], None),
    ],
)
def test_our_server_is_known_by_its_command(command: list[Any], options: list[str] | None) -> None:
    assert options_of(command) == options
