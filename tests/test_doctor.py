"""What `clankers doctor` says of a machine in each of its states, and that it leaves it as it is."""

import json
import os
import re
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import pytest

from clankers.checks.harness import NOT_FOUND
from clankers.errors import EX_FAIL, EX_OK
from clankers.formatting import short_bytes
from clankers.log import tombstones
from clankers.maintenance import in_place_edit, scrub_marker
from clankers.maintenance.in_place_edit import Replacement
from clankers.queries.first_backfill import lock_path
from clankers.system import detached
from clankers.system.locks import NamedLock
from projector.store.lock import ProjectorLock
from projector.store.meta import BACKFILL, set_meta
from projector.store.sqlite_file import VERSION
from tests.commands import HOSTILE, POSIX_ONLY, RAW, Result, call, event, work
from tests.feeding import append

CLIENTS = {"claude": "2.1.329 (Claude Code)", "opencode": "1.18.33"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def root(home: Path) -> Path:
    return home / "data"


@pytest.fixture
def settings(home: Path) -> Path:
    return home / ".claude" / "settings.json"


@pytest.fixture(autouse=True)
def nothing_runs_beside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(detached, "start", mock.Mock())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


def clankers(home: Path, *args: str) -> Result:
    """The command, on a machine without clients but those in `home/bin`."""
    nowhere = {"XDG_CONFIG_HOME": "", "XDG_DATA_HOME": "", "CLAUDE_CONFIG_DIR": "", "NO_COLOR": "1"}
    return call(home / "data", *args, PATH=str(home / "bin"), **nowhere)


def state(place: Path) -> dict[str, tuple[object, ...]]:
    """Everything below `place`; but SQLite's index of its WAL, which whoever reads has to have, and an empty WAL."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(place.rglob("*")):
        status = path.lstat()
        if path.is_dir():
            found[str(path)] = (status.st_mode,)
        elif path.suffix != ".db-shm" and (status.st_size or path.suffix != ".db-wal"):
            found[str(path)] = (status.st_mode, status.st_mtime_ns, path.read_bytes())
    return found


def findings(home: Path, *, code: int) -> list[dict[str, Any]]:
    """What doctor found; its exit code is `code`, it changed nothing, and what people see says the same."""
    before = state(home)
    done = clankers(home, "doctor", "--json")
    shown = clankers(home, "doctor")
    assert state(home) == before
    assert (done.code, done.err) == (code, "")
    found: list[dict[str, Any]] = json.loads(done.out)
    assert all(set(f) == {"about", "ok", "text", "remedy"} for f in found)
    assert all(f["ok"] for f in found) == (code == EX_OK)
    assert all(f["ok"] or f["remedy"] for f in found), "whatever is wrong has a remedy"
    assert (shown.code, shown.err) == (code, "")
    assert not RAW.search(shown.out)
    assert shown.out.count("\n  ! ") == sum(not f["ok"] for f in found)
    absent = [f["about"] for f in found if f["text"].endswith(NOT_FOUND) and len(about(found, f["about"])) == 1]
    assert shown.out.count("\n  ok ") + len(absent) == sum(f["ok"] and not f["remedy"] for f in found)
    assert (f"Not on this machine: {', '.join(absent)}\n" in shown.out) is bool(absent)
    assert shown.out.count("\n  -> ") == len({f["remedy"] for f in found} - {None})
    return found


def about(found: list[dict[str, Any]], subject: str) -> list[tuple[bool, str]]:
    return [(f["ok"], f["text"]) for f in found if f["about"] == subject]


def wrong(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(f["about"], f["text"], f["remedy"]) for f in found if not f["ok"]]


def clients(home: Path, **says: str) -> None:
    for name, version in (CLIENTS | says).items():
        program = home / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\necho '{version}'\n")
        program.chmod(0o755)


def installed(home: Path) -> None:
    clients(home)
    assert clankers(home, "install", "claude-code", "opencode").code == EX_OK


def add_to_log(root: Path, data: bytes) -> None:
    with next(root.glob("clankers-*.jsonl")).open("ab") as log:
        log.write(data)


def test_a_fresh_machine_without_clients_has_nothing_to_repair(home: Path, root: Path) -> None:
    found = findings(home, code=EX_OK)
    assert about(found, "OpenCode") == [(True, "`opencode` is not on the PATH")]
    assert about(found, "Log") == [(True, f"{root} does not exist yet; the first event creates it")]
    assert about(found, "Database") == [
        (True, f"{root / 'clankers.db'} does not exist yet; any command that reads creates it")
    ]


@POSIX_ONLY
def test_a_client_that_is_not_recorded_is_to_be_installed(home: Path) -> None:
    clients(home)
    assert wrong(findings(home, code=EX_FAIL)) == [
        ("Claude Code", "is not recorded", "clankers install claude-code"),
        ("OpenCode", "is not recorded", "clankers install opencode"),
    ]


@POSIX_ONLY
def test_a_client_that_is_not_recorded_beside_one_that_is_is_no_alarm(home: Path) -> None:
    clients(home)
    assert clankers(home, "install", "opencode").code == EX_OK
    found = findings(home, code=EX_OK)
    assert about(found, "Claude Code")[-1] == (True, "is not recorded")
    assert [f["remedy"] for f in found if f["about"] == "Claude Code"][-1] == "clankers install claude-code"


@POSIX_ONLY
def test_remedies_are_named_once_and_what_is_waited_for_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clankers.checks.all_checks._PATIENCE", 0.01)
    clients(home)
    (home / "bin" / "claude").write_text("#!/bin/sh\n/bin/sleep 0.5\necho 2.1.329\n")  # a slow client
    done = clankers(home, "doctor")
    assert "clankers: waiting for claude-code ...\n" in done.err
    assert done.out.endswith(
        "What to do:\n  -> clankers install claude-code\n       Claude Code: is not recorded\n"
        "  -> clankers install opencode\n       OpenCode: is not recorded\n"
    )


@POSIX_ONLY
def test_after_an_install_all_is_well(home: Path, root: Path, settings: Path) -> None:
    installed(home)
    found = findings(home, code=EX_OK)
    assert about(found, "Claude Code") == [
        (True, "version 2.1.329 is on the PATH"),
        (True, f"is recorded by {settings}"),
        (True, "nothing was recorded yet"),
    ]
    append(root, work(0, 1))
    assert any("the last event came at " in text for _, text in about(findings(home, code=EX_OK), "OpenCode"))
    assert (True, "the recorder starts") in about(findings(home, code=EX_OK), "Log")


@POSIX_ONLY
def test_hooks_that_reach_no_recorder_are_reported(home: Path) -> None:
    installed(home)
    launcher = home / ".local" / "lib" / "clankers" / "hook"
    text = launcher.read_text()
    assert about(findings(home, code=EX_OK), "Hooks") == [(True, f"{launcher} starts the recorder")]
    odd = home / "python"
    odd.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    odd.chmod(0o755)
    said = []
    for python in ("/nowhere/python", str(odd), f"{Path(sys.executable).parent}/../bin/python3"):
        launcher.write_text(re.sub("^python=.*", f"python={python}", text, flags=re.MULTILINE))
        ((_, found),) = about(findings(home, code=EX_OK if "/../" in python else EX_FAIL), "Hooks")
        said.append(found)
    launcher.unlink()
    ((subject, found, remedy),) = wrong(findings(home, code=EX_FAIL))
    assert (subject, remedy) == ("Hooks", "run `clankers install` again for each harness")
    assert [*said, found] == [
        f"{launcher} finds no recorder: nothing is recorded",
        f"the recorder that {launcher} starts fails: broken",
        f"{launcher} starts the recorder, but another environment or version installed it",
        f"{launcher}, which every hook runs, is gone: nothing is recorded",
    ]


@POSIX_ONLY
def test_hooks_that_somebody_took_away_are_missed(home: Path, settings: Path) -> None:
    installed(home)
    settings.write_text("{}")
    texts = {text: remedy for _, text, remedy in wrong(findings(home, code=EX_FAIL))}
    assert "clankers install claude-code" in texts[f"our entry in {settings} is gone"]
    clankers(home, "uninstall", "claude-code")
    assert about(findings(home, code=EX_OK), "Claude Code")[-1] == (True, "is not recorded")


@POSIX_ONLY
def test_a_projects_entry_is_looked_after_from_anywhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = home / "shop"
    place.mkdir()
    with monkeypatch.context() as there:
        there.chdir(place)
        clankers(home, "install", "--project", "opencode")
    plugin = place / ".opencode" / "plugin" / "clankers.js"
    assert (True, f"is recorded by {plugin}") in about(findings(home, code=EX_OK), "OpenCode")
    plugin.unlink()
    assert wrong(findings(home, code=EX_FAIL))[0][1] == f"our entry in {plugin} is gone"


@POSIX_ONLY
def test_settings_that_cannot_be_read_are_to_be_mended(home: Path, settings: Path) -> None:
    installed(home)
    settings.write_bytes(b'{"a": }')
    assert ("Claude Code", f"{settings}: line 1, column 7: ") == tuple(
        text[: len(f"{settings}: line 1, column 7: ")] for text in wrong(findings(home, code=EX_FAIL))[0][:2]
    )


@POSIX_ONLY
def test_obstacles_have_remedies(home: Path, settings: Path) -> None:
    installed(home)
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"disableAllHooks": True}))
    clients(home, claude="2.1.50", opencode="2.0.1")
    (home / ".config" / "opencode" / "plugin" / "clankers.js").open("a").close()
    told = [text for _, text, _ in wrong(findings(home, code=EX_FAIL))]
    assert any("disableAllHooks is set" in text for text in told)
    assert any("not those that this version installs for Claude Code 2.1.50" in text for text in told)
    assert any("OpenCode 2.x does not load" in text for text in told)


@POSIX_ONLY
def test_a_plugin_of_another_version_is_to_be_installed_again(home: Path) -> None:
    installed(home)
    with (home / ".config" / "opencode" / "plugin" / "clankers.js").open("a") as plugin:
        plugin.write("// older")
    ((_, text, remedy),) = wrong(findings(home, code=EX_FAIL))
    assert text.endswith("is from another version of clankers")
    assert remedy == "run `clankers install opencode` again"


def test_lines_that_could_not_be_used_are_reported(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    add_to_log(root, b'no JSON \x1b[2J\n{"v":1,"id":"torn","ts":"2026-\n')
    assert clankers(home, "project").code == EX_OK
    ((_, text, remedy),) = wrong(findings(home, code=EX_FAIL))
    assert text.startswith("2 lines of the log could not be used, the last in clankers-")
    assert "select * from rejects" in remedy


def test_values_and_event_types_that_are_not_known_are_reported(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    odd = event("message.updated", info={"id": "msg_1", "sessionID": "ses_000000", "role": "user", "cost": -1})
    append(root, [odd, event("session.imagined", sessionID="ses_000000"), ("newcomer", "hello", b"{}")])
    assert clankers(home, "project").code == EX_OK
    texts = [text for _, text in about(findings(home, code=EX_OK), "Database")]
    assert "1 value of an unexpected form left out; the rest of their lines was used" in texts
    assert "2 events of unknown types: newcomer hello, opencode session.imagined" in texts


@pytest.mark.parametrize("ts", ["garbage", "", "2026-13-01T00:00:00Z", "\\u001b[2J"])
def test_a_last_event_without_a_time_is_no_end_of_the_examination(ts: str, home: Path, root: Path) -> None:
    append(root, work(0, 1))
    line = f'{{"v":1,"id":"x","ts":"{ts}","level":"info","source":"opencode","type":"x","payload":{{}}}}\n'
    add_to_log(root, line.encode())
    assert about(findings(home, code=EX_OK), "Database")


def test_a_torn_last_line_hides_no_event_before_it(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    add_to_log(root, b'{"v":1,"id":"torn","ts":"2026-11-20T23:45:39.317Z","level":"info","source":"opencode","ty')
    assert any("the last event came at " in text for _, text in about(findings(home, code=EX_OK), "OpenCode"))


def test_what_was_begun_and_killed_is_reported_with_what_finishes_it(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    clankers(home, "project")
    begun: list[tuple[Callable[[], object], str, str]] = [
        (lambda: tombstones.put_up(str(root), ["ses_x"], {}), "the removal of 1 session was not finished", "forget"),
        ((root / scrub_marker.NAME).touch, "a scrub was not finished", "scrub"),
        (lambda: half_changed(root), "a change of a daily file was not finished", "repair"),
    ]
    for begin, said, remedy in begun:
        begin()
        ((subject, text, do),) = wrong(findings(home, code=EX_FAIL))
        assert (subject, text, do) == ("Log", f"{said}, or it is still running", f"clankers {remedy}")
        assert clankers(home, remedy).code == EX_OK
        assert wrong(findings(home, code=EX_OK)) == []


def half_changed(root: Path) -> None:
    (log,) = root.glob("clankers-*.jsonl")
    replacement = Replacement(0, b"{", b"{")
    with (
        mock.patch.object(in_place_edit, "_apply", side_effect=OSError("killed")),
        pytest.raises(OSError, match="killed"),
    ):
        in_place_edit.patch(str(root), log.name, [replacement])


def test_copies_and_days_on_their_way_are_reported_and_nothing_to_repair(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    kept = [root / name for name in ("clankers-2026-11-01.jsonl.damaged-1", "clankers.db.damaged")]
    for path in kept:
        path.write_bytes(b"x" * 1500)
    (root / "clankers-2026-11-02.jsonl.archiving").write_bytes(b"")
    said = about(findings(home, code=EX_OK), "Log")
    for path in kept:
        assert (True, f"a copy of what was damaged is kept: {path}, 1.5 kB") in said
    assert (True, "clankers-2026-11-02.jsonl is being archived, and read like the others") in said


def test_a_database_that_is_current_or_behind_is_well(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    clankers(home, "project")
    assert (True, "current") in about(findings(home, code=EX_OK), "Database")
    size = sum(p.stat().st_size for p in root.glob("*.jsonl"))
    append(root, work(1, 1))
    behind = sum(p.stat().st_size for p in root.glob("*.jsonl")) - size
    assert any(
        text.startswith(f"{short_bytes(behind)} of the log behind")
        for _, text in about(findings(home, code=0), "Database")
    )


def test_a_watcher_is_reported(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    clankers(home, "project")
    with ProjectorLock(str(root / "clankers.db"), "project --watch"):
        assert (True, "current; a watcher keeps it so") in about(findings(home, code=EX_OK), "Database")


def test_a_database_of_an_older_version_is_to_be_replayed(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    clankers(home, "project")
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        db.pragma("user_version", VERSION - 1)
    ((subject, text, remedy),) = wrong(findings(home, code=EX_FAIL))
    assert (subject, remedy) == ("Database", "clankers project")
    assert text.startswith(f"made by another clankers (schema {VERSION - 1}")
    assert clankers(home, "project").code == EX_OK
    assert findings(home, code=EX_OK)


def test_a_database_of_a_newer_version_is_not_to_be_replayed_which_would_be_refused(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    clankers(home, "project")
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        db.pragma("user_version", VERSION + 1)
    assert clankers(home, "project").code != EX_OK
    ((_, _, remedy),) = wrong(findings(home, code=EX_FAIL))
    assert remedy != "clankers project"


def test_what_is_no_database_is_to_be_rebuilt(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    (root / "clankers.db").write_bytes(b"no database" * 1000)
    ((subject, text, remedy),) = wrong(findings(home, code=EX_FAIL))
    assert (subject, remedy) == ("Database", "clankers project --rebuild")
    assert text.startswith("it cannot be read: ")


def test_a_log_that_was_cut_is_reported(home: Path, root: Path) -> None:
    append(root, work(0, 3))
    clankers(home, "project")
    (log,) = root.glob("clankers-*.jsonl")
    os.truncate(log, 100)
    ((subject, text, _),) = wrong(findings(home, code=EX_FAIL))
    assert (subject, text.partition(":")[0]) == ("Database", "the log was changed after it was read")


def test_the_state_of_the_backfill_is_reported(home: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(root, work(0, 1))
    clankers(home, "project")
    assert "older sessions were not imported" in about(findings(home, code=EX_OK), "Database")[-1][1]
    monkeypatch.setenv("CLANKERS_DATA_PATH", str(root))
    with NamedLock(lock_path(), "backfill", "taken"):
        assert about(findings(home, code=EX_OK), "Database")[-1][1] == "older sessions are being imported right now"
    set_meta(str(root / "clankers.db"), BACKFILL, "1700000000000")
    assert "older sessions were imported at 2023-11-1" in about(findings(home, code=EX_OK), "Database")[-1][1]


@POSIX_ONLY
def test_a_root_that_cannot_be_written_is_reported(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    root.chmod(0o500)
    # To root everything can be written: then the mode has to be asked for it.
    with mock.patch.object(os, "access", lambda path, asked: os.stat(path).st_mode >> 6 & asked == asked):
        found = findings(home, code=EX_FAIL)
    root.chmod(0o700)
    ((subject, text, remedy),) = wrong(found)
    assert (subject, text) == ("Log", f"{root} cannot be written, and with it the data root")
    assert "chmod" in remedy


def test_what_is_no_file_and_no_directory_is_reported_and_all_else_too(home: Path, root: Path) -> None:
    append(root, work(0, 1))
    odd = root / "clankers-2026-11-01.jsonl"
    odd.mkdir()
    found = findings(home, code=EX_FAIL)
    said = f"it cannot be read: [Errno 22] not a regular file: '{odd}'"
    assert {(subject, text) for subject, text, _ in wrong(found)} == {("Log", said)}
    assert about(found, "Database")
    odd.rmdir()
    root.rename(home / "moved")
    root.write_bytes(b"")
    assert {subject for subject, _, _ in wrong(findings(home, code=EX_FAIL))} == {"Log"}


def test_a_recorder_that_does_not_start_is_reported(home: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(root, work(0, 1))
    broken = home / "python"
    broken.write_text("#!/bin/sh\nprintf 'broken \\033[2J' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    ((_, text, _),) = wrong(findings(home, code=EX_FAIL))
    assert text.startswith("the recorder does not start: broken")


@POSIX_ONLY
def test_hostile_paths_do_not_steer_the_terminal(home: Path, root: Path) -> None:
    odd = home / HOSTILE.replace("\n", "").replace("\r", "")
    root.mkdir()
    places = {str(odd / "settings.json"): "claude-code", str(odd / "clankers.js"): "opencode"}
    (root / "installed.json").write_text(json.dumps(places))
    gone = [text for _, text, _ in wrong(findings(home, code=EX_FAIL))]
    assert gone == [f"our entry in {path} is gone" for path in places]
    assert "\\x1b[2J" in clankers(home, "doctor").out


@pytest.mark.parametrize("content", [b"[1]", b"{", b"\xff", b'{"a": 1}'])
def test_a_list_of_places_that_somebody_mangled_is_named(content: bytes, home: Path, root: Path) -> None:
    root.mkdir()
    (root / "installed.json").write_bytes(content)
    (bad,) = [one for one in findings(home, code=EX_FAIL) if not one["ok"]]
    assert bad["text"].startswith(f"{root}/installed.json is not the list that `clankers install` writes: ")
    assert "remove it" in bad["remedy"]
