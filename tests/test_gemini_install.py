"""Our hooks in the settings of Gemini CLI."""

import json
from pathlib import Path

import pytest

from clankers.harnesses.gemini.harness import HARNESS
from clankers.harnesses.gemini.install import EVENTS
from clankers.harnesses.hook_command import hook_command

VERSION = (0, 61, 0)
THEIRS = {"hooks": [{"type": "command", "command": "notify", "timeout": 500}]}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEMINI_CLI_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    path = HARNESS.installer().file(None)
    assert path == tmp_path / ".gemini" / "settings.json"
    path.parent.mkdir()
    return path


@pytest.mark.parametrize("before", [None, '{"hooks": {"AfterTool": [' + json.dumps(THEIRS) + "]}, // mine\n}\n"])
def test_hooks_are_merged_and_removed_exactly(before: str | None, settings: Path) -> None:
    if before is not None:
        settings.write_text(before)
    edit = HARNESS.installer().install(settings)
    assert edit.after is not None
    settings.write_bytes(edit.after)
    assert HARNESS.installer().install(settings).after == edit.after
    assert HARNESS.installer().obstacles(settings, VERSION) == []
    text = edit.after.decode()
    assert [event for event in EVENTS if f'"{event}"' in text] == list(EVENTS)
    assert text.count(json.dumps(hook_command("gemini"))) == len(EVENTS)
    assert not any(name in text for name in ("BeforeModel", "AfterModel", "BeforeToolSelection", "PreCompress"))
    undone = HARNESS.installer().uninstall(settings).after
    assert undone == (None if before is None else before.encode())


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("settings.json", {"hooksConfig": {"enabled": False}}, "hooksConfig.enabled"),
        ("settings.json", {"hooksConfig": {"enabled": True, "disabled": ["other"]}}, None),
        ("settings.json", {"hooksConfig": {"disabled": ["other", "clankers"]}}, "hooksConfig.disabled"),
        ("trustedFolders.json", {"/": "TRUST_FOLDER", "HERE": "DO_NOT_TRUST"}, "is not trusted"),
        ("trustedFolders.json", {"/": "DO_NOT_TRUST", "HERE/src": "TRUST_PARENT"}, None),
    ],
)
def test_doctor_says_what_keeps_hooks_from_running(
    file: str, content: object, says: str | None, settings: Path
) -> None:
    settings.with_name(file).write_text(json.dumps(content).replace("HERE", str(Path.cwd())))
    settings.write_bytes(HARNESS.installer().install(settings).after or b"")
    found = [obstacle.finding for obstacle in HARNESS.installer().obstacles(settings, VERSION)]
    assert len(found) == (says is not None)
    assert says is None or says in found[0]


def test_doctor_says_that_a_version_was_never_tested(settings: Path) -> None:
    settings.write_bytes(HARNESS.installer().install(settings).after or b"")
    (found,) = HARNESS.installer().obstacles(settings, (0, 20, 0))
    assert "0.20.0" in found.finding
