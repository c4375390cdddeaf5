"""The plugin in OpenCode: what it logs, how long it holds a text, and that nothing it meets reaches the client."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock
from zlib import crc32

import pytest

from clankers import paths
from clankers.harnesses.opencode.harness import HARNESS
from clankers.harnesses.opencode.install import PluginInstaller
from clankers.log import envelope, strict_json
from clankers.log.reader import Line, log_files, read
from clankers.log.writer import Log
from tests.commands import POSIX_ONLY, environment
from tests.feeding import CAPTURES, OPENCODE, opencode_records, project, rows
from tests.patience import DEADLINE, wait_for

NODE = shutil.which("node") or ""
PLUGIN = Path(__file__).parent.parent / "clankers" / "assets" / "opencode" / "plugin" / "clankers.js"
DRIVER = Path(__file__).parent / "opencode_driver.mjs"
GATHER = 800  # milliseconds that a text may be held
SLACK = 400  # milliseconds that a timer may be late, beside those in which the client had no processor
NOON = 1_795_262_400_000  # 2026-11-21T12:00:00Z
MIDNIGHT = NOON + 43_200_000

pytestmark = [pytest.mark.skipif(not NODE, reason="no node to run the plugin in"), POSIX_ONLY]

Json = dict[str, Any]


class Client:
    """A process that has the plugin loaded, and follows commands."""

    def __init__(self, folder: Path, env: dict[str, str], catch_up: list[str] | None) -> None:
        self.file = folder / "clankers.mjs"
        text = PLUGIN.read_text("utf-8")
        assert text.count("const CATCH_UP = []") == 1
        self.file.write_text(text.replace("const CATCH_UP = []", f"const CATCH_UP = {json.dumps(catch_up or [])}"))
        self.process = subprocess.Popen(
            [NODE, str(DRIVER)],
            env=env,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._watchdog = threading.Timer(DEADLINE, self.process.kill)  # so that a client that hangs ends
        self._watchdog.start()

    def _command(self, **command: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def load(self, *, place: Any = None, file: Path | None = None) -> None:
        self._command(load=str(file or self.file), **({} if place is None else {"place": place}))

    def tell(self, *events: Any, to: int = 0) -> None:
        for event in events:
            self._command(event=event, to=to)

    def clock(self, milliseconds: int) -> None:
        self._command(clock=milliseconds)

    def do(self, script: str) -> Any:
        """What `script`, the body of an async function, returns: by then everything before it is done, too."""
        self._command(js=script)
        assert self.process.stdout
        answer = self.process.stdout.readline()
        assert answer, self.process.communicate()[1]
        return json.loads(answer)

    def sync(self) -> None:
        self.do("return 0")

    def kill(self) -> None:
        """End it as soon as all was sent, in a way that it cannot notice."""
        self.sync()
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL

    def end(self, code: int = 0) -> None:
        """The client ends by itself; nothing it did not ask for was printed, nothing thrown."""
        out, err = self.process.communicate()
        assert (out, err, self.process.returncode) == ("", "", code)

    def close(self) -> None:
        self._watchdog.cancel()
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                try:
                    stream.close()
                except OSError:
                    continue
        self.process.wait()


Start = Callable[..., Client]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(tmp_path: Path, root: Path) -> Iterator[Start]:
    """Start a client that has the plugin loaded once."""
    clients: list[Client] = []

    def started(*, catch_up: list[str] | None = None, loaded: bool = True, **env: str) -> Client:
        client = Client(tmp_path, environment(root, **env), catch_up)
        clients.append(client)
        if loaded:
            client.load()
        return client

    yield started
    for client in clients:
        client.close()


def all_lines(root: Path) -> list[Line]:
    return [one for file in log_files(str(root)) for one in read(str(root), file)]


def logged(root: Path, *, damaged: int = 0) -> list[Json]:
    """The log's events as objects, `payload` decoded; `damaged` lines are there besides."""
    lines = all_lines(root)
    assert len([one.reason for one in lines if one.reason]) == damaged
    return [json.loads(one.raw) for one in lines if one.event]


def payloads(root: Path, *, damaged: int = 0) -> list[Any]:
    return [one["payload"] for one in logged(root, damaged=damaged)]


def log_path(root: Path) -> Path:
    (file,) = log_files(str(root))
    return root / file.name


def event(type: str, **properties: Any) -> Json:
    return {"type": type, "properties": properties}


def todo(n: int = 0, **more: Any) -> Json:
    """An event that is written as it comes."""
    return event("todo.updated", sessionID="ses_1", todos=[], n=n, **more)


def numbers(root: Path, *, damaged: int = 0) -> list[int]:
    return [one["properties"]["n"] for one in payloads(root, damaged=damaged)]


def delta(text: str, *, part: str = "prt_1", field: str = "text", **more: Any) -> Json:
    ids = {"sessionID": "ses_1", "messageID": "msg_1", "partID": part}
    return {**more, **event("message.part.delta", **ids, field=field, delta=text)}


def part(id: str = "prt_1", type: str = "text", *, delta: str | None = None, **more: Any) -> Json:
    told = {} if delta is None else {"delta": delta}
    ids = {"id": id, "sessionID": "ses_1", "messageID": "msg_1"}
    return event("message.part.updated", part={**ids, "type": type, **more}, **told)


def tool(status: str, output: str = "", **more: Any) -> Json:
    state = {"status": status, "input": {"command": "make"}, "metadata": {"output": output}, **more}
    return part("prt_tool", "tool", tool="bash", callID="call_1", state=state)


def texts(root: Path) -> dict[str, list[str]]:
    """By part and field: the deltas of its lines."""
    found: dict[str, list[str]] = {}
    for one in payloads(root):
        given = one["properties"]
        if one["type"] == "message.part.delta":
            found.setdefault(f"{given['partID']} {given['field']}", []).append(given["delta"])
    return found


# What is exported, and how a line looks


def test_it_is_one_async_function_and_prints_nothing(start: Start, root: Path) -> None:
    client = start()
    found = client.do("return Object.values(modules[0]).map((one) => one.constructor.name)")
    assert found == ["AsyncFunction"]
    assert client.do("return Object.values(modules[0]).length") == 1
    assert client.do("return Object.values(plugins[0]).map((one) => one.constructor.name)") == ["AsyncFunction"] * 2
    client.tell(todo(1), delta("text"))
    client.end()
    assert len(logged(root)) == 2


def test_loading_alone_writes_nothing(start: Start, root: Path) -> None:
    start(catch_up=["/no/such/command"]).end()
    assert not root.exists()


LINE = re.compile(
    rb'\{"v":1,"id":"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})",'
    rb'"ts":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","level":"(?:info|warn|error)","source":"opencode",'
    rb'"type":"[a-z.]+","payload":(\{.*\}),"crc":"([0-9a-f]{8})"\}\n',
    re.DOTALL,
)


@pytest.mark.parametrize("fallback", [False, True], ids=["crc of node", "crc of ours"])
def test_a_line_is_as_the_contract_has_it(start: Start, root: Path, fallback: bool) -> None:
    client = start(loaded=False)
    if fallback:  # as in a runtime whose zlib has no crc32
        client.do('require("node:zlib").crc32 = undefined; syncBuiltinESMExports(); return 0')
    client.load()
    before = time.time()
    client.tell(*(todo(n, text='caf\u00e9 \u2028 \U0001f600 "quoted"\n\\', list=[1.5, None, {}]) for n in range(300)))
    client.end()
    ids = []
    for raw in log_path(root).read_bytes().splitlines(keepends=True):
        m = LINE.fullmatch(raw)
        assert m, raw
        id, ts, payload, crc = (group.decode() for group in m.groups())
        ids.append(id)
        made = int(id.replace("-", "")[:12], 16)
        assert envelope.stamp(made * 1_000_000) == ts
        assert before - 1 < made / 1000 < time.time() + 1
        assert json.dumps(json.loads(payload), ensure_ascii=False, separators=(",", ":")) == payload
        assert crc == f"{crc32(raw[: -len(envelope.CRC_KEY) - 11]):08x}"
    assert numbers(root) == list(range(300))
    assert ids == sorted(ids)
    assert len(set(ids)) == 300
    assert len({id[-12:] for id in ids}) == 300


def test_ids_sort_within_a_millisecond(start: Start, root: Path) -> None:
    client = start()
    client.clock(NOON)
    client.tell(*map(todo, range(300)))
    client.end()
    ids = [one["id"] for one in logged(root)]
    assert ids == sorted(ids)
    assert numbers(root) == list(range(300))
    assert {one["ts"] for one in logged(root)} == {"2026-11-21T12:00:00.000Z"}


@pytest.mark.parametrize("there", [False, True], ids=["new root", "root is there"])
def test_log_and_root_are_for_their_owner_alone(there: bool, start: Start, tmp_path: Path) -> None:
    root = tmp_path / "above" / "data"
    if there:
        paths.make_private(str(root))
    before = os.umask(0)
    try:
        client = start(CLANKERS_DATA_PATH=str(root))
        client.tell(todo())
        client.end()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(p.stat().st_mode) for p in (root.parent, root, log_path(root))] == [0o700, 0o700, 0o600]


def test_it_writes_where_clankers_reads(start: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings: list[dict[str, str]] = [
        {"CLANKERS_DATA_PATH": str(tmp_path / "a"), "XDG_DATA_HOME": str(tmp_path / "b")},
        {"CLANKERS_DATA_PATH": "relative"},
        {"CLANKERS_DATA_PATH": "", "XDG_DATA_HOME": str(tmp_path / "xdg")},
        {"XDG_DATA_HOME": "relative/xdg"},
        {"XDG_DATA_HOME": ""},
        {},
    ]
    found = []
    for n, setting in enumerate(settings):
        env = {"HOME": f"{home}{n}", "PATH": os.environ["PATH"], **setting}
        client = Client(tmp_path, env, None)
        try:
            client.load()
            client.tell(todo(n))
            client.end()
        finally:
            client.close()
        with mock.patch.dict(os.environ, env, clear=True):
            root = tmp_path / paths.data_root()
        assert numbers(root) == [n]
        found.append(str(root.relative_to(tmp_path)))
    assert found == ["a", "relative", "xdg/clankers", *(f"home{n}/.local/share/clankers" for n in (3, 4, 5))]


# What is logged of real clients' events

LEFT_OUT = {
    "plugin.added",
    "catalog.updated",
    "reference.updated",
    "integration.updated",
    "models-dev.refreshed",
    "installation.updated",
    "installation.update-available",
    "server.connected",
    "server.heartbeat",
    "file.watcher.updated",
    "lsp.updated",
    "lsp.client.diagnostics",
    "tui.prompt.append",
    "tui.toast.show",
    "tui.command.execute",
}


SNAPSHOTS = {"session.updated", "session.status", "session.diff", "message.updated"}


def seen(name: str) -> tuple[Json, list[Json]]:
    """What the plugin of a capture was given when it was loaded, and the events that it got."""
    records = [json.loads(line) for line in (CAPTURES / "opencode" / name / "plugin.jsonl").open(encoding="utf-8")]
    loads = [r for r in records if r["kind"] == "plugin.load"]
    place = {k: loads[0][k] for k in ("directory", "worktree", "project")} if loads else {}
    return place, [r["event"] for r in records if r["kind"] == "event"]


def streams(event: Json) -> bool:
    """Whether it is reported again and again as it grows."""
    given = event["properties"]
    running = given.get("part", {}).get("state", {}).get("status") == "running"
    return event["type"] == "message.part.delta" or (
        event["type"] == "message.part.updated" and ("delta" in given or running)
    )


def play(name: str, root: Path, folder: Path, step: int) -> None:
    """A capture's events, `step` milliseconds after one another."""
    place, events = seen(name)
    client = Client(folder, environment(root), None)
    try:
        client.load(place=place)
        for n, one in enumerate(events):
            client.clock(NOON + n * step)
            client.tell(one)
        client.end()
    finally:
        client.close()


@pytest.fixture(scope="module", params=OPENCODE)
def replayed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A capture, and the log that the plugin makes of it when all comes at once."""
    folder = tmp_path_factory.mktemp("replayed")
    play(request.param, folder / "data", folder, 0)
    return request.param, folder / "data"


def test_each_event_of_a_real_client_is_a_line(replayed: tuple[str, Path]) -> None:
    name, root = replayed
    place, events = seen(name)
    lines = [one for one in logged(root) if one["type"] != "plugin.project"]
    expected = [one for one in events if one["type"] not in {*LEFT_OUT, *SNAPSHOTS} and not streams(one)]
    found = [one["payload"] for one in lines if one["type"] not in SNAPSHOTS]
    assert [one for one in found if not streams(one)] == expected
    for one in lines:
        assert one["type"] == one["payload"]["type"]
        assert one["level"] == HARNESS.level(one["type"], strict_json.parse(json.dumps(one["payload"]).encode()))
    projects = [one["payload"] for one in logged(root) if one["type"] == "plugin.project"]
    assert projects == ([place] if place else [])


def by_subject(events: Iterable[Json]) -> dict[str, list[Json]]:
    """Snapshots by what they are of."""
    found: dict[str, list[Json]] = {}
    for one in events:
        if one.get("type") in SNAPSHOTS:
            given = one["properties"]
            found.setdefault(f"{one['type']} {given.get('info', {}).get('id') or given['sessionID']}", []).append(one)
    return found


def includes(now: Any, before: Any) -> bool:
    """Whether `now` says all that `before` does: what was there is there, counts and times have grown."""
    match now, before:
        case dict(), dict():
            return all(key in now and includes(now[key], before[key]) for key in before)
        case list(), list():
            return len(now) >= len(before) and all(map(includes, now, before))
        case int() | float(), int() | float():
            return bool(now >= before)
    return bool(now == before)


def test_a_snapshot_of_a_real_client_is_a_line_or_repeats_one_or_the_next_line_includes_it(
    replayed: tuple[str, Path],
) -> None:
    name, root = replayed
    lines = by_subject(payloads(root))
    for subject, events in by_subject(seen(name)[1]).items():
        written = iter(lines.pop(subject))
        following: Json | None = next(written)
        before: Json | None = None
        for one in events:
            content = {**one, "id": None}
            if one == following:
                following = next(written, None)
            else:
                assert content == before or (following and includes({**following, "id": None}, content)), one
            before = content
        assert following is None
    assert not lines


def test_what_streams_in_a_real_client_is_gathered(replayed: tuple[str, Path]) -> None:
    name, root = replayed
    events = [one for one in seen(name)[1] if streams(one)]
    lines = [one["payload"] for one in logged(root) if one["type"] != "plugin.project" and streams(one["payload"])]
    assert len(lines) <= len(events)
    for one in lines:
        if one["type"] == "message.part.updated":
            assert one in events
        else:
            given = one["properties"]
            same = [e for e in events if {**e["properties"], "delta": ""} == {**given, "delta": ""}]
            assert given["delta"] == "".join(e["properties"]["delta"] for e in same)
    if name not in ("1.18.33/40-api", "1.18.33/52-sigkill"):  # there streams were cut off
        assert "message.part.delta" not in {one["type"] for one in lines}
    told = [one["properties"]["part"]["id"] for one in events if "part" in one["properties"]]
    kept = {one["properties"]["part"]["id"] for one in lines if "part" in one["properties"]}
    assert kept <= set(told)


def direct(name: str, root: Path) -> None:
    """A capture's events, and its named hooks, as `clankers append` logs them."""
    now = NOON * 1_000_000
    with Log(str(root)) as log:
        lines = [envelope.line(*record, now_ns=now) for record in opencode_records(name)]
        log.write(envelope.day_of(now), lines)


def comparable(root: Path, **without: set[str]) -> dict[str, list[Json]]:
    """All rows but the projects', of which the plugin tells more."""
    found = rows(project(root), without=without)
    del found["projects"]
    return found


def test_the_plugins_log_makes_the_rows_of_the_events(replayed: tuple[str, Path], tmp_path: Path) -> None:
    name, root = replayed
    direct(name, tmp_path)
    assert comparable(root) == comparable(tmp_path)
    db = project(root)
    assert db.execute("SELECT count(*) FROM rejects").get == 0
    assert db.execute("SELECT count(*) FROM event_types WHERE NOT known").get == 0


@pytest.mark.parametrize("name", OPENCODE)
def test_a_slow_stream_makes_the_same_rows(name: str, tmp_path: Path) -> None:
    play(name, tmp_path / "slow", tmp_path, 150)
    direct(name, tmp_path / "direct")
    times = {  # when they were reported, which is the log's time
        "sessions": {"deleted_at"},
        "messages": {"deleted_at"},
        "parts": {"deleted_at"},
        "todos": {"updated_at"},
        "session_errors": {"created_at"},
    }
    assert comparable(tmp_path / "slow", **times) == comparable(tmp_path / "direct", **times)


@pytest.mark.parametrize("version", ["1.18.33", "1.1.65"])
def test_the_project_is_reported_once(version: str, start: Start, root: Path) -> None:
    place, events = seen(f"{version}/01-plain")
    client = start(loaded=False)
    client.load(place=place)
    client.tell(*events, *events)
    client.end()
    (found,) = rows(project(root))["projects"]
    assert (found["path"], found["id"]) == (place["worktree"], place["project"]["id"])
    assert [one["payload"] for one in logged(root) if one["type"] == "plugin.project"] == [place]


def test_noise_is_left_out(start: Start, root: Path) -> None:
    client = start()
    client.tell(*(event(type, sessionID="ses_1") for type in LEFT_OUT), todo(1))
    client.end()
    assert numbers(root) == [1]


def test_what_is_not_known_is_kept(start: Start, root: Path) -> None:
    told: list[Json] = [
        {"type": "session.next.thing", "properties": {"sessionID": "ses_1"}},
        {"id": "evt_1", "type": "message.next", "properties": {"__proto__": {"a": 1}, "n": 1e21}, "more": [1]},
        {"type": "no.properties"},
        {"type": "x" * 300},
        {"type": "caf\u00e9 \u2028"},
        {"type": "message.part.delta", "properties": {"partID": "prt_1", "field": "text"}},
        {"type": "message.part.delta", "properties": {"partID": "prt_1", "field": "text", "delta": {"a": 1}}},
    ]
    client = start(loaded=False)
    client.load(place={"client": {}, "worktree": "/src", "directory": "/src"})
    client.tell(*told)
    client.end()
    lines = [one for one in logged(root) if one["type"] != "plugin.project"]
    assert [one["payload"] for one in lines] == told
    assert [one["type"] for one in lines] == [one["type"][:200] for one in told]


ODD: list[Json] = [
    event("session.error", error={"name": "x"}),
    event("session.error"),
    event("message.updated", info={"error": {"name": "APIError"}}),
    event("session.updated", info={"error": {"name": "APIError"}}),
    event("message.updated", info={"error": None}),
    event("message.updated", info="error"),
    event("session.status", status={"type": "retry"}),
    event("session.status", status="retry"),
    event("session.idle", status={"type": "retry"}),
    event("next.event", status={"type": "retry"}),
    event("next.event", part={"state": {"status": "error"}, "tool": "invalid"}),
    tool("completed", metadata={"exit": 0}),
    tool("completed", metadata={"exit": 3}),
    tool("completed", metadata={"exit": -1}),
    tool("completed", metadata={"exit": None}),
    tool("completed", metadata={"exit": "0"}),
    tool("completed", metadata={}),
    tool("completed", metadata=None),
    tool("completed", metadata="output"),
    tool("completed", metadata=["output"]),
    tool("completed", metadata=[]),
    tool("error", error="failed"),
    part("p", "tool", tool="invalid", state={"status": "completed"}),
    part("p", "tool", tool="invalid"),
    part("p", "tool", tool="bash", state="completed"),
    part("p", "tool", tool="bash", state=None),
    event("message.part.updated", part="prt_1"),
    event("message.part.updated", part=None),
    event("message.part.updated"),
    {"type": "message.updated", "properties": None},
    {"type": "message.updated", "properties": "info"},
    {"type": "message.updated", "properties": [1]},
    {"type": "message.updated"},
]


def test_levels_are_those_of_clankers(start: Start, root: Path) -> None:
    client = start()
    client.tell(*ODD)
    client.end()
    lines = logged(root)
    assert [one["payload"] for one in lines] == ODD
    expected = [HARNESS.level(one["type"], strict_json.parse(json.dumps(one).encode())) for one in ODD]
    assert list(zip([one["level"] for one in lines], ODD, strict=True)) == list(zip(expected, ODD, strict=True))


# What streams


def test_deltas_are_one_line_with_all_their_text(start: Start, root: Path) -> None:
    client = start()
    client.tell(*(delta(f"word{n} ", id=f"evt_{n}") for n in range(50)))
    client.sync()
    assert not root.exists()
    client.tell(event("session.idle", sessionID="ses_1"))
    client.kill()
    assert payloads(root) == [
        delta("".join(f"word{n} " for n in range(50)), id="evt_0"),
        event("session.idle", sessionID="ses_1"),
    ]


@pytest.mark.parametrize(
    "told",
    [[delta("a"), delta("b")], [part(text="a", delta="a"), part(text="ab", delta="b")]],
    ids=["deltas", "growing text"],
)
def test_what_is_gathered_is_written_when_nothing_else_comes(told: list[Json], start: Start, root: Path) -> None:
    """Not earlier and not later: timers end in the order in which they are due, however late the machine is."""
    client = start()
    there = client.do(
        f"""
        const {{ existsSync }} = require("node:fs")
        const there = () => existsSync({json.dumps(str(root))})
        for (const one of {json.dumps(told)}) tell(one)
        const looks = [{GATHER - 100}, {GATHER + 100}].map((ms) => wait(ms).then(there))
        return [there(), ...(await Promise.all(looks))]
        """
    )
    assert there == [False, False, True]
    client.kill()
    assert payloads(root) == [delta("ab") if told[0]["type"] == "message.part.delta" else told[-1]]


STREAM = """
const told = []
const begin = Date.now()
while (Date.now() - begin < 1550) {
  told.push(Date.now())
  tell({ type: "message.part.delta", properties: { partID: "p", field: "text", delta: told.at(-1) + " " } })
  PAUSE
}
process.stdout.write(JSON.stringify([told, Date.now()]) + "\\n")
process.kill(process.pid, "SIGKILL")
await wait(10000)
"""
BUSY = "const until = performance.now() + 3; while (performance.now() < until);"


@pytest.mark.parametrize("pause", ["await wait(3)", BUSY], ids=["idle", "busy"])
def test_a_kill_takes_at_most_the_last_800_ms(pause: str, start: Start, root: Path) -> None:
    """A client that is busy has no time for timers."""
    told, killed = start().do(STREAM.replace("PAUSE", pause))
    wait_for(root.exists)
    kept = [int(text) for line in texts(root)["p text"] for text in line.split()]
    assert kept == told[: len(kept)]
    assert len(kept) < len(told)
    paused = max(b - a for a, b in pairwise([*told, killed]))  # while others had the processor
    assert told[len(kept)] > killed - GATHER - SLACK - paused


def test_parts_and_fields_keep_their_own_text(start: Start, root: Path) -> None:
    client = start()
    for n in range(10):
        client.tell(delta(f"a{n}", part="prt_a"), delta(f"b{n}", part="prt_b"))
        client.tell(delta(f"c{n}", part="prt_a", field="summary"), delta(f"d{n}", part="prt_a2"))
    client.end()
    assert texts(root) == {
        f"prt_{part}": ["".join(f"{letter}{n}" for n in range(10))]
        for part, letter in (("a text", "a"), ("b text", "b"), ("a summary", "c"), ("a2 text", "d"))
    }


def test_deltas_cut_in_the_middle_of_a_character_are_complete_again(start: Start, root: Path) -> None:
    client = start()
    told = json.dumps(delta("HALF"))
    client.do(
        f'for (const half of "\U0001f600".split("")) {{ const one = {told}; one.properties.delta = half; tell(one) }}'
        "return 0"
    )
    client.end()
    assert texts(root) == {"prt_1 text": ["\U0001f600"]}
    assert b"\\ud" not in log_path(root).read_bytes()


ENDS: dict[str, Json] = {
    "the message is complete": event("message.updated", info={"id": "msg_1", "time": {"completed": 1}}),
    "the message is removed": event("message.removed", messageID="msg_1"),
    "session.idle": event("session.idle", sessionID="ses_1"),
    "session.error": event("session.error", sessionID="ses_1"),
    "session.deleted": event("session.deleted", info={"id": "ses_1"}),
    "session.status": event("session.status", sessionID="ses_1", status={"type": "retry"}),
    "server.instance.disposed": event("server.instance.disposed", directory="/src"),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_end_leaves_nothing_in_memory(end: str, start: Start, root: Path) -> None:
    held = [delta("text"), part("prt_2", text="t", delta="t"), tool("running", "1"), tool("running", "2")]
    client = start()
    client.tell(*held, ENDS[end])
    client.kill()
    found = payloads(root)
    assert found[-1] == ENDS[end]
    assert sorted(map(repr, found[:-1])) == sorted(map(repr, held))


def test_what_is_gathered_keeps_no_client_from_ending(start: Start, root: Path) -> None:
    client = start()
    client.tell(delta("a"))
    assert client.do('return process.getActiveResourcesInfo().filter((one) => one === "Timeout")') == []
    client.end()
    assert texts(root) == {"prt_1 text": ["a"]}


@pytest.mark.parametrize("how", ["dispose", "exit", "end"])
def test_a_client_that_goes_leaves_nothing_in_memory(how: str, start: Start, root: Path) -> None:
    client = start()
    client.tell(delta("a"), delta("b"))
    if how == "dispose":
        client.do("call(() => plugins[0].dispose()); return 0")
        client.tell(todo())  # events can come after it
        client.kill()
        assert payloads(root)[1:] == [todo()]
    else:
        client.sync()
        if how == "exit":
            client._command(js="process.exit(3)")
        client.end(3 if how == "exit" else 0)
    assert texts(root) == {"prt_1 text": ["ab"]}


@pytest.mark.parametrize("field", ["text", "summary"])
def test_a_final_part_stands_for_its_deltas(field: str, start: Start, root: Path) -> None:
    final = part(text="ab", time={"start": 1, "end": 2})
    client = start()
    client.tell(delta("a", field=field), delta("b", field=field), delta("other", part="prt_12"), final)
    client.sync()
    assert payloads(root) == [final]
    client.end()
    assert payloads(root) == [final, delta("other", part="prt_12")]


def test_a_part_that_is_not_final_does_not_take_its_deltas_along(start: Start, root: Path) -> None:
    open = part(text="", time={"start": 1})
    client = start()
    client.tell(open, delta("a"), delta("b"), open)
    client.kill()
    assert payloads(root) == [open, delta("ab"), open]


def test_a_growing_text_is_reported_as_it_was_last(start: Start, root: Path) -> None:
    """OpenCode 1.0 and 1.1."""
    client = start()
    grown = [part(text="word " * n, delta="word ", time={"start": 1}) for n in range(1, 40)]
    client.tell(*grown, event("session.idle", sessionID="ses_1"), *grown)
    final = part(text="word " * 40, time={"start": 1, "end": 2})
    client.tell(final)
    client.kill()
    assert payloads(root) == [grown[-1], event("session.idle", sessionID="ses_1"), final]


def test_a_running_tool_is_reported_at_once_then_now_and_then_and_at_its_end(start: Start, root: Path) -> None:
    client = start()
    client.clock(NOON)  # all of it is in one day's file
    client.tell(tool("pending"), tool("running", "0"))
    client.sync()
    assert payloads(root) == [tool("pending"), tool("running", "0")]
    # Timers have no turn between microtasks: the client's clock alone says how much time has passed.
    client.do(
        f"""
        for (let n = 1; n <= 400; n++) {{
          setClock({NOON} + n * 10)
          const event = {json.dumps(tool("running"))}
          event.properties.part.state.metadata.output = "x".repeat(n)
          tell(event)
          for (let turns = 0; turns < 10; turns++) await null
        }}
        tell({json.dumps(tool("completed", "all"))})
        return 0
        """
    )
    client.kill()
    lines = logged(root)[2:]
    assert lines[-1]["payload"] == tool("completed", "all")
    grown = [len(one["payload"]["properties"]["part"]["state"]["metadata"]["output"]) for one in lines[:-1]]
    assert len(grown) in (4, 5)
    assert all(GATHER <= (b - a) * 10 <= GATHER + 20 for a, b in pairwise(grown))


def status(kind: str = "busy", **more: Any) -> Json:
    return {**more, **event("session.status", sessionID="ses_1", status={"type": kind})}


def session(updated: int, **info: Any) -> Json:
    return event("session.updated", info={"id": "ses_1", "title": "t", "time": {"updated": updated}, **info})


def test_a_snapshot_that_repeats_the_one_before_is_no_line(start: Start, root: Path) -> None:
    message = event("message.updated", info={"id": "msg_1", "sessionID": "ses_1", "role": "user"})
    other = event("message.updated", info={"id": "msg_2", "sessionID": "ses_1", "role": "user"})
    diff = event("session.diff", sessionID="ses_1", diff=[{"file": "a", "patch": "+1"}])
    told = [status(id="evt_1"), message, other, diff, status("idle"), status(), event("session.diff", diff=[])]
    client = start()
    for one in told:
        client.tell(one, {**one, "id": "evt_2"} if one.get("id") else one)
    client.tell(told[1], told[2], told[3])
    client.end()
    assert payloads(root) == [*told, told[-1]]  # what names no session is compared with nothing


def test_what_a_busy_session_changes_is_held_until_a_report_includes_it(start: Start, root: Path) -> None:
    client = start()
    first, grown, longer = session(1), session(2), session(3, cost=0.5)
    renamed, shrunk, spent = session(4, title="u", cost=0.5), session(4, title="u"), session(5, title="u", cost=1)
    client.clock(NOON)
    client.tell(status(), first)
    client.tell(grown, longer, renamed, shrunk, spent)
    client.sync()
    assert payloads(root) == [status(), first, longer, renamed]
    client.clock(NOON + GATHER)
    client.tell(todo())
    client.kill()
    assert payloads(root) == [status(), first, longer, renamed, spent, todo()]


def test_the_first_and_the_last_report_of_a_message_are_written_at_once(start: Start, root: Path) -> None:
    def message(**more: Any) -> Json:
        return event("message.updated", info={"id": "msg_1", "sessionID": "ses_1", "cost": 0, "time": {}, **more})

    told = [status(), message(), message(cost=1), message(cost=1, time={"completed": 1})]
    failed = [message(cost=2), message(cost=2, error={"name": "APIError"})]
    client = start()
    client.tell(*told, *failed)
    client.kill()
    assert payloads(root) == [told[0], told[1], told[3], failed[1]]


@pytest.mark.parametrize("before", [[], [status(), status("idle")]], ids=["without a status", "idle"])
def test_nothing_is_held_of_a_session_that_is_not_busy(before: list[Json], start: Start, root: Path) -> None:
    told = [*before, session(1), session(2), session(3)]
    client = start()
    client.tell(*told)
    client.kill()
    assert payloads(root) == told


def test_what_is_held_is_as_it_was_reported(start: Start, root: Path) -> None:
    client = start()
    client.tell(status(), session(1))
    client.do(f"const one = {json.dumps(session(2))}; tell(one); one.properties.info.title = 'later'; return 0")
    client.end()
    assert payloads(root) == [status(), session(1), session(2)]


def test_the_memory_for_repetitions_is_bounded(start: Start, root: Path) -> None:
    client = start()
    client.do(
        "for (let n = 0; n < 100; n++) for (let i = 0; i < 2; i++) tell({ type: 'message.updated',"
        "properties: { info: { id: `msg_${n}`, sessionID: 'ses_1', text: 'x'.repeat(100_000) } } }); return 0"
    )
    kept = "globalThis[Symbol.for('clankers.opencode.recorder')]"
    count, chars = client.do(f"return [{kept}.reported.size, {kept}.reportedChars]")
    assert (count, chars < 4 << 20) == (41, True)
    client.do("tell({ type: 'session.diff', properties: { sessionID: 'ses_1', diff: 'x'.repeat(5 << 20) } }); return 0")
    assert client.do(f"return [{kept}.reported.size, {kept}.reportedChars]") == [0, 0]
    client.end()
    assert len(payloads(root)) == 101


def test_a_tool_that_runs_again_is_reported_at_once(start: Start, root: Path) -> None:
    told = [tool("running", "1"), tool("error", error="no"), tool("running", "2"), tool("completed", "3")]
    client = start()
    client.tell(*told)
    client.kill()
    assert payloads(root) == told


def test_one_event_that_cannot_be_written_does_not_hold_up_what_is_gathered(start: Start, root: Path) -> None:
    client = start()
    client.do(f"const bad = {json.dumps(part('prt_0', text='', delta=''))}; bad.properties.n = 1n; tell(bad); return 0")
    client.tell(delta("a"), event("session.idle", sessionID="ses_1"), todo(1), delta("b"))
    client.end()
    assert payloads(root) == [delta("a"), event("session.idle", sessionID="ses_1"), todo(1), delta("b")]


# More than one


def test_an_event_that_two_copies_hear_is_one_line(start: Start, root: Path, tmp_path: Path) -> None:
    place, _ = seen("1.18.33/01-plain")
    copy = tmp_path / "copy.mjs"
    client = start(loaded=False)
    shutil.copy(client.file, copy)
    for file in (client.file, copy, client.file):
        client.load(file=file, place=place)
    assert client.do("return modules[0] === modules[1]") is False
    for one in (event("session.idle", sessionID="ses_1"), delta("a"), delta("b"), todo(1), todo(1)):
        client.do(f"const one = {json.dumps(one)}; for (const n of [0, 1, 2]) tell(one, n); return 0")
    client.end()
    assert payloads(root) == [place, event("session.idle", sessionID="ses_1"), delta("ab"), todo(1), todo(1)]


def test_the_entry_for_version_2_records_a_stream_of_events_and_what_both_entries_hear_is_one_line(
    start: Start, root: Path, tmp_path: Path
) -> None:
    client = start()
    entry = tmp_path / "plugins" / "clankers" / "index.js"
    entry.parent.mkdir(parents=True)
    entry.write_bytes(PluginInstaller(HARNESS).text(entry))
    (entry.parent / "package.json").write_text('{"type": "module"}')
    one, other = ({"type": "session.created", "data": {"sessionID": f"ses_{n}"}} for n in (1, 2))
    found = client.do(f"""
        const entry = (await import({json.dumps(entry.as_uri())})).default
        await entry.setup({{}})
        await entry.setup({{ event: {{ subscribe: () => {{ throw new Error("no stream") }} }} }})
        const [one, other] = {json.dumps([one, other])}
        const events = async function* () {{ yield one; yield other }}
        const dispose = await entry.setup({{ event: {{ subscribe: async (hear) => (hear(one), events()) }} }})
        await wait(10)
        plugins[0].event({{ event: other }})
        await dispose()
        return [typeof entry, entry.id]
    """)
    client.end()
    assert found == ["object", "clankers"]
    assert [line for line in payloads(root) if "data" in line] == [one, other]
    assert rows(project(root))["sessions"] == []
    unknown = "SELECT type, events FROM event_types WHERE NOT known"
    assert project(root).execute(unknown).fetchall() == [("session.created: data", 2)]


def test_each_directory_tells_its_own(start: Start, root: Path) -> None:
    places = [{"directory": f"/{x}", "worktree": f"/{x}", "project": {"id": x, "worktree": f"/{x}"}} for x in "ab"]
    client = start(loaded=False)
    for place in places:
        client.load(place=place)
    idle = [event("session.idle", sessionID=f"ses_{n}") for n in range(4)]
    for n, one in enumerate(idle):
        client.tell(one, to=n % 2)
    client.end()
    assert payloads(root) == [places[0], idle[0], places[1], *idle[1:]]


def test_many_clients_write_one_log(start: Start, root: Path) -> None:
    clients = [start() for _ in range(4)]
    for n, client in enumerate(clients):
        client._command(js=f"for (let i = 0; i < 200; i++) tell({{ ...{json.dumps(todo(n))}, i }})")
    for client in clients:
        client.end()
    told = [(one["properties"]["n"], one["i"]) for one in payloads(root)]
    assert len(told) == 800
    for n in range(4):
        assert [i for who, i in told if who == n] == list(range(200))


# A log that cannot be written


def test_what_a_file_in_the_roots_place_holds_up_comes_later(start: Start, root: Path) -> None:
    root.write_text("not a directory")
    client = start()
    client.tell(todo(0), delta("a"), event("session.idle", n=1), todo(2))
    client.sync()
    assert root.read_text() == "not a directory"
    root.unlink()
    client.tell(todo(3))
    client.kill()
    assert payloads(root) == [todo(0), delta("a"), event("session.idle", n=1), todo(2), todo(3)]
    ids = [one["id"] for one in logged(root)]
    assert ids == sorted(ids)


@pytest.mark.parametrize("how", ["dispose", "exit"])
def test_what_was_held_up_is_tried_once_more_at_the_end(how: str, start: Start, root: Path) -> None:
    root.write_text("not a directory")
    client = start()
    client.tell(todo(0), todo(1))
    client.sync()
    root.unlink()
    if how == "dispose":
        client.do("call(() => plugins[0].dispose()); return 0")
        client.kill()
    else:
        client.end()
    assert numbers(root) == [0, 1]


def test_a_root_without_the_right_to_write(start: Start, root: Path) -> None:
    root.mkdir(mode=0o500)
    if os.access(root, os.W_OK):
        pytest.skip("root may write everywhere")  # so the right that is missing changes nothing
    client = start()
    client.tell(todo(0), todo(1))
    client.sync()
    assert list(root.iterdir()) == []
    root.chmod(0o700)
    client.tell(todo(2))
    client.end()
    assert numbers(root) == [0, 1, 2]


@pytest.mark.parametrize("room", ["nothing", "a piece", "all but the newline", "a line"])
def test_a_full_disk_loses_no_line(room: str, start: Start, root: Path) -> None:
    """A limit on the size of files gives short writes and errors as a full disk does."""
    resource = pytest.importorskip("resource")  # Windows has no such limits
    if not hasattr(resource, "prlimit"):
        pytest.skip("no way to limit another process")  # prlimit is Linux's; others limit only themselves
    client = start()
    client.tell(todo(0))
    client.sync()
    size = log_path(root).stat().st_size
    left = {"nothing": 0, "a piece": 100, "all but the newline": size - 1, "a line": size}[room]
    _, hard = resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE, (size + left, hard))
    client.tell(*map(todo, range(1, 6)))
    client.sync()
    assert log_path(root).stat().st_size == size + left
    resource.prlimit(client.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    client.tell(todo(6))
    client.end()
    assert numbers(root, damaged=room == "a piece") == list(range(7))


SHORT = """
const fs = require("node:fs")
const real = fs.writeSync
globalThis.short = 0
fs.writeSync = (fd, text) => text.length > 1 && short-- > 0 ? real(fd, text.subarray(0, 50)) : real(fd, text)
syncBuiltinESMExports()
return 0
"""


@pytest.mark.parametrize(("times", "held"), [(1, False), (2, False), (3, True)])
def test_a_part_of_a_line_stays_on_a_line_of_its_own(times: int, held: bool, start: Start, root: Path) -> None:
    client = start()
    client.tell(todo(0))
    client.do(SHORT)
    client.do(f"short = {times}; return 0")
    client.tell(todo(1))
    client.sync()
    assert numbers(root, damaged=times) == ([0] if held else [0, 1])
    client.tell(todo(2))
    client.end()
    assert numbers(root, damaged=times) == [0, 1, 2]
    torn = [one for one in all_lines(root) if one.reason]
    assert [(len(one.raw), one.size) for one in torn] == [(50, 51)] * times


def test_what_was_not_kept_is_counted(start: Start, root: Path) -> None:
    root.write_text("not a directory")
    client = start()
    client.do(
        f"for (let i = 0; i < 3000; i++) tell({{ ...{json.dumps(todo(0))}, i, text: 'x'.repeat(4000) }}); return 0"
    )
    root.unlink()
    client.tell({**todo(), "i": 3000})
    client.end()
    lost, *kept = logged(root)
    assert (lost["source"], lost["type"], lost["level"]) == ("clankers", "lost", "error")
    told = [one["payload"]["i"] for one in kept]
    assert told == list(range(lost["payload"]["lines"], 3001))
    assert 7 << 20 < sum(len(one.raw) + 1 for one in all_lines(root)[1:-1]) <= 8 << 20


def test_a_line_longer_than_what_is_held_is_held(start: Start, root: Path) -> None:
    root.write_text("not a directory")
    client = start()
    client.tell(todo(0))
    client.do(f"tell({{ ...{json.dumps(todo(1))}, text: 'x'.repeat(9 << 20) }}); return 0")
    root.unlink()
    client.tell(todo(2))
    client.end()
    assert [one["type"] for one in logged(root)] == ["lost", "todo.updated", "todo.updated"]


def test_a_root_that_was_removed_is_made_again(start: Start, root: Path) -> None:
    client = start()
    client.tell(todo(0))
    client.sync()
    shutil.rmtree(root)
    client.tell(todo(1))
    client.sync()
    assert numbers(root) == [1]
    shutil.rmtree(root)
    root.mkdir(mode=0o700)
    client.tell(todo(2), todo(3))
    client.end()
    assert numbers(root) == [2, 3]


def test_a_log_that_was_renamed_is_left_alone(start: Start, root: Path) -> None:
    client = start()
    client.tell(todo(0))
    client.sync()
    path = log_path(root)
    moved = path.rename(root / "moved")
    size = moved.stat().st_size
    client.tell(todo(1))
    client.end()
    assert numbers(root) == [1]
    assert moved.stat().st_size == size


def test_a_link_is_not_followed(start: Start, root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    root.mkdir(mode=0o700)
    link = root / "clankers-2026-11-21.jsonl"
    link.symlink_to(elsewhere)
    client = start()
    client.clock(NOON)
    client.tell(todo(0), todo(1))
    client.sync()
    assert elsewhere.read_text() == ""
    link.unlink()
    client.tell(todo(2))
    client.sync()
    assert numbers(root) == [0, 1, 2]
    size = link.stat().st_size
    link.rename(tmp_path / "moved")
    link.symlink_to(elsewhere)
    client.tell(todo(3))
    client.end()
    assert elsewhere.read_text() == ""
    assert (tmp_path / "moved").stat().st_size == size


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_torn_tail_stays_on_a_line_of_its_own(when: str, start: Start, root: Path) -> None:
    client = start()
    client.clock(NOON)
    root.mkdir(mode=0o700)
    if when == "meanwhile":
        client.tell(todo(0))
        client.sync()
    with (root / "clankers-2026-11-21.jsonl").open("ab") as other:
        other.write(b'{"v":1,"id":"torn","ts":"2026-')
    client.tell(todo(1), todo(2))
    client.end()
    assert numbers(root, damaged=1) == [*([0] if when == "meanwhile" else []), 1, 2]
    (torn,) = [one for one in all_lines(root) if one.reason]
    assert (torn.raw, torn.size) == (b'{"v":1,"id":"torn","ts":"2026-', len(torn.raw) + 1)


LOOKS = """
const fs = require("node:fs")
const real = fs.statSync
globalThis.looks = 0
fs.statSync = (...given) => (looks++, real(...given))
syncBuiltinESMExports()
return 0
"""


def test_a_burst_is_written_after_one_look_at_the_file_and_what_comes_later_after_another(
    start: Start, root: Path
) -> None:
    client = start()
    client.tell(todo(0))
    client.do(LOOKS)
    burst = f"for (let i = 0; i < 20; i++) {{ tell({json.dumps(todo(1))}); await null }} return looks"
    assert client.do(burst) == 1
    assert client.do(burst) == 2
    log_path(root).unlink()
    client.tell(todo(2))
    client.end()
    assert numbers(root) == [2]


def test_after_midnight_the_next_file_is_written(start: Start, root: Path) -> None:
    client = start()
    for n, at in enumerate((MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 1)):
        client.clock(at)
        client.tell(todo(n))
    client.end()
    found = {file.name: [json.loads(one.raw) for one in read(str(root), file)] for file in log_files(str(root))}
    assert {name: [one["payload"]["properties"]["n"] for one in lines] for name, lines in found.items()} == {
        "clankers-2026-11-21.jsonl": [0],
        "clankers-2026-11-22.jsonl": [1, 2],
    }
    assert all(one["ts"][:10] in name for name, lines in found.items() for one in lines)


# Events that no client should send

HOSTILE = {
    "null": "null",
    "undefined": "undefined",
    "a string": '"session.idle"',
    "a number": "1",
    "a function": 'Object.assign(() => {}, { type: "t" })',
    "no type": "{}",
    "a type that is a number": "{ type: 1 }",
    "a type that is an object": '{ type: { toString() { throw new Error("no") } } }',
    "a getter that throws": '{ get type() { throw new Error("no") } }',
    "a getter that throws in the payload": '{ type: "t", get properties() { throw new Error("no") } }',
    "a getter that throws undefined": '{ type: "t", get properties() { throw undefined } }',
    "a proxy": 'new Proxy({}, { get() { throw new Error("no") } })',
    "a revoked proxy": "(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy })()",
    "a circle": '(() => { const e = { type: "t" }; e.properties = e; return e })()',
    "a BigInt": '{ type: "t", properties: { n: 1n } }',
    "a symbol": '{ type: "message.part.delta", properties: { partID: Symbol("x"), delta: Symbol("x") } }',
    "a toJSON that throws": '{ type: "t", toJSON() { throw new Error("no") } }',
    "a toJSON that returns nothing": '{ type: "t", toJSON() {} }',
    "a tower": '{ type: "t", properties: JSON.parse("[".repeat(100000) + "]".repeat(100000)) }',
    "a frozen event": 'Object.freeze({ type: "message.part.delta", properties: Object.freeze({ delta: "x" }) })',
    "properties null": '{ type: "message.part.updated", properties: null }',
    "properties a list": '{ type: "message.part.delta", properties: [1] }',
    "properties a string": '{ type: "session.created", properties: "info" }',
    "parts of any kind": '{ type: "message.part.updated", properties: { part: { time: 1, state: "running" } } }',
    "a delta that is a list": '{ type: "message.part.delta", properties: { delta: [Symbol("x")] } }',
    "a streaming BigInt": '{ type: "message.part.updated", properties: { part: { id: "p", n: 1n }, delta: "" } }',
    "metadata a string": '{ type: "message.part.updated", properties: { part: { state: { metadata: "x" } } } }',
    "half a character": '{ type: "\\ud800", properties: { text: "\\udfff\\ud800" } }',
    "5 MB": '{ type: "t", properties: { text: "\\u00e9".repeat(5 << 20) } }',
    "__proto__": 'JSON.parse(\'{"type":"t","__proto__":{"type":"u"},"properties":{"__proto__":null}}\')',
    "constructor": '{ type: "constructor", properties: { partID: "__proto__", field: "__proto__" } }',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_event_harms_the_client_or_the_log(what: str, start: Start, root: Path) -> None:
    client = start()
    client.tell(todo(0), delta("a"))
    client.do(f"const one = {HOSTILE[what]}; tell(one); tell(one); return 0")
    client.tell(delta("b"), event("session.idle", sessionID="ses_1"), todo(1))
    client.end()
    found = payloads(root)
    assert found[0] == todo(0)
    assert found[-1] == todo(1)
    assert "".join(texts_of(found)) == "ab"
    assert event("session.idle", sessionID="ses_1") in found


@pytest.mark.parametrize("place", ["null", "1", "{}", "{ project: null }", "{ project: { id: 1n } }", "PROXY"])
def test_no_place_harms_the_client(place: str, start: Start, root: Path) -> None:
    proxy = 'new Proxy({}, { get() { throw new Error("no") } })'
    client = start()
    client.do(f"plugins.push(await modules[0].clankers({place.replace('PROXY', proxy)})); return 0")
    client.tell(event("session.idle", n=1), todo(2), event("session.deleted", n=3), to=1)
    client.end()
    found = [one["payload"]["properties"]["n"] for one in logged(root) if one["type"] != "plugin.project"]
    assert found == [1, 2, 3]


def test_a_handler_that_is_reported_nothing_rejects_nothing(start: Start, root: Path) -> None:
    client = start()
    client.do("for (const given of [[], [null], [{}], [1]]) call(() => plugins[0].event(...given)); return 0")
    client.tell(todo(1))
    client.end()
    assert numbers(root) == [1]


def texts_of(found: list[Any]) -> list[str]:
    """What `delta` told."""
    return [
        one["properties"]["delta"]
        for one in found
        if one and one.get("type") == "message.part.delta" and "sessionID" in one["properties"]
    ]


# Bringing the database up to date

IDLE = event("session.idle", sessionID="ses_1")
COUNT = """
const process_ = require("node:child_process")
const real = process_.spawn
globalThis.spawned = []
process_.spawn = (...given) => { spawned.push(given[0]); return real(...given) }
syncBuiltinESMExports()
return 0
"""


def counting(start: Start, *catch_up: str, **env: str) -> Client:
    """A client that counts the processes it starts."""
    client = start(loaded=False, catch_up=catch_up or ["/bin/true"], **env)
    client.do(COUNT)
    client.load()
    return client


def spawned(client: Client) -> int:
    found: int = client.do("return spawned.length")
    return found


def test_the_end_of_a_turn_brings_the_database_up_to_date(start: Start, root: Path, tmp_path: Path) -> None:
    marker = tmp_path / "a marker"
    client = start(
        catch_up=["/bin/sh", "-c", 'printf "%s" "$1" >> "$0"; exec cat "$2"/*.jsonl', str(marker), "x", str(root)]
    )
    client.tell(todo(), delta("text"))
    client.sync()
    assert not marker.exists()
    client.tell(IDLE)
    client.end()
    wait_for(marker.exists)
    wait_for(lambda: marker.read_text() == "x")


def test_a_catch_up_starts_at_most_once_a_second(start: Start) -> None:
    client = counting(start)
    counts = []
    for at in (0, 0, 999, 1000, 1001, 1999, 2000, 60_000):
        client.clock(NOON + at)
        client.tell(IDLE)
        counts.append(spawned(client))
    assert counts == [1, 1, 1, 2, 2, 2, 3, 4]
    client.end()


@pytest.mark.parametrize("one", [todo(), *(one for name, one in ENDS.items() if name != "session.idle")], ids=repr)
def test_nothing_else_starts_a_catch_up(one: Json, start: Start) -> None:
    client = counting(start)
    client.tell(one)
    assert spawned(client) == 0
    client.end()


def test_no_command_no_catch_up(start: Start) -> None:
    client = start(loaded=False)
    client.do(COUNT)
    client.load()
    client.tell(IDLE)
    assert spawned(client) == 0
    client.end()


@pytest.mark.parametrize("command", [["/no/such/command"], ["/"], [""], ["/dev/null", "x"]], ids=repr)
def test_a_command_that_cannot_be_started_harms_nothing(command: list[str], start: Start, root: Path) -> None:
    client = counting(start, *command)
    client.tell(IDLE, todo(1))
    assert spawned(client) == 1
    client.end()
    assert payloads(root) == [IDLE, todo(1)]


# What a power loss takes

SYNCS = """
const fs = require("node:fs")
const { fsync, fsyncSync, fstatSync, appendFileSync } = fs
const told = (how, fd) => {
  const found = fstatSync(fd)
  appendFileSync("syncs", `${how} ${found.isDirectory() ? "root" : found.size}\n`)
}
globalThis.held = null // where it is an array: the syncs that do not come to an end
fs.fsync = (fd, done) => (told("later", fd), held && !fstatSync(fd).isDirectory() ? held.push(done) : fsync(fd, done))
fs.fsyncSync = (fd) => (told("now", fd), fsyncSync(fd))
syncBuiltinESMExports()
return 0
"""


class Syncs:
    """The syncs that a client asks for: how (`later` or `now`), and of how large a file, or of the root."""

    def __init__(self, client: Client, folder: Path) -> None:
        self._file = folder / "syncs"
        self._file.touch()
        client.do(SYNCS)

    def of_files(self) -> list[str]:
        return [one for one in self._file.read_text().splitlines() if not one.endswith("root")]

    def of_root(self) -> int:
        return self._file.read_text().count("later root\n")


def test_a_burst_is_synced_once_a_second_after_it_began_without_waiting(
    start: Start, root: Path, tmp_path: Path
) -> None:
    client = start()
    syncs = Syncs(client, tmp_path)
    client.tell(*map(todo, range(100)))
    client.sync()
    assert syncs.of_files() == []
    wait_for(syncs.of_files)
    client.end()  # there is nothing more to sync
    assert syncs.of_files() == [f"later {log_path(root).stat().st_size}"]
    assert syncs.of_root() == 1


def test_the_end_of_a_turn_is_synced_at_once(start: Start, root: Path, tmp_path: Path) -> None:
    client = start()
    syncs = Syncs(client, tmp_path)
    client.tell(todo(), event("session.idle", sessionID="ses_1"))
    client.sync()
    assert syncs.of_files() == [f"later {log_path(root).stat().st_size}"]


@pytest.mark.parametrize("how", ["exit", "dispose", "exit while a sync is under way"])
def test_what_is_not_synced_yet_is_at_the_end(how: str, start: Start, root: Path, tmp_path: Path) -> None:
    client = start()
    syncs = Syncs(client, tmp_path)
    client.tell(todo(0), delta("a"))
    if "way" in how:
        client.do("globalThis.held = []; tell({ type: 'session.idle' }); return 0")
    if how == "dispose":
        client.do("call(() => plugins[0].dispose()); return 0")
        client.kill()
    else:
        client.end()
    assert syncs.of_files()[-1] == f"{'later' if how == 'dispose' else 'now'} {log_path(root).stat().st_size}"


def test_syncs_of_a_slow_disk_do_not_pile_up(start: Start, root: Path, tmp_path: Path) -> None:
    client = start()
    syncs = Syncs(client, tmp_path)
    client.do(
        "globalThis.held = []; globalThis.timers = [];"
        "globalThis.setTimeout = (action) => (timers.push(action), { unref() {} }); return 0"
    )
    idle = event("session.idle", sessionID="ses_1")
    client.tell(*[idle] * 5)
    # A second goes by, the disk is not done; then it is; another second goes by.
    assert client.do("timers.at(-1)(); return [held.length, timers.length]") == [1, 2]
    assert client.do("held.pop()(); return [held.length, timers.length]") == [0, 3]
    assert client.do("timers.at(-1)(); return held.length") == 1
    sizes = [int(one.removeprefix("later ")) for one in syncs.of_files()]
    assert sizes[0] * 5 == sizes[1] == log_path(root).stat().st_size


def test_a_day_that_ends_is_synced(start: Start, root: Path, tmp_path: Path) -> None:
    client = start()
    syncs = Syncs(client, tmp_path)
    client.clock(MIDNIGHT - 1)
    client.tell(todo(0))
    client.clock(MIDNIGHT)
    client.tell(todo(1))
    client.sync()
    old, _ = log_files(str(root))
    assert syncs.of_files() == [f"later {(root / old.name).stat().st_size}"]
    wait_for(lambda: syncs.of_root() == 2)


def test_off_leaves_the_disk_to_the_system(start: Start, root: Path, tmp_path: Path) -> None:
    client = start(CLANKERS_FSYNC="off")
    syncs = Syncs(client, tmp_path)
    client.clock(MIDNIGHT - 1)
    client.tell(todo(0), event("session.idle", sessionID="ses_1"))
    client.clock(MIDNIGHT)
    client.tell(todo(1))
    assert client.do("return globalThis[Symbol.for('clankers.opencode.recorder')].unsynced") is None
    client.end()
    assert syncs.of_files() == []
    assert syncs.of_root() == 0
    assert len(payloads(root)) == 3
