"""What holds for each client alike: the log suffices, the past is recorded, and recording is in nobody's way."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from projector.store.meta import BACKFILL, read_meta
from tests.e2e.conftest import Day
from tests.e2e.machine import Machine, Rows
from tests.patience import wait_for

pytestmark = pytest.mark.e2e

# Gemini CLI takes five seconds to start, and tests/e2e/test_gemini.py has tests of its own.
GEMINI = pytest.param("gemini-0.61.0", marks=pytest.mark.long)
CLIENTS = ["claude-code", "opencode-1.18.33", "opencode-1.1.65", "codex-0.171.0", GEMINI]
# A version that stores otherwise, but runs, hears and is in the way as the other of its kind.
TRIED_LONG = [pytest.param(one, marks=pytest.mark.long) if one == CLIENTS[2] else one for one in CLIENTS]
TOOLS = {
    "claude-code": 5,
    "opencode-1.18.33": 6,
    "opencode-1.1.65": 6,
    "codex-0.171.0": 5,
    "gemini-0.61.0": 5,
}  # that the prompt "go [[tools]]" leads to

DISK = 16 << 10  # bytes
# Runs a command with a disk so small at $0, and keeps the log that could be written there in $1.
SMALL_DISK = (
    f'mount -t tmpfs -o size={DISK} none "$0" || exit; '
    'kept=$1; shift; "$@"; code=$?; cp "$0"/clankers-*.jsonl "$kept"; exit $code'
)
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")

ONLY_LIVE = {
    "claude-code": {"sessions.status", "sessions.ended_at", "tools.duration_ms"},
    "opencode-1.18.33": {"sessions.status"},
    "opencode-1.1.65": {"sessions.status"},
    "codex-0.171.0": {"sessions.status", "sessions.ended_at"},
    "gemini-0.61.0": {"sessions.status", "sessions.ended_at", "tools.duration_ms"},
}
A_TOUCH_LATER = "todos.updated_at"  # when OpenCode told of the list, or when it stored it: often the same millisecond


@pytest.fixture(params=CLIENTS)
def day(request: pytest.FixtureRequest, a_day_of: Callable[[str], Day]) -> Day:
    return a_day_of(request.param)


@pytest.fixture
def root(day: Day, tmp_path: Path) -> Path:
    """A copy of what was recorded on that day."""
    return Path(shutil.copytree(day.machine.root, tmp_path / "root"))


@contextmanager
def absent(path: Path) -> Iterator[None]:
    away = path.with_name("away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


def differences(a: Rows, b: Rows) -> set[str]:
    """The columns in which rows differ, as `table.column`, and the tables of which one has a row more."""
    of_session = ("session_id", "position")
    keys = {"projects": ("path",), "todos": of_session, "activity": of_session}
    found = set()
    for table in a:
        one, other = ({tuple(row[k] for k in keys.get(table, ("id",))): row for row in x[table]} for x in (a, b))
        if one.keys() != other.keys():
            found.add(table)
        for key in one.keys() & other.keys():
            found |= {f"{table}.{name}" for name, value in one[key].items() if other[key][name] != value}
    return found


def test_the_log_alone_suffices(day: Day, root: Path) -> None:
    with absent(day.machine.home):
        day.machine.clankers("project", "--rebuild", CLANKERS_DATA_PATH=str(root))
        assert day.machine.plain_rows(root) == day.rows


@pytest.mark.parametrize("client", CLIENTS)
def test_the_past_alone_lacks_only_what_only_events_tell(
    client: str, a_day_of: Callable[[str], Day], tmp_path: Path
) -> None:
    day = a_day_of(client)
    day.machine.clankers("backfill", "--all", CLANKERS_DATA_PATH=str(tmp_path))
    assert differences(day.rows, day.machine.rows(tmp_path)) - {A_TOUCH_LATER} == ONLY_LIVE[client]


def test_what_was_recorded_live_is_not_taken_in_again(day: Day, root: Path) -> None:
    day.machine.clankers("backfill", "--all", "--force", CLANKERS_DATA_PATH=str(root))
    assert day.machine.plain_rows(root) == day.rows


@pytest.mark.parametrize("client", CLIENTS)
def test_sqlite_is_seconds_behind_the_present(client: str, a_day_of: Callable[[str], Day]) -> None:
    assert [s["tool_call_count"] for s in a_day_of(client).followed["sessions"]] == [TOOLS[client]]


@pytest.mark.parametrize("client", CLIENTS)
def test_sqlite_has_the_past_in_which_the_client_did_the_same(
    client: str, new_machine: Callable[[str], Machine], a_day_of: Callable[[str], Day]
) -> None:
    machine = new_machine(client)

    def past_is_there() -> str | None:
        return read_meta(str(machine.root / "clankers.db"), BACKFILL)

    unrecorded = machine.run("go [[tools]]")
    assert (unrecorded.code, unrecorded.out.splitlines()[-1]) == (0, "All done.")
    recorded = a_day_of(client).said[0]
    assert (recorded.code, recorded.out) == (unrecorded.code, unrecorded.out)

    machine.install()
    wait_for(past_is_there, "the past is recorded")
    machine.wait_for_rest()
    rows = machine.plain_rows()
    assert [s["tool_call_count"] for s in rows["sessions"]] == [TOOLS[client]]

    db = apsw.Connection(str(machine.root / "clankers.db"))
    db.execute("DELETE FROM meta WHERE key = ?", (BACKFILL,))
    db.close()
    machine.clankers("project")
    wait_for(past_is_there, "the past is recorded after its mark was lost")
    assert machine.plain_rows() == rows

    for file in machine.root.glob("clankers.db*"):
        file.unlink()
    machine.clankers("project")
    wait_for(past_is_there, "the past is recorded after the database was lost")
    assert machine.plain_rows() == rows


@pytest.mark.parametrize("client", TRIED_LONG)
def test_a_root_that_cannot_be_written_changes_nothing_for_the_client(
    client: str, new_machine: Callable[[str], Machine], a_day_of: Callable[[str], Day], tmp_path: Path
) -> None:
    machine = new_machine(client)
    machine.install()
    root = tmp_path / "a-file"
    root.write_text("not a directory")
    done = machine.run("go [[tools]]", CLANKERS_DATA_PATH=str(root))
    healthy = a_day_of(client).said[0]
    assert (done.code, done.out) == (healthy.code, healthy.out)
    assert root.read_text() == "not a directory"


@pytest.mark.parametrize("client", TRIED_LONG)
def test_a_full_disk_changes_nothing_for_the_client_and_spoils_nothing(
    client: str, new_machine: Callable[[str], Machine], a_day_of: Callable[[str], Day], tmp_path: Path
) -> None:
    if not shutil.which("unshare") or subprocess.run([*NAMESPACE, "true"], check=False).returncode:
        pytest.skip("a full disk needs Linux's user namespaces")  # there is no other cheap way to one
    machine = new_machine(client)
    machine.install()
    root, kept = tmp_path / "small", tmp_path / "kept"
    for directory in (root, kept):
        directory.mkdir()
    small_disk = (*NAMESPACE, "sh", "-c", SMALL_DISK, str(root), str(kept))
    done = machine.run("go [[tools]]", under=small_disk, CLANKERS_DATA_PATH=str(root))
    healthy = a_day_of(client).said[0]
    assert (done.code, done.out) == (healthy.code, healthy.out)

    (log,) = kept.iterdir()
    assert log.stat().st_size > DISK // 2
    (session,) = machine.rows(kept)["sessions"]
    assert session["tool_call_count"] < TOOLS[client]
