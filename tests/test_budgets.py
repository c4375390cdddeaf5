"""Budgets: what is set, how much of it is spent, and that each level is reported once, by each way."""

import json
import os
import pwd
import stat
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

from clankers.cli.database import catch_up
from clankers.cli.project import Sweep
from clankers.errors import EX_CONFIG, EX_USAGE
from clankers.queries import spending
from clankers.queries.budgets import (
    Budgets,
    BudgetState,
    SpendingBudget,
    budget_states,
    budgets_path,
    epoch_ms,
    load_budgets,
    may_run_command,
    save_budgets,
)
from clankers.queries.spending import update_spending
from clankers.system import notify
from tests.commands import HOSTILE, POSIX_ONLY, RAW, call, environment, event, session
from tests.feeding import Record, append, project
from tests.patience import wait_for
from tests.test_web_data import signed_in

pytestmark = POSIX_ONLY

NOON = datetime(2026, 11, 20, 12)  # noqa: DTZ001 (local, a Friday)


def cost(id: str, session: str, at: datetime, dollars: float | None) -> Record:
    """A response that cost so much; None: nothing says how much."""
    time = {"created": epoch_ms(at), "completed": epoch_ms(at)}
    tokens = {"input": 10, "output": 10, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    info = {"id": id, "sessionID": session, "role": "assistant", "modelID": "m", "providerID": "p"}
    return event(
        "message.updated", info=info | {"tokens": tokens, "time": time} | ({} if dollars is None else {"cost": dollars})
    )


def worked(root: Path, at: datetime, dollars: float, name: str = "a", place: str = "/src/shop", **more: Any) -> None:
    """A session that cost so much."""
    made = session(name, created=epoch_ms(at), directory=place, **more)
    append(root, [made, cost(f"m{name}{at.timestamp()}", name, at, dollars)])


def test_budgets_are_set_listed_and_removed(tmp_path: Path) -> None:
    root = tmp_path / "data"
    assert "No budget is set" in call(root, "budget", "list").out
    shop = f'{tmp_path}/a "shop"\\ü\x7f'
    for options in (("day", "20"), ("DAY", "25.5"), ("session", "5", "--project", shop), ("month", "100")):
        done = call(root, "budget", "set", *options)
        assert done.code == 0, done.err
    path = root / "budgets.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_budgets(str(root)).budget == [
        SpendingBudget("day", 25.5),
        SpendingBudget("session", 5.0, shop),
        SpendingBudget("month", 100.0),
    ]
    path.write_text('command = ["/usr/bin/mine", "-x"]\n' + path.read_text())
    assert call(root, "budget", "remove", "session", "--project", shop).code == 0
    kept = load_budgets(str(root))
    assert (kept.command, [one.period for one in kept.budget]) == (["/usr/bin/mine", "-x"], ["day", "month"])
    assert call(root, "budget", "remove", "week").code == EX_USAGE
    for wrong in (("day", "0"), ("day", "nan"), ("day", "inf"), ("year", "5"), ("day", "much"), ("day", "--", "-5")):
        assert call(root, "budget", "set", *wrong).code == EX_USAGE, wrong
    assert [one["period"] for one in json.loads(call(root, "budget", "list", "--json").out)] == ["day", "month"]


@pytest.mark.parametrize(
    "text",
    [
        "budget = 5",
        "[[budget]]\nperiod = 'day'",
        "[[budget]]\nperiod = 'year'\ndollars = 5",
        "[[budget]]\nperiod = 'day'\ndollars = -5",
        "[[budget]]\nperiod = 'day'\ndollars = nan",
        "[[budget]]\nperiod = 'day'\ndollars = '5'",
        "[[budget]]\nperiod = 'day'\ndollars = 5\nlimit = 3",
        "command = 'rm -rf /'",
        "command = ['mine']",
        "[[budget]]\nperiod = 'day'\ndollars = 5\nproject = \"a\\u0000\"",
        "[[",
        "a = \udcff",
    ],
)
def test_a_wrong_file_is_reported_and_changes_nothing(text: str, tmp_path: Path) -> None:
    path = budgets_path(str(tmp_path))
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    done = call(tmp_path, "budget", "list")
    assert (done.code, done.out) == (EX_CONFIG, "")
    assert str(path) in done.err
    db = project(tmp_path)
    _, passed = update_spending(db, str(tmp_path), NOON)
    assert passed == []
    assert str(path) in json.loads((tmp_path / "spending.json").read_bytes())["problem"]
    assert call(tmp_path, "budget", "set", "day", "5").code == EX_CONFIG
    assert path.read_bytes() == text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o666])
def test_a_file_that_others_can_read_or_change_is_refused(mode: int, tmp_path: Path) -> None:
    save_budgets(str(tmp_path), Budgets([SpendingBudget("day", 5.0)]))
    budgets_path(str(tmp_path)).chmod(mode)
    done = call(tmp_path, "budget", "list")
    assert done.code == EX_CONFIG
    assert "chmod 600" in done.err


def states(root: Path, *budgets: SpendingBudget) -> list[tuple[str, float, int]]:
    found = budget_states(project(root), budgets, NOON)
    return [(state.since, state.spent, state.level) for state in found]


def test_what_is_spent_of_each(tmp_path: Path) -> None:
    day = NOON.replace(hour=0)
    worked(tmp_path, day, 1.0, "first of the day")
    worked(tmp_path, day - timedelta(milliseconds=1), 2.0, "yesterday")
    worked(tmp_path, day - timedelta(days=4), 4.0, "monday")
    worked(tmp_path, day - timedelta(days=5), 8.0, "sunday", "/src/other")
    worked(tmp_path, day.replace(day=1), 16.0, "first of the month", "/src/shop/within")
    worked(tmp_path, day.replace(day=1) - timedelta(seconds=1), 32.0, "last month")
    worked(tmp_path, NOON, 0.5, "sub", parentID="first of the day")
    assert states(tmp_path, *(SpendingBudget(period, 16.0) for period in ("day", "week", "month"))) == [
        ("2026-11-20", 1.5, 0),
        ("2026-11-16", 7.5, 0),
        ("2026-11-01", 31.5, 100),
    ]
    assert states(
        tmp_path, SpendingBudget("month", 30.0, "/src/shop"), SpendingBudget("month", 16.0, "/src/other")
    ) == [
        ("2026-11-01", 23.5, 50),
        ("2026-11-01", 8.0, 50),
    ]
    assert states(tmp_path, SpendingBudget("session", 1.5)) == [("first of the day", 1.5, 100)]


@pytest.mark.parametrize("period", ["session", "day"])
def test_a_cost_that_is_not_known_is_marked(period: str, tmp_path: Path) -> None:
    worked(tmp_path, NOON, 1.0)
    append(tmp_path, [cost("unpriced", "a", NOON, None)])
    (state,) = budget_states(project(tmp_path), [SpendingBudget(period, 2.0)], NOON)
    assert state.incomplete


def test_each_level_is_reported_once(tmp_path: Path) -> None:
    root = str(tmp_path)

    def passed() -> list[int]:
        return [state.level for state in update_spending(project(tmp_path), root, NOON)[1]]

    save_budgets(root, Budgets([SpendingBudget("day", 10.0)]))
    worked(tmp_path, NOON, 4.9, "a")
    assert passed() == []
    worked(tmp_path, NOON, 0.1, "b")
    assert (passed(), passed()) == ([50], [])
    worked(tmp_path, NOON, 6.0, "c")  # over two levels at once
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.extend(passed())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found + passed() == [100]
    save_budgets(root, Budgets([SpendingBudget("day", 20.0)]))
    assert passed() == [50]
    assert stat.S_IMODE((tmp_path / "spending.json").stat().st_mode) == 0o600
    tomorrow = update_spending(project(tmp_path), root, NOON + timedelta(days=1))[1]
    assert tomorrow == []
    (tmp_path / "budgets-reported.json").write_text("{")
    assert passed() == [50]


def test_a_session_of_yesterday_may_still_be_open(tmp_path: Path) -> None:
    worked(tmp_path, NOON - timedelta(days=1), 2.0)
    update_spending(project(tmp_path), str(tmp_path), NOON)
    noted = json.loads((tmp_path / "spending.json").read_bytes())
    assert (noted["today"], noted["sessions"]) == (0.0, {"a": 2.0})


def caught_up(root: Path) -> None:
    """What a hook starts at the end of a turn does."""
    with mock.patch.dict(os.environ, environment(root), clear=True):
        catch_up()


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a desktop's notifications end up, one a line."""
    shown = tmp_path / "shown"
    for name in ("notify-send", "osascript"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >> {shown}; echo >> {shown}\n')
        program.chmod(0o755)
    monkeypatch.setattr(notify, "PLACES", (str(tmp_path),))
    return shown


def test_a_passed_budget_reaches_desktop_command_and_status_line_once(desktop: Path, tmp_path: Path) -> None:
    root, told = tmp_path / "data", tmp_path / "told"
    directory = f"/src/{HOSTILE}$(touch {tmp_path}/owned)"
    budget = SpendingBudget("day", 10.0, directory)
    save_budgets(str(root), Budgets([budget], ["/bin/sh", "-c", f"cat >> {told}"]))
    worked(root, datetime.now(), 8.5, place=directory)  # noqa: DTZ005
    for _ in range(2):
        caught_up(root)
    wait_for(lambda: told.exists() and told.read_bytes().endswith(b"\n"), "the command has run")
    wait_for(lambda: desktop.exists() and desktop.read_bytes().endswith(b"\n"), "the notification is shown")
    (line,) = told.read_bytes().splitlines()
    state = msgspec.json.decode(line, type=BudgetState)
    assert (state.period, state.level, state.spent, state.project) == ("day", 80, 8.5, directory)
    (shown,) = desktop.read_text().splitlines()
    assert "80 % of $10.00 is spent today" in shown
    assert not RAW.search(shown)
    assert not (tmp_path / "owned").exists()
    spending = json.loads((root / "spending.json").read_bytes())
    assert (spending["today"], spending["sessions"], spending["budgets"][0]["level"]) == (8.5, {"a": 8.5}, 80)


def test_a_repository_cannot_bring_a_command(desktop: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    for directory in (tmp_path / "repository", tmp_path / "elsewhere"):
        root = tmp_path / "repository" / directory.name
        save_budgets(str(root), Budgets([SpendingBudget("day", 1.0)], ["/bin/sh", "-c", f"echo {directory} >> {told}"]))
        worked(root, datetime.now(), 2.0, place=str(directory))  # noqa: DTZ005
        caught_up(root)
    wait_for(told.exists, "the command of the root that is in no project has run")
    wait_for(lambda: desktop.exists() and len(desktop.read_text().splitlines()) == 2, "both notifications are shown")
    assert told.read_text() == f"{tmp_path}/elsewhere\n"


def test_a_root_in_a_project_or_its_repository_runs_no_command(tmp_path: Path) -> None:
    top, home = tmp_path / "repository", tmp_path / "home"
    (top / ".git").mkdir(parents=True)
    root, usual = str(top / "data"), str(home / ".local/share/clankers")
    worked(tmp_path / "log", NOON, 1.0, place=str(top / "within"))
    worked(tmp_path / "log", NOON, 1.0, "b", place=str(home))
    worked(tmp_path / "log", NOON, 1.0, "c", place="/src/a\0b")
    db = project(tmp_path / "log")
    user = pwd.struct_passwd(("", "", 0, 0, "", str(home), ""))
    with mock.patch.object(pwd, "getpwuid", return_value=user), mock.patch.object(sys, "platform", "linux"):
        # As by XDG_DATA_HOME or HOME, too: what the environment says does not count.
        with mock.patch.dict(os.environ, {"XDG_DATA_HOME": str(top), "HOME": str(top)}):
            os.environ.pop("CLANKERS_DATA_PATH", None)
            assert not may_run_command(db, root)
            assert may_run_command(db, usual)
            assert may_run_command(db, str(tmp_path / "elsewhere"))
        assert not may_run_command(db, str(home / "data"))


def test_a_level_is_not_reported_again_after_many_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spending, "_KEPT", 2)
    budgets = [SpendingBudget("month", 10.0), SpendingBudget("day", 10.0)]
    save_budgets(str(tmp_path), Budgets(budgets))
    found = []
    for day in range(3):
        now = NOON + timedelta(days=day)
        worked(tmp_path, now, 5.0 if day else 10.0, str(day))
        found += [state.period for state in update_spending(project(tmp_path), str(tmp_path), now)[1]]
    assert found == ["month", "day", "day", "day"]


def test_a_notification_that_fails_keeps_no_other_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "notify-send"
    program.write_text("no program")
    program.chmod(0o755)
    monkeypatch.setattr(notify, "PLACES", (str(tmp_path),))
    monkeypatch.setattr(sys, "platform", "linux")
    root, told = tmp_path / "data", tmp_path / "told"
    budgets = [SpendingBudget("day", 1.0), SpendingBudget("month", 1.0)]
    save_budgets(str(root), Budgets(budgets, ["/bin/sh", "-c", f"cat >> {told}"]))
    worked(root, datetime.now(), 2.0)  # noqa: DTZ005
    caught_up(root)
    wait_for(lambda: told.exists() and told.read_bytes().count(b"\n") == 2, "the command has run for both")
    assert capsys.readouterr().err.count("was not shown") == 2


def test_what_cannot_be_started_or_written_stops_no_catch_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_budgets(str(tmp_path), Budgets([SpendingBudget("day", 1.0)], ["/no/such/program"]))
    worked(tmp_path, datetime.now(), 2.0)  # noqa: DTZ005
    caught_up(tmp_path)
    assert "/no/such/program" in capsys.readouterr().err
    (tmp_path / "spending.json").unlink()
    (tmp_path / "spending.json").mkdir()
    caught_up(tmp_path)
    assert "spending.json" in capsys.readouterr().err
    assert os.listdir(tmp_path / "spending.json") == []


def test_a_watcher_notes_what_is_spent_when_something_changed(tmp_path: Path) -> None:
    noted = tmp_path / "spending.json"
    worked(tmp_path, datetime.now(), 2.0)  # noqa: DTZ005
    project(tmp_path).close()
    with mock.patch.dict(os.environ, environment(tmp_path), clear=True):
        look = Sweep(str(tmp_path / "clankers.db"))
        look()
        assert json.loads(noted.read_bytes())["today"] == 2.0
        noted.unlink()
        look()
        assert not noted.exists()
        worked(tmp_path, datetime.now(), 3.0, "b")  # noqa: DTZ005
        project(tmp_path).close()
        look()
    assert json.loads(noted.read_bytes())["today"] == 5.0


def test_the_page_shows_budgets_and_doctor_a_wrong_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = f"/src/{HOSTILE}"
    save_budgets(str(tmp_path), Budgets([SpendingBudget("day", 10.0, directory), SpendingBudget("session", 100.0)]))
    worked(tmp_path, datetime.now(), 8.5, place=directory)  # noqa: DTZ005
    project(tmp_path).close()
    for client in signed_in(tmp_path, monkeypatch):
        page = client.get("/overview").text.partition('<dl class="figures">')[2].partition("</dl>")[0]
        assert "Budget, this day" in page
        assert "$8.50 of $10.00" in page
        assert "this session" not in page
        assert not RAW.search(page.replace("\n", ""))
        assert [one["level"] for one in client.get("/api/overview").json()["budgets"]] == [80, 0]
        budgets_path(str(tmp_path)).write_text("[[")
        assert client.get("/overview").status_code == 200
    assert "budgets.toml" in call(tmp_path, "doctor").out
