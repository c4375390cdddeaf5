"""Kilo: its recordings against what the model served, and what sets it apart from OpenCode, which it is built on."""

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.harnesses.kilo.harness import HARNESS
from clankers.harnesses.opencode import stores
from clankers.harnesses.opencode.install import PluginInstaller
from tests.contract.captures import feed_live, feed_stores, kilo
from tests.feeding import KILO, project

# By recording: responses, [prompt, completion, cache read] tokens, reasoning; compactions and their tokens; prompts,
# sessions, calls, failed calls, calls without an end, errors.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "compact": (2, [2004, 104, 404], 0, 1, [1002, 52, 202], 2, 1, 0, 0, 0, 0),
    "err401": (1, [0, 0, 0], 0, 0, [0, 0, 0], 1, 1, 0, 0, 0, 1),
    "fail": (5, [5015, 265, 1015], 0, 0, [0, 0, 0], 1, 1, 5, 3, 0, 0),
    "fork": (6, [6021, 321, 1221], 0, 0, [0, 0, 0], 2, 2, 4, 0, 0, 0),
    "kill": (2, [1002, 52, 202], 0, 0, [0, 0, 0], 2, 1, 1, 0, 1, 0),
    "plain": (1, [1001, 46, 201], 5, 0, [0, 0, 0], 1, 1, 0, 0, 0, 0),
    "resume": (4, [4010, 205, 810], 5, 0, [0, 0, 0], 3, 1, 1, 0, 0, 0),
    "sub": (4, [4010, 210, 810], 0, 0, [0, 0, 0], 2, 2, 2, 0, 0, 0),
}
_TOKENS = "total(prompt_tokens), total(completion_tokens), total(cache_read_tokens)"


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


def feed(way: str, root: Path, home: Path, *names: str) -> apsw.Connection:
    """The database of what `names` recorded `live`, of what their stores hold, or of both."""
    captures = kilo(*names)
    if way != "stores":
        feed_live(root, captures.live(home))
    if way != "live":
        captures.store(home)
        feed_stores(root, "kilo", home)
    return project(root)


@pytest.mark.parametrize("way", ["live", "stores", "both"])
@pytest.mark.parametrize("name", KILO)
def test_rows_are_what_the_model_served(name: str, way: str, tmp_path: Path) -> None:
    with closing(feed(way, tmp_path / "data", tmp_path / "home", name)) as db:
        responses = "FROM messages WHERE role = 'assistant' AND NOT copied AND"
        found = (
            one(db, f"SELECT count(*) {responses} NOT synthetic"),
            list(one(db, f"SELECT {_TOKENS} {responses} NOT synthetic")),
            one(db, f"SELECT total(reasoning_tokens) {responses} NOT synthetic"),
            one(db, f"SELECT count(*) {responses} synthetic"),
            list(one(db, f"SELECT {_TOKENS} {responses} synthetic")),
            one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic AND NOT copied"),
            one(db, "SELECT count(*) FROM sessions"),
            *one(
                db,
                "SELECT count(*), total(success = 0), total(success IS NULL) FROM tools AS t "
                "JOIN messages AS m ON m.id = t.message_id WHERE NOT copied",
            ),
            one(db, "SELECT count(*) FROM session_errors"),
        )
        assert found == EXPECTED[name]
        assert one(db, "SELECT count(*) FROM sessions WHERE source <> 'kilo'") == 0
        assert db.execute("SELECT type FROM event_types WHERE NOT known").fetchall() == []


@pytest.mark.parametrize("way", ["live", "stores", "both"])
def test_a_subagent_is_not_in_the_cost_of_its_caller(way: str, tmp_path: Path) -> None:
    with closing(feed(way, tmp_path / "data", tmp_path / "home", "sub")) as db:
        costs = db.execute("SELECT parent_id IS NULL, round(cost, 7), cost_source FROM sessions").fetchall()
        assert sorted(costs) == [
            (0, 0.0077115, "client"),
            (1, 0.0077115, "client"),
        ]
        assert round(one(db, "SELECT total(cost) FROM messages"), 7) == 2 * 0.0077115


@pytest.mark.parametrize("way", ["live", "stores", "both"])
def test_a_fork_has_only_its_own_tokens(way: str, tmp_path: Path) -> None:
    with closing(feed(way, tmp_path / "data", tmp_path / "home", "fork")) as db:
        columns = "title LIKE '%fork%', prompt_tokens, message_count, tool_call_count, round(cost, 7)"
        assert sorted(db.execute(f"SELECT {columns} FROM sessions")) == [
            (0, 5015, 6, 4, 0.0193245),
            (1, 1006, 2, 0, 0.0039198),
        ]


def test_a_call_that_failed_keeps_its_name_and_its_exit_code(tmp_path: Path) -> None:
    with closing(feed("stores", tmp_path / "data", tmp_path / "home", "fail")) as db:
        failed = "SELECT tool_name, status, exit_code FROM tools WHERE success = 0 ORDER BY created_at"
        assert db.execute(failed).fetchall() == [
            ("bash", "completed", 3),
            ("read", "error", None),
            ("nosuchtool", "error", None),
        ]


def test_the_directory_names_the_client_and_not_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kilo("plain").store(tmp_path)
    other = tmp_path / "other.db"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".local" / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    assert [source.harness for source in stores.sources("kilo")] == ["kilo"]
    assert list(stores.sources("opencode")) == []
    (tmp_path / ".local" / "share" / "kilo" / "kilo-plain.db").rename(other)
    monkeypatch.setenv("KILO_DB", str(other))
    assert HARNESS.count() == 1
    assert HARNESS.installer().file(None) == tmp_path / ".config" / "kilo" / "plugin" / "clankers.js"
    assert HARNESS.installer().file(tmp_path) == tmp_path / ".kilo" / "plugin" / "clankers.js"
    installer = HARNESS.installer()
    assert isinstance(installer, PluginInstaller)
    plugin = tmp_path / "clankers.js"
    text = installer.text(plugin)
    assert text.count(b'const SOURCE = "kilo"\n') == 1
    assert b'const CATCH_UP = ["' in text
    plugin.write_bytes(text)
    assert installer.obstacles(plugin, (7, 7, 9)) == []
