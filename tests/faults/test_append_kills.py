"""SIGKILL of `clankers append`: what it acknowledged is there once, what it did not is there once or not at all."""

import contextlib
import json
import random
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.commands import POSIX_ONLY, call, environment
from tests.faults.common import (
    SEED,
    Moments,
    assert_acknowledged_once,
    clankers,
    figures,
    keep_from_catching_up,
    killed,
    killed_after,
    logged,
    numbered,
    run,
    until_killed,
)
from tests.patience import wait_for
from tests.sizes import sizes
from tests.test_project_cli import reading
from tests.test_transcripts import Client, user

pytestmark = POSIX_ONLY
A_ROOT = 100  # kills in one log: then it is projected, and a new one begun


def append_last(root: Path, tried: Counter[str], acknowledged: set[str]) -> int:
    """One more event, unharmed: until it comes, a line that a kill cut off at the end of the log is in flight."""
    tried["ses_999999"] += 1
    acknowledged.add("ses_999999")
    return run(root, clankers("append", "opencode"), numbered(999_999)).code


@sizes(8, 400)
def test_append_killed_at_any_moment_keeps_what_it_acknowledged_and_the_next_line_whole(
    size: int, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    argv = clankers("append", "opencode")
    moments = Moments(chance, lambda: run(tmp_path / "usual", argv, numbered(0)))
    codes: list[int] = []
    kept = torn = 0
    begun = time.monotonic()
    for first in range(0, size, A_ROOT):
        root = tmp_path / f"root-{first}"
        keep_from_catching_up(root)
        tried: Counter[str] = Counter()
        acknowledged = set()
        here: list[int] = []
        for n in until_killed(min(A_ROOT, size - first), here):
            pad = int(2_000_000 ** chance.random())
            tried[f"ses_{n:06}"] += 1
            here.append(killed_after(moments(here), argv, root, numbered(n, pad)))
            if here[-1] == 0:
                acknowledged.add(f"ses_{n:06}")
        here.append(append_last(root, tried, acknowledged))
        assert_acknowledged_once(root, tried, acknowledged, torn=killed(here))
        found = logged(root)
        kept, torn = kept + len(found.lines), torn + len(found.torn)
        codes += here
    assert killed(codes) == size
    behind = kept - codes.count(0)
    figures(
        f"append: {size} killed ({size - torn - behind} before their line, {torn} in it, {behind} behind it), beside "
        f"{codes.count(0)} acknowledged, 0 lost, 0 double, {time.monotonic() - begun:.0f} s"
    )


@sizes(6, 300)
def test_a_hook_killed_at_any_moment_takes_no_transcript_line_along_and_none_comes_twice(
    size: int, tmp_path: Path
) -> None:
    chance = random.Random(SEED + 1)
    argv = clankers("append", "claude-code")
    usual = Client(tmp_path / "usual-home")
    usual.say(dated(usual, "first"))
    data = json.dumps(usual.hook("Notification")).encode()
    moments = Moments(chance, lambda: run(tmp_path / "usual", argv, data))
    codes: list[int] = []
    records = begun_lines = 0
    begun = time.monotonic()
    for first in range(0, size, A_ROOT):
        root = tmp_path / f"root-{first}"
        keep_from_catching_up(root)
        client = Client(tmp_path / f"home-{first}")
        client.say(dated(client, "first"))
        hooks: Counter[str] = Counter()
        names, acknowledged = ["first"], set()
        here: list[int] = []
        for n in until_killed(min(A_ROOT, size - first), here):
            said = [f"{n}-{m}" for m in range(chance.randrange(1, 30))]
            client.say(*(dated(client, name, pad="x" * chance.randrange(20_000)) for name in said))
            client.say(dated(client, f"agent-{n}"), agent=f"a{n % 3}")
            client.agent(f"a{n % 3}").with_suffix(".meta.json").write_text(json.dumps({"agentType": f"t{n}"}))
            names += said
            kind = chance.choice(["PreToolUse", "PostToolUse", "Stop", "SubagentStop"])
            hook = json.dumps(
                client.hook(kind, prompt_id=f"hook-{n}", tool_use_id=f"t{n}", tool_name="Bash", tool_input={})
            ).encode()
            hooks[f"hook-{n}"] += 1
            here.append(killed_after(moments(here), argv, root, hook))
            if here[-1] == 0:
                acknowledged.add(f"hook-{n}")
        # Unharmed: where all before it were killed before their line, nothing else would name the session.
        hooks["hook-last"] += 1
        acknowledged.add("hook-last")
        assert run(root, argv, json.dumps(client.hook("Stop", prompt_id="hook-last")).encode()).code == 0
        assert call(root, "project").code == 0
        found = logged(root)
        hooked = Counter(line["payload"]["prompt_id"] for line in found.lines if "hook_event_name" in line["payload"])
        assert acknowledged <= hooked.keys()
        assert hooked <= hooks
        ids = Counter(line["id"] for line in found.lines)
        assert max(ids.values()) == 1, [id for id, n in ids.items() if n > 1][:5]
        agents = {line["payload"]["uuid"] for line in found.lines if "/a" in line["id"] and "uuid" in line["payload"]}
        own = [line["payload"]["uuid"] for line in found.lines if f"{client.session}:" in line["id"]]
        assert sorted(own) == sorted(f"u-{name}" for name in names)
        assert agents == {f"u-agent-{n}" for n in range(len(here))}
        assert len(found.torn) <= killed(here)
        with reading(root / "clankers.db") as db:
            assert db.execute("SELECT * FROM rejects").fetchall()[len(found.torn) :] == []
            assert db.execute("SELECT sum(events) FROM event_types").get == len(found.lines)
            assert db.execute("SELECT count(*) FROM messages").get == len(names) + len(agents)
        records += len(found.lines)
        begun_lines += len(hooked.keys() - acknowledged)
        codes += here
    assert killed(codes) == size
    figures(
        f"append with transcripts: {size} killed ({size - begun_lines} before their line, {begun_lines} behind it), "
        f"beside {codes.count(0)} acknowledged, {records} records, 0 lost, 0 double, {time.monotonic() - begun:.0f} s"
    )


@sizes(6, 300)
def test_a_stream_killed_at_any_moment_keeps_a_beginning_of_what_it_was_told(size: int, tmp_path: Path) -> None:
    """A stream acknowledges by its end; what stood in the log before the kill stays, in order and without a hole."""
    chance = random.Random(SEED + 2)
    argv = clankers("append", "opencode", "--stream")
    tried: Counter[str] = Counter()
    acknowledged: set[str] = set()
    root = tmp_path / "root"
    keep_from_catching_up(root)
    codes: list[int] = []
    told = untouched = 0
    usual = b"".join(numbered(n, 25_000) + b"\n" for n in range(20))
    moments = Moments(chance, lambda: run(tmp_path / "usual", argv, usual))
    begun = time.monotonic()
    for _ in until_killed(size, codes):
        events = [numbered(told + i, int(300_000 ** chance.random())) for i in range(chance.randrange(1, 40))]
        names = [f"ses_{told + i:06}" for i in range(len(events))]
        told += len(events)
        tried.update(names)
        shown = chance.randrange(len(events) + 1) if chance.random() < 0.5 else 0
        # Drawn before the process lives: to measure how long one does takes a while.
        moment = chance.uniform(0, 0.004) if shown else moments(codes)
        before = len(logged_names(root))
        with subprocess.Popen(argv, stdin=subprocess.PIPE, env=environment(root)) as process:
            feeding = threading.Thread(target=feed, args=(process, events, shown))
            feeding.start()
            if shown:  # what the log shows is there for good
                wait_for(lambda before=before, shown=shown: len(logged_names(root)) >= before + shown)  # type: ignore[misc]
                acknowledged.update(names[:shown])
            try:
                process.wait(timeout=moment)
            except subprocess.TimeoutExpired:
                process.kill()
            codes.append(process.wait())
            feeding.join()
        if codes[-1] == 0:
            acknowledged.update(names)
        mine = [name for name in logged_names(root) if name in set(names)]
        assert mine == names[: len(mine)]
        untouched += codes[-1] != 0 and not mine
        if sum(p.stat().st_size for p in root.glob("*.jsonl")) > 20_000_000:
            assert_acknowledged_once(root, tried, acknowledged, torn=killed(codes))
            tried.clear()
            acknowledged.clear()
            for path in root.iterdir():
                path.unlink()
            keep_from_catching_up(root)
    append_last(root, tried, acknowledged)
    assert_acknowledged_once(root, tried, acknowledged, torn=killed(codes))
    assert killed(codes) == size
    figures(
        f"append --stream: {size} killed ({untouched} before their first line, {size - untouched} behind it), beside "
        f"{codes.count(0)} that ended, {told} events told, 0 lost, 0 double, {time.monotonic() - begun:.0f} s"
    )


def feed(process: "subprocess.Popen[bytes]", events: list[bytes], pause: int) -> None:
    """Tell a stream its events; behind the first `pause` of them it is left in doubt whether more will come."""
    assert process.stdin
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(b"".join(e + b"\n" for e in events[:pause]))
        stdin.flush()
        stdin.write(b"".join(e + b"\n" for e in events[pause:]))


def dated(client: Client, name: str, **more: Any) -> dict[str, Any]:
    """A prompt in a transcript as the client writes it."""
    return user(name, sessionId=client.session, timestamp="2026-11-20T10:00:00.000Z", **more)


def logged_names(root: Path) -> list[str]:
    return [line["payload"]["properties"]["info"]["id"] for line in logged(root).lines]
