"""Putting our entries into other people's files, and out again: real files, whatever their state."""

import errno
import json
import os
import plistlib
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from clankers import paths
from clankers.errors import EX_FAIL, EX_OK, EX_USAGE
from clankers.harnesses.claude_code import install as claude_code_install
from clankers.harnesses.claude_code.install import EVENTS
from clankers.harnesses.hook_command import hook_command, is_ours
from clankers.system import detached, jsonc_edit, throwaway
from clankers.system.service_unit import ServiceError, service
from clankers.system.throwaway import origin
from tests.commands import POSIX_ONLY, Result, call, command, environment
from tests.patience import DEADLINE

OLD_HOOK = "trap '' TERM; /old/bin/clankers append claude-code"
THEIRS = {"type": "command", "command": "/usr/bin/notify 'clankers'"}
BOM = b"\xef\xbb\xbf"


def group(*commands: str) -> dict[str, Any]:
    return {"matcher": "", "hooks": [{"type": "command", "command": command} for command in commands]}


OTHERS = {"model": "opus", "hooks": {"Stop": [{"matcher": "Bash", "hooks": [THEIRS]}], "Setup": [{"hooks": [THEIRS]}]}}
SETTINGS: dict[str, bytes | None] = {
    "missing": None,
    "empty": b"",
    "an empty object": b"{}",
    "spread": b'{\n  "model": "opus",\n\n  "env": { "A":"\xc3\xa4\\u00e4" }\n}\n',
    "comments": b'// mine\n{\n  "a": 1, // one\n  /* "hooks": {} */\n  "hooks": {\n    // none yet\n  },\n}\n',
    "other people's hooks": json.dumps(OTHERS, indent=2).encode(),
    "other people's hooks on one line": json.dumps(OTHERS).encode(),
    "windows": json.dumps(OTHERS, indent=4).replace("\n", "\r\n").encode(),
    "a byte order mark": BOM + b'{"a": 1}\n',
    "tabs": json.dumps(OTHERS, indent="\t").encode() + b"\n",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def settings(home: Path) -> Path:
    return home / ".claude" / "settings.json"


@pytest.fixture
def plugin(home: Path) -> Path:
    return home / ".config" / "opencode" / "plugin" / "clankers.js"


@pytest.fixture(autouse=True)
def started() -> Iterator[mock.Mock]:
    """What would have been started in the background."""
    with mock.patch.object(detached, "start") as start:
        yield start


def clankers(home: Path, *args: str, **env: str) -> Result:
    """The command, on a machine without clients but those in `home/bin`."""
    nowhere = {"PATH": str(home / "bin"), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": "", "CLAUDE_CONFIG_DIR": ""}
    return call(home / "data", *args, **nowhere | env)


def client(home: Path, name: str, says: str) -> None:
    program = home / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)


def given(path: Path, data: bytes | None) -> bytes | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if data is not None:
        path.write_bytes(data)
    return data


def tree(place: Path) -> dict[str, bytes | str]:
    """Every file below `place` but the data root, by its content; links by where they lead."""
    files = [p for p in place.rglob("*") if p.is_file() or p.is_symlink()]
    return {str(p): str(p.readlink()) if p.is_symlink() else p.read_bytes() for p in files}


def plain(data: bytes) -> Any:
    return jsonc_edit.parse(data.decode()).plain


# Where no client says its version, only what the oldest one knows: it would ignore its settings for anything else.
OLDEST = [event for event, since in EVENTS.items() if since == (2, 1, 0)]


def ours(data: bytes) -> dict[str, int]:
    """How often our command is in the settings, by event."""
    found: dict[str, int] = {}
    for event, groups in plain(data)["hooks"].items():
        commands = [hook["command"] for g in groups for hook in g["hooks"]]
        if count := sum(is_ours(command, "claude-code") for command in commands):
            found[event] = count
    return found


def without_ours(data: bytes | None) -> Any:
    value = plain(data or b"")
    hooks = {}
    for event, groups in value.pop("hooks", {}).items():
        left = [g for g in groups if not any(is_ours(hook["command"], "claude-code") for hook in g["hooks"])]
        if left:
            hooks[event] = left
    return value | ({"hooks": hooks} if hooks else {})


def is_within(whole: bytes, part: bytes) -> bool:
    """Whether `part` became `whole` by insertions alone."""
    rest = iter(whole)
    return all(byte in rest for byte in part)


@pytest.mark.parametrize("kind", SETTINGS)
def test_the_hooks_are_added_once_and_all_else_stays(kind: str, home: Path, settings: Path) -> None:
    before = given(settings, SETTINGS[kind])
    done = clankers(home, "install", "claude-code")
    assert done.code == EX_OK
    after = settings.read_bytes()
    assert ours(after) == dict.fromkeys(OLDEST, 1)
    assert is_within(after, before or b"")
    assert without_ours(after) == without_ours(before)
    backup = settings.with_name("settings.json.before-clankers")
    assert (backup.read_bytes() if backup.exists() else None) == before
    again = clankers(home, "install", "claude-code")
    assert again.code == EX_OK
    assert "already" in again.out
    assert settings.read_bytes() == after


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("backup", ["with its backup", "without its backup"])
def test_uninstalling_gives_the_file_back(kind: str, backup: str, home: Path, settings: Path) -> None:
    before = given(settings, SETTINGS[kind])
    assert clankers(home, "install", "claude-code").code == EX_OK
    if backup == "without its backup":
        settings.with_name("settings.json.before-clankers").unlink(missing_ok=True)
        if kind == "empty":
            before = None  # nobody can tell it from a file that is ours
    assert clankers(home, "uninstall", "claude-code").code == EX_OK
    assert [p.name for p in settings.parent.iterdir()] == ([settings.name] if before is not None else [])
    if before is not None:
        assert settings.read_bytes() == before
    assert not (home / "data" / "installed.json").exists()
    assert "was not recorded" in clankers(home, "uninstall", "claude-code").out


def test_hooks_that_were_there_twice_and_old_ones_written_by_hand_become_one(home: Path, settings: Path) -> None:
    stop = [
        group(hook_command("claude-code")),
        {"matcher": "", "hooks": [THEIRS]},
        group(hook_command("claude-code")),
        group(OLD_HOOK),
    ]
    given(settings, json.dumps({"hooks": {"Stop": stop, "PreToolUse": [group("mine", OLD_HOOK)]}}, indent=2).encode())
    assert clankers(home, "install", "claude-code").code == EX_OK
    assert ours(settings.read_bytes()) == dict.fromkeys(OLDEST, 1)
    assert OLD_HOOK not in settings.read_text()
    assert {"matcher": "", "hooks": [THEIRS]} in plain(settings.read_bytes())["hooks"]["Stop"]
    assert group("mine") in plain(settings.read_bytes())["hooks"]["PreToolUse"]


@pytest.mark.parametrize("old_backup", [True, False])
def test_uninstalling_takes_even_the_hooks_of_ours_that_were_there_before(
    old_backup: bool, home: Path, settings: Path
) -> None:
    """An earlier version kept its own entries in the backup, and put them back."""
    old = {"hooks": {"Stop": [group(OLD_HOOK), {"hooks": [THEIRS]}, group(hook_command("claude-code"))]}}
    given(settings, json.dumps(old).encode())
    clankers(home, "install", "claude-code")
    backup = settings.with_name("settings.json.before-clankers")
    assert not backup.exists()
    if old_backup:
        backup.write_text(json.dumps(old))
    clankers(home, "uninstall", "claude-code")
    assert list(tree(settings.parent)) == [str(settings)]
    assert plain(settings.read_bytes()) == {"hooks": {"Stop": [{"hooks": [THEIRS]}]}}


@pytest.mark.parametrize("backup", ["with its backup", "without its backup"])
def test_what_others_added_after_us_stays(backup: str, home: Path, settings: Path) -> None:
    given(settings, SETTINGS["other people's hooks"])
    clankers(home, "install", "claude-code")
    value = plain(settings.read_bytes())
    value["theme"] = "dark"
    value["hooks"]["Stop"].append(group("later"))
    value["hooks"]["SessionEnd"][0]["hooks"].append(THEIRS)  # in the very group that is ours
    settings.write_text(json.dumps(value, indent=2))
    if backup == "without its backup":
        settings.with_name("settings.json.before-clankers").unlink()
    assert clankers(home, "uninstall", "claude-code").code == EX_OK
    left = plain(settings.read_bytes())
    assert left.pop("theme") == "dark"
    assert left["hooks"].pop("SessionEnd") == [{"hooks": [THEIRS]}]
    assert left["hooks"]["Stop"].pop() == group("later")
    assert left == OTHERS


def test_the_backup_is_of_the_last_install(home: Path, settings: Path) -> None:
    given(settings, b'{"a": 1}')
    clankers(home, "install", "claude-code")
    settings.write_text(json.dumps(plain(settings.read_bytes()) | {"b": 2}))
    clankers(home, "uninstall", "claude-code")
    settings.write_bytes(b'{"c": 3}')
    clankers(home, "install", "claude-code")
    assert settings.with_name("settings.json.before-clankers").read_bytes() == b'{"c": 3}'


@POSIX_ONLY
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_files_mode_is_kept(mode: int, home: Path, settings: Path) -> None:
    given(settings, b"{}")
    settings.chmod(mode)
    for verb in ("install", "uninstall"):
        assert clankers(home, verb, "claude-code").code == EX_OK
        assert stat.S_IMODE(settings.stat().st_mode) == mode


@POSIX_ONLY
def test_a_link_stays_and_what_it_leads_to_is_changed(home: Path, settings: Path) -> None:
    real = home / "dotfiles" / "claude.json"
    given(real, b'{"a": 1}')
    settings.parent.mkdir()
    settings.symlink_to(os.path.join("..", "dotfiles", "claude.json"))
    clankers(home, "install", "claude-code")
    assert settings.is_symlink()
    assert ours(real.read_bytes()) == dict.fromkeys(OLDEST, 1)
    clankers(home, "uninstall", "claude-code")
    assert settings.is_symlink()
    assert real.read_bytes() == b'{"a": 1}'


BAD = {
    "malformed": (b'{\n  "a": 1,\n  "b" }', "line 3, column 7"),
    "cut off": (b'{"a": [1, 2', "line 1, column 12"),
    "two documents": (b"{}\n{}", "line 2, column 1"),
    "not UTF-8": (b'{\n"a": "\xff"}', "line 2: not UTF-8"),
    "hooks that are a list": (b'{"hooks": []}', '"hooks" is not an object'),
    "an event that is an object": (b'{\n"hooks": {"Stop": {}}}', 'line 2, column 19: "Stop" is not a list'),
    "hooks that are there twice": (b'{"hooks": {}, "hooks": {}}', '"hooks" is there twice'),
    "no object": (b"[]", "not an object"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_read_is_reported_and_nothing_is_changed(
    kind: str, home: Path, settings: Path, started: mock.Mock
) -> None:
    data, told = BAD[kind]
    given(settings, data)
    before = tree(home)
    done = clankers(home, "install", "claude-code")
    assert done.code == EX_FAIL
    assert str(settings) in done.err
    assert told in done.err
    assert tree(home) == before
    started.assert_not_called()


@POSIX_ONLY
def test_a_read_only_file_is_reported_and_nothing_is_changed(home: Path, settings: Path) -> None:
    """Also for root: the mode is the user's word."""
    given(settings, b"{}")
    settings.chmod(0o444)
    before = tree(home)
    done = clankers(home, "install", "claude-code")
    assert done.code == EX_FAIL
    assert f"{settings} is read-only" in done.err
    assert tree(home) == before


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_one_broken_file_stops_no_other_harness(command: str, home: Path, settings: Path, plugin: Path) -> None:
    if command == "uninstall":
        clankers(home, "install", "opencode", "claude-code")
    given(settings, b'{"a": }')
    done = clankers(home, command, "claude-code", "opencode")
    assert done.code == EX_FAIL
    assert f"Claude Code: {settings}: line 1, column 7" in done.err
    assert plugin.exists() == (command == "install")
    assert settings.read_bytes() == b'{"a": }'


def test_a_directory_in_the_files_place_is_reported(home: Path, settings: Path) -> None:
    settings.mkdir(parents=True)
    done = clankers(home, "install", "claude-code")
    assert (done.code, tree(home)) == (EX_FAIL, {})
    assert f"{settings} cannot be read" in done.err


@pytest.mark.parametrize("before", [None, b'{"a": 1}'])
def test_a_disk_that_fails_leaves_the_old_file_and_no_other(before: bytes | None, home: Path, settings: Path) -> None:
    given(settings, before)
    found = tree(home)
    with mock.patch.object(os, "replace", side_effect=OSError(errno.ENOSPC, "No space left on device")):
        done = clankers(home, "install", "claude-code")
    assert done.code == EX_FAIL
    assert "No space left" in done.err
    assert tree(home) == found


def test_a_dry_run_shows_the_difference_and_changes_nothing(home: Path, settings: Path, started: mock.Mock) -> None:
    given(settings, b'{\n  "a": "\x7f"\n}\n')
    before = tree(home)
    done = clankers(home, "install", "claude-code", "opencode", "--service", "--dry-run")
    assert done.code == EX_OK
    assert f"--- {settings}" in done.out
    assert '-  "a": "\\x7f"' in done.out
    assert '+    "SessionEnd": [' in done.out
    assert "+// Records what happens in OpenCode" in done.out
    assert tree(home) == before
    started.assert_not_called()


def test_a_project_gets_entries_of_its_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = home / "src" / "shop"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    assert clankers(home, "install", "--project", "claude-code", "opencode").code == EX_OK
    files = {place / ".claude" / "settings.local.json", place / ".opencode" / "plugin" / "clankers.js"}
    assert {p for p in place.rglob("*") if p.is_file()} == files
    assert set(json.loads((home / "data" / "installed.json").read_text())) == {str(file) for file in files}
    assert not (home / ".claude").exists()
    assert clankers(home, "uninstall", "--project", "claude-code", "opencode").code == EX_OK
    assert [p for p in place.rglob("*") if p.is_file()] == []


@POSIX_ONLY
def test_an_older_client_gets_only_what_it_knows_and_the_rest_when_it_is_updated(home: Path, settings: Path) -> None:
    client(home, "claude", "2.1.80 (Claude Code)")
    clankers(home, "install", "claude-code")
    known = {event for event, since in EVENTS.items() if since <= (2, 1, 80)}
    assert set(ours(settings.read_bytes())) == known
    assert "PermissionDenied" not in known
    client(home, "claude", "2.1.329 (Claude Code)")
    clankers(home, "install", "claude-code")
    assert ours(settings.read_bytes()) == dict.fromkeys(EVENTS, 1)
    client(home, "claude", "2.0.76 (Claude Code)")
    assert clankers(home, "install", "claude-code").code == EX_FAIL


def test_what_keeps_the_hooks_from_running_is_reported(home: Path, settings: Path) -> None:
    given(settings, b'{\n  // quiet\n  "disableAllHooks": true\n}\n')
    done = clankers(home, "install", "claude-code")
    assert done.code == EX_OK
    assert f"but: {settings}, line 2, column 3: not plain JSON" in done.err
    assert "disableAllHooks is set" in done.err


@pytest.mark.parametrize(
    ("file", "key", "value"),
    [
        ("policy/managed-settings.json", "allowManagedHooksOnly", True),
        ("policy/managed-settings.d/50-hooks.json", "disableAllHooks", True),
        ("policy/managed-settings.json", "strictPluginOnlyCustomization", ["skills", "hooks"]),
        (".claude/remote-settings.json", "strictPluginOnlyCustomization", True),
        (".claude/settings.json", "disableAllHooks", True),
    ],
)
def test_settings_elsewhere_that_keep_the_hooks_from_running_are_reported(
    file: str, key: str, value: object, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claude_code_install, "_POLICY", home / "policy")
    given(home / file, BOM + json.dumps({key: value, "model": "opus"}).encode())
    place = home / "shop"
    place.mkdir()
    monkeypatch.chdir(place)
    done = clankers(home, "install", "--project", "claude-code")
    assert done.code == EX_OK
    assert f"but: {home / file}: {key} is set" in done.err
    assert f"{home / file}: {key} is set" in clankers(home, "doctor").out


def test_a_plugin_that_is_not_ours_is_left_alone(home: Path, plugin: Path) -> None:
    given(plugin, b"export default () => {}\n")
    before = tree(home)
    done = clankers(home, "install", "opencode")
    assert (done.code, tree(home)) == (EX_FAIL, before)
    assert f"{plugin} exists and is not from clankers" in done.err
    assert clankers(home, "uninstall", "opencode").code == EX_OK
    assert tree(home) == before


@pytest.mark.parametrize("company", [(), ("other.js",)])
def test_the_plugins_folder_goes_with_it_if_nothing_else_is_there(
    company: tuple[str, ...], home: Path, plugin: Path
) -> None:
    for name in company:
        given(plugin.with_name(name), b"// theirs")
    assert clankers(home, "install", "opencode").code == EX_OK
    assert clankers(home, "install", "opencode").out.startswith("OpenCode is recorded already")
    assert clankers(home, "uninstall", "opencode").code == EX_OK
    assert plugin.parent.exists() == bool(company)
    assert not plugin.exists()


def test_version_2_gets_an_entry_of_its_own_beside_that_of_1(home: Path, plugin: Path) -> None:
    entry = home / ".config" / "opencode" / "plugins" / "clankers" / "index.js"
    before = tree(home)
    clankers(home, "install", "opencode")
    assert not entry.exists(), "1.0 does not start where there is such a directory"
    client(home, "opencode", "2.0.11")
    clankers(home, "install", "opencode")
    assert b"export default {" in entry.read_bytes()
    assert plugin.exists()
    assert "2.x is not recorded yet" in clankers(home, "doctor").out
    (home / "bin" / "opencode").unlink()
    assert clankers(home, "uninstall", "opencode").code == EX_OK
    assert tree(home) == before


def test_the_plugin_as_installed_is_javascript_and_its_catch_up_runs(home: Path, plugin: Path) -> None:
    clankers(home, "install", "opencode")
    text = plugin.read_text("utf-8")
    found = re.search(r"^const CATCH_UP = (\[.+\])", text, re.MULTILINE)
    assert found
    (home / "data" / "catch-up.lock").touch()
    env = {paths.DATA_ENV: str(home / "data"), "HOME": str(home), "PYTHONPATH": str(home)}
    done = subprocess.run(json.loads(found[1]), env=env, cwd="/", capture_output=True, check=False, timeout=DEADLINE)
    assert (done.returncode, done.stdout) == (0, b"")
    assert (home / "data" / "clankers.db").exists()
    if node := shutil.which("node"):
        module = home / "clankers.mjs"
        module.write_text(text, "utf-8")
        subprocess.run([node, "--check", module], check=True)


def test_past_sessions_are_imported_after_an_install_that_changed_something(home: Path, started: mock.Mock) -> None:
    clankers(home, "install", "opencode")
    started.assert_called_once_with("backfill")


@pytest.mark.parametrize("args", [(), ("cursor",), ("claude-code", "cursor")])
def test_only_harnesses_that_are_known_can_be_named(args: tuple[str, ...], home: Path) -> None:
    done = clankers(home, "install", *args)
    assert (done.code, tree(home)) == (EX_USAGE, {})
    assert "claude-code, opencode" in done.err


# The service.


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd runs on Linux only")
def test_the_service_is_a_unit_that_systemd_takes(home: Path) -> None:
    odd = home / '50% "of" it'
    done = call(odd, "install", "--service", XDG_CONFIG_HOME="", HOME=str(home))
    unit = home / ".config" / "systemd" / "user" / "clankers.service"
    assert (done.code, f"The service is written: {unit}" in done.out) == (EX_OK, True)
    escaped = str(odd).replace("%", "%%").replace('"', '\\"')
    assert f'Environment="{paths.DATA_ENV}={escaped}"' in unit.read_text()
    if analyze := shutil.which("systemd-analyze"):
        env = {"XDG_RUNTIME_DIR": str(home), "HOME": str(home), "PATH": os.environ["PATH"]}
        subprocess.run([analyze, "--user", "verify", str(unit)], env=env, check=True)
    assert call(odd, "uninstall", "--service", XDG_CONFIG_HOME="", HOME=str(home)).code == EX_OK
    assert not unit.exists()


def test_the_unit_is_restarted_slower_than_systemd_gives_up() -> None:
    """systemd.unit(5): by default five starts within ten seconds are the limit."""
    assert float(re.findall(r"^RestartSec=(\d+)$", service("linux").text.decode(), re.MULTILINE)[0]) > 10 / 5


def test_a_dollar_in_the_data_path_is_one_in_the_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd.exec(5): in Environment= the $ character has no special meaning."""
    monkeypatch.setenv(paths.DATA_ENV, "/srv/$data")
    assert f'Environment="{paths.DATA_ENV}=/srv/$data"' in service("linux").text.decode()


@POSIX_ONLY
def test_on_a_mac_it_is_an_agent(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv(paths.DATA_ENV, "/srv/50% <of> it")
    made = service("darwin")
    assert made.path == home / "Library" / "LaunchAgents" / "clankers.project.plist"
    agent = plistlib.loads(made.text)
    assert agent["EnvironmentVariables"] == {paths.DATA_ENV: "/srv/50% <of> it"}
    assert agent["ProgramArguments"] == detached.command("project", "--watch")


def test_elsewhere_there_is_no_service() -> None:
    with pytest.raises(ServiceError, match="project --watch"):
        service("win32")


def test_the_plugin_registers_what_install_does() -> None:
    plugin = files("clankers") / "assets" / "claude-code"
    hooks = json.loads((plugin / "hooks" / "hooks.json").read_text("utf-8"))["hooks"]
    timeouts = {event: group["hooks"][0]["timeout"] for event, (group,) in hooks.items()}
    assert timeouts == {event: 30 if event == "SessionEnd" else 10 for event in EVENTS}
    assert json.loads((plugin / ".claude-plugin" / "plugin.json").read_text("utf-8"))["name"] == "clankers"


@POSIX_ONLY
def test_the_plugin_is_silent_without_the_package(home: Path) -> None:
    hooks = json.loads((files("clankers") / "assets" / "claude-code" / "hooks" / "hooks.json").read_text("utf-8"))[
        "hooks"
    ]
    for (group_,) in hooks.values():
        done = subprocess.run(
            ["/bin/sh", "-c", group_["hooks"][0]["command"]], env={"PATH": str(home)}, capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# Where it is installed from, and what is installed there.


@pytest.mark.parametrize("variable", ["TMPDIR", "XDG_CACHE_HOME"], ids=["a temporary directory", "a cache"])
def test_an_environment_that_does_not_last_is_refused(variable: str, home: Path) -> None:
    place = str(Path(sys.prefix).parent)
    done = clankers(home, "install", "claude-code", **{variable: place})
    assert (done.code, tree(home)) == (EX_FAIL, {})
    assert f"what is in {place} does not last" in done.err
    assert not re.search(r"(install|uvx|run) clankers\b(?! install)", done.err), "the name is another project's there"


def test_an_environment_in_a_tagged_cache_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As uv's is, wherever it is; a tag of the environment itself means nothing: uv puts one into each."""
    place = home / "cache" / "archive" / "x"
    place.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(place))
    monkeypatch.setattr(throwaway, "__file__", str(place / "lib" / "clankers" / "system" / "throwaway.py"))
    (place / "CACHEDIR.TAG").touch()
    assert clankers(home, "install", "claude-code", TMPDIR=str(home / "tmp")).code == EX_OK
    (home / "cache" / "CACHEDIR.TAG").touch()
    assert clankers(home, "install", "claude-code", TMPDIR=str(home / "tmp")).code == EX_FAIL


def test_an_environment_in_a_temporary_home_lasts_as_long_as_the_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = home / "home"
    for place, code in ((inner / "venv", EX_OK), (home / "venv", EX_FAIL), (inner / ".cache" / "venv", EX_FAIL)):
        place.mkdir(parents=True)
        monkeypatch.setattr(sys, "prefix", str(place))
        assert clankers(home, "install", "claude-code", HOME=str(inner), TMPDIR=str(home)).code == code


def test_an_environment_in_a_checkout_is_somebodys_work(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = home / "checkout" / ".venv"
    place.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(place))
    monkeypatch.setattr(throwaway, "__file__", str(place.parent / "clankers" / "system" / "throwaway.py"))
    inner = str(home / "home")
    assert clankers(home, "install", "claude-code", HOME=inner, TMPDIR=str(home)).code == EX_FAIL
    (home / "checkout" / ".git").mkdir()
    assert clankers(home, "install", "claude-code", HOME=inner, TMPDIR=str(home)).code == EX_OK


@POSIX_ONLY
def test_clients_that_are_found_are_named_or_asked_about(home: Path, settings: Path, plugin: Path) -> None:
    assert "found no known client" in clankers(home, "install").err
    given(home / ".claude" / "projects" / "-src" / "x.jsonl", b"")  # of the client in an editor, say
    done = clankers(home, "install")
    assert (done.code, settings.exists()) == (EX_USAGE, False)
    assert "found Claude Code; to record, run `clankers install claude-code`" in done.err
    client(home, "opencode", "1.18.33")
    ours, its = os.openpty()
    os.write(ours, b"n\ny\n")
    env = environment(home / "data", PATH=str(home / "bin"), XDG_CONFIG_HOME="", CLAUDE_CONFIG_DIR="")
    with subprocess.Popen(command("install", "--dry-run"), stdin=its, stdout=its, stderr=its, env=env) as process:
        os.close(its)
        printed = b""
        with suppress(OSError):  # Linux's way to say that nobody has the other end open
            while more := os.read(ours, 1 << 16):  # what is not read fills the terminal, and the command waits
                printed += more
        assert process.wait(DEADLINE) == 0
    os.close(ours)
    shown = printed.decode()
    assert re.findall(r"Record [\w ]+\?", shown) == ["Record Claude Code?", "Record OpenCode?"]
    assert str(plugin) in shown
    assert str(settings) not in shown


def test_a_harness_that_is_nearly_named_is_suggested(home: Path) -> None:
    assert "'claude' is not a known harness (did you mean claude-code?)" in clankers(home, "install", "claude").err


def test_uninstall_finds_what_was_installed_for_projects(
    home: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects = [home / "src" / name for name in ("shop", "gone")]
    for project in projects:
        project.mkdir(parents=True)
        monkeypatch.chdir(project)
        clankers(home, "install", "--project", "claude-code")
    shutil.rmtree(projects[1])
    monkeypatch.chdir(home)
    clankers(home, "install", "claude-code")
    launcher = home / ".local" / "lib" / "clankers" / "hook"
    assert launcher.exists()
    assert clankers(home, "uninstall", "claude-code").code == EX_OK
    assert not [path for path in (settings, projects[0] / ".claude" / "settings.local.json") if path.exists()]
    assert not (home / "data" / "installed.json").exists()
    assert not launcher.parent.exists()


def test_install_replaces_the_hooks_of_an_older_version_everywhere(
    home: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, emptied = home / "src" / "shop", home / "src" / "emptied"
    for place in (project, emptied):
        place.mkdir(parents=True)
        monkeypatch.chdir(place)
        clankers(home, "install", "--project", "claude-code")
    local = project / ".claude" / "settings.local.json"
    local.write_text(local.read_text().replace(json.dumps(hook_command("claude-code")), json.dumps(OLD_HOOK)))
    (emptied / ".claude" / "settings.local.json").write_text("{}")
    monkeypatch.chdir(home)
    assert "hooks of an earlier version" in clankers(home, "doctor").out
    clankers(home, "install", "claude-code")
    assert OLD_HOOK not in local.read_text()
    assert ours(local.read_bytes()) == ours(settings.read_bytes())
    assert "hooks of an earlier version" not in clankers(home, "doctor").out
    assert (emptied / ".claude" / "settings.local.json").read_text() == "{}"


def test_the_launcher_stays_while_an_entry_needs_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    clankers(home, "install", "claude-code")
    clankers(home, "install", "--project", "claude-code")
    launcher = home / ".local" / "lib" / "clankers" / "hook"
    assert f"--- {launcher}" not in clankers(home, "uninstall", "--project", "claude-code", "--dry-run").out
    clankers(home, "uninstall", "--project", "claude-code")
    assert launcher.exists()
    assert f"--- {launcher}" in clankers(home, "uninstall", "claude-code", "--dry-run").out


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"url": "file:///src/my%20clankers", "dir_info": {}}, "/src/my clankers"),
        ({"url": "https://example.org/clankers", "vcs_info": {"vcs": "git"}}, "git+https://example.org/clankers"),
        ({"url": "https://example.org/clankers-1.whl", "archive_info": {}}, "https://example.org/clankers-1.whl"),
        ({"url": 7}, "PATH-OR-GIT-URL"),
        ([], "PATH-OR-GIT-URL"),
        (None, "PATH-OR-GIT-URL"),
    ],
)
def test_what_to_install_is_where_this_one_came_from(
    record: object, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "clankers-1.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("Metadata-Version: 2.1\nName: clankers\nVersion: 1\n")
    if record is not None:
        (place / "direct_url.json").write_text(json.dumps(record))
    monkeypatch.syspath_prepend(tmp_path)
    assert origin() == named
