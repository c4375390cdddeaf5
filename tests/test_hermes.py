"""Hermes Agent: its recordings against what the model served: its database, its hooks, and both."""

import json
import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import pytest

from clankers.harnesses.hermes import state_db
from clankers.harnesses.hermes.harness import HARNESS
from clankers.harnesses.hermes.install import EVENTS
from clankers.harnesses.hook_command import LAUNCHER, hook_command
from clankers.harnesses.installer import InstallError
from clankers.ingest.database import open_tables
from clankers.ingest.source import SourceError
from clankers.ingest.watched import read_changed
from clankers.log.writer import Log
from tests.contract.captures import feed_live, feed_stores, hermes, hermes_hooks
from tests.feeding import HERMES, append, project

# By recording: responses with a text or a call, [prompt, completion, cache read] tokens, reasoning, prompts, sessions,
# calls, failed calls.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "err401": (0, [0, 0, 0], 0, 1, 1, 0, 0),
    "fail": (5, [5015, 265, 1015], 0, 1, 1, 5, 3),
    "plain": (1, [1001, 51, 201], 5, 1, 1, 0, 0),
    "sub": (5, [5015, 265, 1015], 0, 2, 2, 3, 0),
}


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


@pytest.fixture(autouse=True)
def no_other_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMES_HOME", "")  # captures set it


def feed(way: str, root: Path, home: Path, name: str) -> apsw.Connection:
    if way != "stores":
        feed_live(root, hermes(name).live(home))
    if way != "live":
        hermes(name).store(home)
        feed_stores(root, "hermes", home)
    return project(root)


@pytest.mark.parametrize("way", ["stores", "both"])
@pytest.mark.parametrize("name", HERMES)
def test_rows_are_what_the_model_served(name: str, way: str, tmp_path: Path) -> None:
    with closing(feed(way, tmp_path / "data", tmp_path / "home", name)) as db:
        found = (
            one(db, "SELECT count(*) FROM messages WHERE role = 'assistant' AND NOT synthetic"),
            list(
                one(db, "SELECT total(prompt_tokens), total(completion_tokens), total(cache_read_tokens) FROM messages")
            ),
            one(db, "SELECT total(reasoning_tokens) FROM messages"),
            one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic"),
            one(db, "SELECT count(*) FROM sessions"),
            *one(db, "SELECT count(*), total(success = 0) FROM tools"),
        )
        assert found == EXPECTED[name]
        marked = "SELECT count(*) FROM messages WHERE session_total"
        assert one(db, marked) == (EXPECTED[name][4] if way == "stores" and EXPECTED[name][0] else 0)
        assert db.execute("SELECT type FROM event_types WHERE NOT known").fetchall() == []


@pytest.mark.parametrize("name", HERMES)
def test_hooks_alone_have_the_tokens_the_calls_and_the_prompts(name: str, tmp_path: Path) -> None:
    append(tmp_path / "data", list(hermes_hooks(name)))
    with closing(project(tmp_path / "data")) as db:
        tokens = "SELECT total(prompt_tokens), total(completion_tokens), total(cache_read_tokens) FROM messages"
        assert list(one(db, tokens)) == EXPECTED[name][1]
        assert one(db, "SELECT count(*) FROM messages WHERE role = 'user'") == EXPECTED[name][3]
        # A call of a tool that does not exist runs no hook.
        calls, failed = EXPECTED[name][5:]
        assert one(db, "SELECT count(*), total(success = 0) FROM tools") == (
            (calls - 1, failed - 1) if name == "fail" else (calls, failed)
        )


@pytest.mark.parametrize("name", ["fail", "sub"])
def test_each_response_has_the_tokens_that_a_hook_reported(name: str, tmp_path: Path) -> None:
    """In `sub` two sessions run side by side."""
    with closing(feed("both", tmp_path / "data", tmp_path / "home", name)) as db:
        found = db.execute("SELECT prompt_tokens, model, synthetic FROM messages WHERE role = 'assistant'").fetchall()
        assert sorted(found) == [(1001 + n, "mock-1", 0) for n in range(5)]
        order = "SELECT prompt_tokens FROM messages WHERE role = 'assistant' AND session_id = ? ORDER BY created_at"
        for (session,) in db.execute("SELECT id FROM sessions"):
            tokens = [count for (count,) in db.execute(order, (session,))]
            assert tokens == sorted(tokens)


def test_a_failure_is_known_only_from_a_hook(tmp_path: Path) -> None:
    with closing(feed("both", tmp_path / "data", tmp_path / "home", "err401")) as db:
        assert db.execute("SELECT error_type, status_code, will_retry FROM session_errors").fetchall() == [
            ("AuthenticationError", 401, 0)
        ]


@pytest.mark.parametrize("way", ["live", "stores", "both"])
def test_a_subagent_is_a_session_of_its_own(way: str, tmp_path: Path) -> None:
    with closing(feed(way, tmp_path / "data", tmp_path / "home", "sub")) as db:
        assert db.execute("SELECT id, parent_id, prompt_tokens, cost FROM sessions ORDER BY id").fetchall() == [
            ("20261127_192844_ae07d7", None, 3007, None),
            ("20261127_192852_406ea1", "20261127_192844_ae07d7", 2008, None),
        ]


def test_a_result_says_how_a_call_ended(tmp_path: Path) -> None:
    with closing(feed("both", tmp_path / "data", tmp_path / "home", "fail")) as db:
        found = "SELECT tool_name, success, exit_code, tool_output, file_path FROM tools ORDER BY id LIMIT 3"
        command, read, unknown = db.execute(found).fetchall()
        assert command == ("terminal", 0, 3, "out\nbad", None)
        assert (read[:3], read[4]) == (("read_file", 0, None), "/home/dev/src/fail/missing.txt")
        assert unknown[:3] == ("nosuchtool", 0, None)


def test_sums_that_grow_count_once(tmp_path: Path) -> None:
    """A session that was imported twice, and went on in between, has two rows; together they are its sum."""
    root = tmp_path / "data"
    for last, tokens in ((1000.5, 10), (2000.5, 25)):
        row: dict[str, Any] = {
            "id": "s",
            "started_at": 1000.0,
            "last_message_at": last,
            "input_tokens": tokens,
            "cost_status": "unknown",
        }
        append(root, [("hermes", "db.session", json.dumps({**row, "estimated_cost_usd": 0.0}).encode())])
    with closing(project(root)) as db:
        assert db.execute("SELECT prompt_tokens, synthetic, cost FROM messages ORDER BY created_at").fetchall() == [
            (10, 1, None),
            (15, 1, None),
        ]


def test_what_the_client_made_up_or_took_back_is_marked(tmp_path: Path) -> None:
    root = tmp_path / "data"
    rows: list[dict[str, Any]] = [{"content": "[System: go on]"}, {"content": "a", "active": 0}, {"content": "b"}]
    for id, more in enumerate(rows):
        row: dict[str, Any] = {"id": id, "session_id": "s", "role": "user", "timestamp": 1000.0 + id, **more}
        append(root, [("hermes", "db.message", json.dumps(row).encode())])
    with closing(project(root)) as db:
        found = "SELECT synthetic, deleted_at IS NOT NULL FROM messages ORDER BY created_at"
        assert db.execute(found).fetchall() == [(1, 0), (0, 1), (0, 0)]


def test_the_database_is_opened_only_after_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, database = tmp_path / "data", tmp_path / ".hermes" / "state.db"
    hermes("plain").store(tmp_path)
    monkeypatch.setenv("HERMES_HOME", str(database.parent))
    opened: list[str] = []

    def look() -> int:
        opened.clear()
        with Log(str(root), synced=False) as log, mock.patch.object(state_db, "open_tables", side_effect=counted):
            read_changed(log, HARNESS.watched(str(root)), HARNESS.name, HARNESS.watched_files())
        return len(opened)

    def counted(path: str, *rest: Any) -> apsw.Connection:
        opened.append(path)
        return open_tables(path, *rest)

    then = time.time() - 60
    for path in HARNESS.watched_files():
        if os.path.exists(path):
            os.utime(path, (then, then))
    assert [look() > 1, look(), look()] == [True, 1, 0], "it is read, looked at, and left alone"
    os.utime(database)
    assert look() == 1


def test_places_and_what_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hermes("plain").store(tmp_path)
    monkeypatch.setenv("HERMES_HOME", str(tmp_path / ".hermes"))
    assert HARNESS.count() == 1
    (source,) = state_db.sources()
    (record, *_), *_, (_, _, version) = source.read({}, {})
    assert record
    assert record.kind == "db.session"
    assert json.loads(record.payload)["system_prompt"]["elided"] > 0
    assert source.compare({}, {"": str(version)}) is None
    (tmp_path / ".hermes" / "state.db").write_text("no database")
    assert HARNESS.count() == 1
    with pytest.raises(SourceError, match="cannot be read"):
        list(state_db.sources())


# As a person writes settings, and as Hermes writes them: its own writer folds and quotes, and drops comments.
SETTINGS = {
    "none": "",
    "others": "# mine\nmodel:\n  default: a\nprompt: |\n  hooks: none\n\n  # text\nlist:\n- a\n",
    "no hooks": "hooks: {}\nmodel: x\n",
    "of a person": (
        "hooks:\n  # first\n  post_tool_call:\n    - command: a  # why\n      # when\n      timeout: 5\n\n  # second\n"
        "  pre_tool_call: [{command: b}]\n  output_spill:\n    enabled: true\n\n# last\nz: 1\n"
    ),
    "not indented": "hooks:\n  on_session_end:\n  - command: |\n      a\n      b\nz: 1\n",
}
REFUSED = {
    "in braces": '{"model": {}}\n',
    "two documents": "a: 1\n---\nb: 2\n",
    "a value of braces": "hooks: {pre_tool_call: []}\n",
    "a list in brackets": "hooks:\n  on_session_end: [{command: a}]\n",
    "tabs": "hooks:\n\tpre_tool_call:\n",
    "twice": "hooks: {}\n'hooks': {}\n",
    "a complex key": "? hooks\n: {}\n",
}
FOLDED = """\
hooks:
  api_request_error:
    - command: sh -c "trap '' TERM; [ -r ~/.local/lib/clankers/hook ] && exec sh ~/.local/lib/clankers/hook
        hermes; exit 0"
      timeout: 10
  on_session_end:
    - "command": "sh -c \\"trap '' TERM; [ -r ~/.local/lib/clankers/hook ] && exec sh ~/.local/lib/clankers/hook\\
        \\ hermes; exit 0\\""
      "timeout": 10
    - command: mine
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HERMES_HOME", str(tmp_path))
    return HARNESS.installer().file(None)


@pytest.mark.parametrize("kind", SETTINGS)
def test_hooks_are_added_to_the_settings_and_removed_and_all_other_lines_stay(kind: str, settings: Path) -> None:
    before, installer = SETTINGS[kind], HARNESS.installer()
    settings.write_text(before)
    after = (installer.install(settings).after or b"").decode()
    settings.write_text(after)
    assert after.count(f"exec sh {LAUNCHER} hermes; exit 0") == 4
    assert [line for line in before.splitlines() if line != "hooks: {}" and line not in after.splitlines()] == []
    assert installer.install(settings).after == after.encode()
    assert installer.installed(settings)
    without = (installer.uninstall(settings).after or b"").decode()
    assert without == before.replace("hooks: {}\n", "")


@pytest.mark.parametrize("kind", REFUSED)
def test_settings_of_another_form_are_not_changed(kind: str, settings: Path) -> None:
    settings.write_text(REFUSED[kind])
    with pytest.raises(
        InstallError, match=r"nothing was changed\. Add these lines by hand:\nhooks:\n  post_api_request:"
    ):
        HARNESS.installer().install(settings)
    assert HARNESS.installer().uninstall(settings).after == REFUSED[kind].encode()


def test_hooks_that_hermes_has_written_again_are_ours(settings: Path) -> None:
    settings.write_text(FOLDED)
    assert HARNESS.installer().uninstall(settings).after == b"hooks:\n  on_session_end:\n    - command: mine\n"


def test_hooks_wait_until_the_user_allows_them(settings: Path) -> None:
    installer = HARNESS.installer()
    settings.write_bytes(installer.install(settings).after or b"")
    (waiting,) = installer.obstacles(settings, None)
    assert "4 of our 4 hooks are not allowed yet" in waiting.finding
    command = 'sh -c "' + hook_command("hermes") + '"'
    allowed = [{"event": event, "command": command} for event in EVENTS]
    settings.with_name("shell-hooks-allowlist.json").write_text(json.dumps({"approvals": allowed}))
    assert installer.obstacles(settings, None) == []
