"""Recording Codex: every line of its rollouts once, whatever Codex does to the files; its hooks, and their review."""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from clankers.errors import EX_OK
from clankers.harnesses.codex import install
from clankers.harnesses.codex.harness import HARNESS
from clankers.harnesses.codex.rollout_files import Rollouts
from clankers.harnesses.hook_command import hook_command
from clankers.ingest import live
from clankers.ingest.jsonl_tail import continues, end_mark
from clankers.ingest.source import SourceError
from clankers.log.reader import Event, log_files, read
from tests.commands import Result, call
from tests.contract.captures import feed_stores, sweep
from tests.feeding import CODEX, Recording, append

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

THREAD = "01a21e81-fe34-75d0-bed9-bb31685143a7"
OTHER = "01a21e82-2f45-7220-8eea-42b816b6ece6"
REWOUND = "01a21e90-0000-7000-8000-000000000001"
DAY = Path(".codex", "sessions", "2026", "11", "27")

Json = dict[str, Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def rollout(home: Path, content: bytes | None = None, *, thread: str = THREAD) -> Path:
    path = home / DAY / f"rollout-2026-11-27T19-36-05-{thread}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is not None:
        path.write_bytes(content)
    return path


def encoded(document: Json) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def line(n: int, kind: str = "event_msg", **payload: Any) -> bytes:
    stamp = f"2026-11-27T19:36:{n:02}.000Z"
    return encoded({"timestamp": stamp, "type": kind, "payload": {"n": n, **payload}})


def title(thread: str, name: str) -> bytes:
    return encoded({"id": thread, "thread_name": name, "updated_at": "2026-11-27T19:36:46Z"})


def hook(path: Path | None, event: str = "PreToolUse", thread: str = THREAD, **more: Any) -> Json:
    return {"session_id": thread, "transcript_path": path and str(path), "hook_event_name": event, **more}


def fire(root: Path, *hooks: Json) -> None:
    """Each hook as `clankers append` logs it, and what it announces."""
    for payload in hooks:
        append(root, [("codex", payload["hook_event_name"], json.dumps(payload).encode())], follow=True)


def past(root: Path, home: Path) -> list[str]:
    """Import what Codex keeps below `home`; returns what could not be read."""
    return feed_stores(root, "codex", home).problems


def records(root: Path) -> list[Event]:
    """The records of files; hooks' own lines left out."""
    found = [one.event for file in log_files(str(root)) for one in read(str(root), file) if one.event]
    return [event for event in found if "#" in event.id]


def content(root: Path, owner: str = THREAD) -> bytes:
    """The lines of one file, as `restore` puts them in order: by the places in their ids."""
    places = {}
    for event in records(root):
        named, _, place = event.id.partition("@")
        if named == owner:
            places[int(place.partition("#")[0])] = bytes(event.payload) + b"\n"
    text = b""
    for at, payload in sorted(places.items()):
        assert at == len(text), "a line is missing"
        text += payload
    return text


def owner(path: Path) -> str:
    return path.stem.removeprefix("rollout-")[20:].replace("_", "/")


def assert_once(root: Path) -> None:
    assert [id for id, count in Counter(event.id for event in records(root)).items() if count > 1] == []


# The captures


@pytest.mark.parametrize("name", CODEX)
def test_every_line_is_recorded_once_live_and_stored(name: str, home: Path) -> None:
    recording = Recording(name, home, harness="codex")
    live, stored = home / "live", home / "stored"
    for payload in recording.steps():
        append(live, [("codex", HARNESS.kind(json.loads(payload)), payload)], follow=True)
    recording.grow_all()
    if recording.hooks:
        sweep(live)
    for root in (live, stored):
        assert past(root, home) == []
        assert past(root, home) == []
        assert_once(root)
        for path in recording.files:
            if path.name.startswith("rollout-"):
                assert content(root, owner(path)) == path.read_bytes()
    assert {event.id for event in records(live)} == {event.id for event in records(stored)}


def test_hooks_alone_leave_no_more_behind_than_the_last_lines(home: Path, root: Path) -> None:
    recording = Recording("subagent", home, harness="codex")
    for payload in recording.steps():
        append(root, [("codex", HARNESS.kind(json.loads(payload)), payload)], follow=True)
    for path in recording.files:
        assert content(root, owner(path)) == path.read_bytes()


def test_the_end_of_a_subagent_is_that_of_its_own_thread(home: Path, root: Path) -> None:
    path = rollout(home, line(0))
    child = rollout(home, line(1), thread=OTHER)
    fire(root, hook(path, "SubagentStop", agent_id=OTHER, agent_transcript_path=str(child)))
    assert (content(root), content(root, OTHER)) == (line(0), line(1))
    ended = {
        thread: json.loads((root / "cursors" / f"{thread}.json").read_bytes())["ended"] for thread in (THREAD, OTHER)
    }
    assert ended == {THREAD: False, OTHER: True}


def test_a_thread_has_its_own_titles_alone(home: Path, root: Path) -> None:
    index = home / ".codex" / "session_index.jsonl"
    path = rollout(home, line(0))
    index.write_bytes(title(OTHER, "theirs") + title(THREAD, "first"))
    fire(root, hook(path))
    index.write_bytes(index.read_bytes() + title(OTHER, f"like {THREAD}") + title(THREAD, "second"))
    fire(root, hook(path, "Stop"))
    named = [json.loads(bytes(e.payload))["thread_name"] for e in records(root) if e.type == "session_index"]
    assert named == ["first", "second"]
    assert past(root, home) == []
    assert_once(root)


# What Codex does to its files


def archive(path: Path, home: Path) -> Path:
    moved = home / ".codex" / "archived_sessions" / path.name
    moved.parent.mkdir(exist_ok=True)
    return path.rename(moved)


def compress(path: Path, _home: Path) -> Path:
    packed = path.with_suffix(".jsonl.zst")
    packed.write_bytes(zstd.compress(path.read_bytes()))
    path.unlink()
    return packed


def archive_and_compress(path: Path, home: Path) -> Path:
    return compress(archive(path, home), home)


@pytest.mark.parametrize("change", [archive, compress, archive_and_compress])
@pytest.mark.parametrize("lost", [False, True], ids=["", "cursors lost"])
def test_a_file_that_moves_adds_nothing(
    change: Callable[[Path, Path], Path], lost: bool, home: Path, root: Path
) -> None:
    path = rollout(home, b"".join(map(line, range(3))))
    fire(root, hook(path))
    before = path.read_bytes()
    moved = change(path, home)
    if lost:
        for cursor in (root / "cursors").glob("*.json"):
            cursor.unlink()
    sweep(root)
    assert past(root, home) == []
    assert_once(root)
    assert content(root) == before
    if moved.suffix == ".jsonl":
        moved.write_bytes(before + line(3))
        sweep(root)
        assert content(root) == moved.read_bytes(), "it is followed where it is now"
    assert past(home / "new", home) == []
    assert content(home / "new")[: len(before)] == before


@pytest.mark.parametrize("data", [b"", b"no zstd", zstd.compress(line(0) * 200)[:-9]], ids=["empty", "other", "cut"])
def test_a_compressed_file_that_cannot_be_read_is_reported_and_stops_no_other(
    data: bytes, home: Path, root: Path
) -> None:
    rollout(home).with_suffix(".jsonl.zst").write_bytes(data)
    other = rollout(home, line(1), thread=OTHER)
    problems = past(root, home)
    assert [THREAD in problem and "cannot be decompressed" in problem for problem in problems] == [True]
    assert content(root, OTHER) == other.read_bytes()


def with_ordinals(text: bytes) -> bytes:
    """As `codex migrate-rollouts` rewrites it."""
    lines = [json.loads(one) for one in text.splitlines()]
    return b"".join(encoded({"ordinal": n, **one}) for n, one in enumerate(lines))


def shortened(text: bytes) -> bytes:
    return text[: text.find(b"\n") + 1]


def of_other_lines_as_long(text: bytes) -> bytes:
    """A line ends where the last one that was read did."""
    return b"".join(line(n) for n in range(6, 10))


@pytest.mark.parametrize("rewrite", [with_ordinals, shortened, of_other_lines_as_long])
def test_a_file_that_is_rewritten_in_place_is_read_again(
    rewrite: Callable[[bytes], bytes], home: Path, root: Path
) -> None:
    path = rollout(home, b"".join(map(line, range(3))))
    fire(root, hook(path))
    old = {event.id for event in records(root)}
    path.write_bytes(rewrite(path.read_bytes()))
    fire(root, hook(path), hook(path))
    assert past(root, home) == []
    assert_once(root)
    assert past(home / "new", home) == []
    now = {event.id for event in records(home / "new")}
    assert {event.id for event in records(root)} == old | now
    path.write_bytes(path.read_bytes() + line(4))
    fire(root, hook(path))
    assert bytes(records(root)[-1].payload) + b"\n" == line(4)
    assert len(records(root)) == len(old | now) + 1


def test_a_long_file_that_is_rewritten_is_read_over_several_events(
    home: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rollout(home, line(0) + line(1))
    fire(root, hook(path))
    path.write_bytes(b"".join(map(line, range(10, 20))))
    monkeypatch.setattr(live, "EVENT_BYTES", 2 * len(line(10)))
    for _ in range(10):
        fire(root, hook(path))
    assert [bytes(event.payload) + b"\n" for event in records(root)][2:] == [*map(line, range(10, 20))]


def test_a_rewritten_file_in_which_a_line_ends_where_the_last_one_did_is_not_taken_for_grown(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a\n" + b"b" * 100 + b"\n")
    mark = end_mark(2, b"b" * 100 + b"\n")
    assert continues(str(path), 103, mark)
    path.write_bytes(b"a\n" + b"c" * 100 + b"\nmore\n")
    assert not continues(str(path), 103, mark)
    assert continues(str(path), 103), "without a mark it cannot be known"


def test_after_a_rewind_both_files_of_the_thread_are_read(home: Path, root: Path) -> None:
    first = rollout(home)
    second = rollout(home, thread=f"{THREAD}_{REWOUND}")
    first.write_bytes(line(0) + line(1))
    fire(root, hook(first, "SessionStart"))
    second.write_bytes(line(0))
    fire(root, hook(second, "SessionStart"))
    first.write_bytes(first.read_bytes() + line(2))
    second.write_bytes(second.read_bytes() + line(3))
    sweep(root)
    assert content(root) == first.read_bytes()
    assert content(root, f"{THREAD}/{REWOUND}") == second.read_bytes()
    assert past(root, home) == []
    assert_once(root)


def test_a_thread_is_as_old_as_its_first_file(home: Path) -> None:
    files = {name: home / f"{name}.jsonl" for name in ("rollout-2026-11-28", "rollout-2026-11-27")}
    for n, path in enumerate(files.values()):
        path.write_bytes(line(10 - n))
    thread = Rollouts(THREAD, str(home), {name: str(path) for name, path in files.items()})
    assert thread.created() == "2026-11-27T19:36:09.000Z"


def test_the_last_lines_of_a_killed_turn_are_swept(home: Path, root: Path) -> None:
    path = rollout(home, line(0))
    fire(root, hook(path))
    path.write_bytes(line(0) + line(1) + line(2)[:-5])
    sweep(root)
    assert content(root) == line(0) + line(1), "a line without its end is not read yet"


def test_a_damaged_line_costs_only_what_is_damaged(home: Path, root: Path) -> None:
    path = rollout(home)
    torn = line(1)[:-30]
    path.write_bytes(line(0) + torn + line(2) + b"\xff\n[]\n" + line(3))
    assert past(root, home) == []
    found = [(event.type, event.level) for event in records(root)]
    good, bad = ("rollout.event_msg", "info"), ("invalid", "error")
    assert found == [good, good, bad, bad, bad, good]
    assert records(root)[1].id.startswith(f"{THREAD}@{len(line(0) + torn)}#")


# What hooks say is untrusted


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "relative/sessions/rollout-2026-11-27T19-36-05-{thread}.jsonl",
        "{home}/.codex/auth.json",
        "{home}/.codex/sessions/../rollout-2026-11-27T19-36-05-{thread}.jsonl",
        "{home}/.codex/other/rollout-2026-11-27T19-36-05-{thread}.jsonl",
        "{home}/.codex/sessions/2026/11/27/rollout-2026-11-27T19-36-05-{other}.jsonl",
        "{home}/.codex/sessions/2026/11/27/rollout-2026-11-27T19-36-05-{thread}.jsonl\0",
        "{home}/link/sessions/rollout-2026-11-27T19-36-05-{thread}.jsonl",
        ["a list"],
        7,
    ],
)
def test_a_path_that_is_no_rollout_of_the_thread_is_not_read(path: Any, home: Path, root: Path) -> None:
    rollout(home, line(0), thread=OTHER)
    (home / ".codex" / "auth.json").write_bytes(line(0))
    link = home / "link" / "sessions" / f"rollout-2026-11-27T19-36-05-{THREAD}.jsonl"
    link.parent.mkdir(parents=True)
    link.symlink_to(home / ".codex" / "auth.json")
    if isinstance(path, str):
        path = path.format(home=home, thread=THREAD, other=OTHER)
    with pytest.raises(SourceError):
        fire(root, {**hook(None), "transcript_path": path})
    assert records(root) == []


def test_a_thread_without_a_file_is_recorded_by_its_hooks_alone(home: Path, root: Path) -> None:
    fire(root, hook(None, "Stop"))
    assert records(root) == []


def test_levels_say_what_failed() -> None:
    for level, payload in [
        ("error", {"type": "task_complete", "error": {"message": "unauthorized"}}),
        ("error", {"type": "error", "message": "unauthorized"}),
        ("warn", {"type": "stream_error"}),
        ("warn", {"type": "patch_apply_end", "success": False}),
        ("warn", {"type": "patch_apply_end", "status": "failed"}),
        ("warn", {"type": "item_completed", "item": {"status": "failed"}}),
        ("warn", {"type": "item_completed", "item": {"status": "declined"}}),
        ("info", {"type": "task_complete", "error": None}),
        ("info", {"type": "patch_apply_end", "success": True}),
        ("info", {"type": ["a list"], "item": 7, "status": [1]}),
        ("info", None),
    ]:
        assert HARNESS.level("rollout.event_msg", {"type": "event_msg", "payload": payload}) == level, payload
    assert HARNESS.level("PostModelRequest", {"status": "failed"}) == "warn"
    assert HARNESS.level("Stop", {}) == "info"


# The hooks


def installed(root: Path, home: Path, **env: str) -> Result:
    return call(root, "install", "codex", HOME=str(home), **env)


def reviews(home: Path, **changed: Any) -> str:
    """What Codex adds to config.toml when the user trusts all hooks."""
    file = home / ".codex" / "hooks.json"
    lines = []
    for event, groups in json.loads(file.read_bytes())["hooks"].items():
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in event).removeprefix("_")
        for i, group in enumerate(groups):
            for j, definition in enumerate(group["hooks"]):
                identity = {"event_name": snake, "hooks": [{"async": False, **definition}]}
                text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
                entry = {"trusted_hash": f"sha256:{sha256(text.encode()).hexdigest()}", **changed}
                lines += [f'[hooks.state."{file}:{snake}:{i}:{j}"]']
                lines += [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
    return "\n".join(lines)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `codex` on the PATH, of the version that its file says."""
    programs = tmp_path / "programs"
    programs.mkdir()
    version = programs / "version"
    version.write_text("codex-cli 0.171.0")
    program = programs / "codex"
    program.write_text(f"#!/bin/sh\ncat {version}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return version


def test_one_command_for_all_events_and_the_users_hooks_stay(home: Path, root: Path, client: Path) -> None:
    file = home / ".codex" / "hooks.json"
    file.parent.mkdir()
    theirs = b'{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "true"}]}]}}\n'
    file.write_bytes(theirs)
    (home / ".codex" / "config.toml").write_text("notify = []\n")
    done = installed(root, home)
    assert done.code == EX_OK
    assert "13 of our 13 hooks are not reviewed yet" in done.err
    found = json.loads(file.read_bytes())["hooks"]
    assert sorted(found) == sorted(install.EVENTS)
    ours = [
        group["hooks"][0] for groups in found.values() for group in groups if group["hooks"][0]["command"] != "true"
    ]
    assert {one["command"] for one in ours} == {hook_command("codex")}
    assert [found[event][0]["hooks"][0]["timeout"] for event in ("Interrupt", "SessionEnd")] == [3, 3]
    assert found["Stop"][0]["hooks"][0] == {"type": "command", "command": "true"}
    assert installed(root, home).out.startswith("Codex is recorded already")
    assert call(root, "uninstall", "codex", HOME=str(home)).code == EX_OK
    assert file.read_bytes() == theirs
    assert (home / ".codex" / "config.toml").read_text() == "notify = []\n"


def obstacles(home: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int] | None) -> str:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("CODEX_HOME", raising=False)
    installer = install.CodexInstaller(HARNESS)
    return "\n".join(f"{one.finding}; {one.remedy}" for one in installer.obstacles(installer.file(None), version))


def test_what_keeps_hooks_from_running_is_reported(
    home: Path, root: Path, client: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(root, home)
    newest, settings = (0, 171, 0), home / ".codex" / "config.toml"
    assert "13 of our 13 hooks are not reviewed yet" in obstacles(home, monkeypatch, newest)
    assert obstacles(home, monkeypatch, (0, 124, 0)) == "", "it reviews nothing"
    assert "runs no hooks" in obstacles(home, monkeypatch, (0, 101, 0))
    settings.write_text(reviews(home))
    assert obstacles(home, monkeypatch, newest) == ""
    settings.write_text(reviews(home, enabled=False))
    assert "turned off" in obstacles(home, monkeypatch, newest)
    settings.write_text(reviews(home, trusted_hash="sha256:of another command"))
    assert "13 of our 13" in obstacles(home, monkeypatch, newest)
    settings.write_text("features = { hooks = false }")
    assert f"{settings}: hooks is false in [features]" in obstacles(home, monkeypatch, newest)
    settings.write_text("features = { codex_hooks = false }")
    assert f"{settings}: codex_hooks is false in [features]" in obstacles(home, monkeypatch, (0, 124, 0))
    settings.write_text("hooks = 1")
    assert "13 of our 13" in obstacles(home, monkeypatch, newest)
    settings.write_text("= broken")
    assert "repair it" in obstacles(home, monkeypatch, newest)
    (home / ".codex" / "hooks.json").write_text('{"hooks": {}} // mine')
    assert "line 1, column 15: not plain JSON" in obstacles(home, monkeypatch, newest)


def test_codex_home_moves_all(home: Path, root: Path, client: Path) -> None:
    place = home / "elsewhere"
    assert installed(root, home, CODEX_HOME=str(place)).code == EX_OK
    assert (place / "hooks.json").exists()
    assert not (home / ".codex").exists()
    path = place / "sessions" / rollout(home).name
    path.parent.mkdir()
    path.write_bytes(line(0))
    # Into another root, because `install` imports in the background.
    done = call(home / "another", "backfill", "codex", "--all", HOME=str(home), CODEX_HOME=str(place))
    assert done.out.startswith("1 new records of 1 sessions")
