"""`clankers stats --by block`: 5-hour blocks, which are ccusage's wherever both count the same responses."""

import json
import os
import random
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from clankers.cli import stats
from clankers.errors import EX_USAGE
from clankers.log.writer import Log
from clankers.queries.blocks import BLOCK, Limit, UsageBlock, count_blocks
from clankers.queries.filters import Filters
from clankers.queries.usage import Group, count_all
from tests.commands import NOW, call, event, session
from tests.e2e.machine import CLIENTS
from tests.feeding import CLAUDE_CODE, Record, Recording, append, import_transcripts, project
from tests.golden import SCHEMAS, assert_file, schema_of
from tests.patience import DEADLINE

STAMP = re.compile(r'"timestamp":"([^"]+)"')
HOUR = 3_600_000


def feed_moved(root: Path, home: Path, rng: random.Random, now: datetime) -> None:
    """The transcripts of all captures, as if each had begun at another time of the last days, some within this hour."""
    for name in CLAUDE_CODE:
        recording = Recording(name, home)
        first = min(at for lines in recording.files.values() for at in STAMP.findall("".join(lines)))
        ago = timedelta(minutes=rng.choice([20, 40, rng.randrange(60 * 72)]))
        shift = now - ago - timedelta(minutes=10) - datetime.fromisoformat(first)

        def moved(line: str, shift: timedelta = shift) -> str:
            return STAMP.sub(
                lambda m: f'"timestamp":"{(datetime.fromisoformat(m[1]) + shift).isoformat(timespec="milliseconds")}"',
                line,
            )

        recording.files = {path: list(map(moved, lines)) for path, lines in recording.files.items()}
        recording.grow_all()
        with Log(str(root)) as log:
            for path in recording.files:
                if path.parent.parent.name == "projects" and path.suffix == ".jsonl":
                    import_transcripts(log, path.stem, str(path))


def ccusage_blocks(home: Path) -> list[dict[str, Any]]:
    """The blocks that ccusage counts, without the gaps between them."""
    found = sorted((CLIENTS / "ccusage").glob("node_modules/@ccusage/*/bin/ccusage*"))
    if not found:
        # A skip, for not everybody has npm.
        pytest.skip(f"ccusage is not in {CLIENTS.name}; .ci/run installs it, where npm is")
    env = os.environ | {"HOME": str(home), "CLAUDE_CONFIG_DIR": str(home / ".claude"), "TZ": "UTC"}
    command = [str(found[0]), "claude", "blocks", "--json", "--offline"]
    out = subprocess.run(command, env=env, capture_output=True, check=True, timeout=DEADLINE).stdout
    return [block for block in json.loads(out)["blocks"] if not block["isGap"]]


@pytest.mark.parametrize("seed", range(3))
def test_blocks_are_ccusage_s(seed: int, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    feed_moved(tmp_path / "data", tmp_path / "home", random.Random(seed), now)
    db = project(tmp_path / "data")
    # What the client's bill has and no transcript is right, and ccusage cannot know of it.
    beside = db.execute("SELECT count(*) FROM messages WHERE session_total").get
    assert beside > 0
    db.execute("DELETE FROM messages WHERE session_total")
    ours, _ = count_blocks(db, Filters(), round(now.timestamp() * 1000))
    theirs = ccusage_blocks(tmp_path / "home")
    assert len(theirs) > 2
    kinds = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    assert [
        (
            block.key,
            block.is_open,
            block.prompt_tokens,
            block.completion_tokens,
            block.cache_read_tokens,
            block.cache_write_tokens,
        )
        for block in ours
    ] == [
        (block["id"].replace(".000Z", "Z"), block["isActive"], *(block["tokenCounts"][kind] for kind in kinds))
        for block in theirs
    ]
    rate, projected = theirs[-1]["burnRate"], theirs[-1]["projection"]
    if rate is None:
        assert ours[-1].tokens_per_minute is None
    else:
        assert ours[-1].tokens_per_minute == pytest.approx(rate["tokensPerMinute"])
        assert ours[-1].projected_tokens == pytest.approx(projected["totalTokens"], abs=2 * rate["tokensPerMinute"])


def responded(id: str, at: int, *, session: str = "a", tokens: int = 100, model: str = "m-1") -> list[Record]:
    """A prompt, and 2 s later a response."""
    spent = {"input": tokens, "output": 10, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    info = {"sessionID": session, "providerID": "p", "modelID": model, "cost": 0.5, "tokens": spent}
    return [
        event(
            "message.updated",
            info={"id": f"u{id}", "sessionID": session, "role": "user", "time": {"created": at - 2000}},
        ),
        event("message.updated", info=info | {"id": id, "role": "assistant", "time": {"created": at, "completed": at}}),
    ]


def test_where_blocks_begin_and_end(tmp_path: Path) -> None:
    begin = NOW // HOUR * HOUR
    append(
        tmp_path,
        [
            session("a", created=begin),
            *responded("m1", begin + 1000),  # its prompt is 1 s before the hour
            *responded("m2", begin + BLOCK - 1),
            *responded("m3", begin + BLOCK, model="m-2"),
            *responded("m4", begin + BLOCK + 90 * 60_000),
            session("b", created=begin),
            *responded("m5", begin + 3 * BLOCK + HOUR // 2, session="b"),
        ],
    )
    db = project(tmp_path)
    chosen = Filters(("opencode",))
    blocks, total = count_blocks(db, chosen, begin + BLOCK + 2 * HOUR)
    assert [(b.begin - begin, b.end - begin, b.messages, b.turns, b.sessions, b.is_open) for b in blocks] == [
        (0, BLOCK, 5, 3, 1, False),
        (BLOCK, 2 * BLOCK, 3, 1, 1, True),
        (3 * BLOCK, 4 * BLOCK, 2, 1, 1, False),
    ]
    of_all = count_all(db, chosen)
    assert (total.messages, total.tokens, total.cost, total.sessions) == (10, 550, 2.5, 2)
    assert (of_all.messages, of_all.tokens, of_all.cost, of_all.sessions) == (10, 550, 2.5, 2)
    opened = blocks[1]
    assert (opened.tokens_per_minute, opened.cost_per_hour) == (220 / 90, 1 / 1.5)
    assert opened.projected_tokens == 660
    assert opened.projected_cost == pytest.approx(3.0)
    # What is selected of the messages does not move the blocks.
    (one,), _ = count_blocks(db, Filters(("opencode",), model="m-2"), NOW)
    assert (one.begin - begin, one.messages, one.cost) == (BLOCK, 1, 0.5)
    (late,), _ = count_blocks(db, Filters(("opencode",), since=begin + BLOCK + HOUR, until=begin + 2 * BLOCK), NOW)
    assert (late.begin - begin, late.messages) == (BLOCK, 2)
    # Nor does it change what the plan counts.
    now, limit = begin + BLOCK + 2 * HOUR, Limit(1000, in_dollars=False)
    (one,), _ = count_blocks(db, Filters(("opencode",), model="m-2"), now, limit)
    assert (one.limit_left, one.tokens_per_minute, one.projected_tokens) == (780, 220 / 90, 660)
    assert one.projected_cost == pytest.approx(3.0)
    assert count_blocks(db, Filters(), NOW)[0] == []  # of a harness whose plans do not count so


def test_a_prompt_without_a_response_is_in_no_later_block(tmp_path: Path) -> None:
    begin = NOW // HOUR * HOUR
    alone, *_ = responded("m0", begin - BLOCK)
    append(tmp_path, [session("a", created=begin - BLOCK), alone, *responded("m1", begin + 1000)])
    (block,), _ = count_blocks(project(tmp_path), Filters(("opencode",)), NOW)
    assert (block.messages, block.turns) == (2, 1)


def test_what_is_left_of_a_limit(tmp_path: Path) -> None:
    now = round(datetime.now(UTC).timestamp() * 1000)
    append(tmp_path, [session("a"), *responded("m1", now - 60_000), *responded("m2", now)])
    options = ("stats", "--by", "block", "--source", "opencode")
    for limit, left in {
        "1k": "780 of 1.0k tokens are left",
        "$3": "$2.00 of $3.00 is left",
        "100": "-120 of 100",
    }.items():
        assert left in " ".join(call(tmp_path, *options, "--limit", limit).out.split()), limit
    found = json.loads(call(tmp_path, *options, "--limit", "0.5k", "--json").out)
    assert sum(block["limit_left"] for block in found["groups"]) == 500 * len(found["groups"]) - 220
    for limit in ("0", "-1", "much", "$5k", "1e3", "٣"):
        assert call(tmp_path, *options, f"--limit={limit}").code == EX_USAGE, limit
    assert call(tmp_path, "stats", "--limit", "5").code == EX_USAGE
    assert call(tmp_path, *options, "--chart", "x.svg").code == EX_USAGE


def test_where_no_plan_counts_in_blocks_it_says_whose_do(tmp_path: Path) -> None:
    append(tmp_path, [session("a"), *responded("m1", NOW)])
    assert "Nothing is recorded of claude-code" in call(tmp_path, "stats", "--by", "block").out


class BlockStats(msgspec.Struct):
    """Blocks, and the total of all."""

    by: stats.By
    groups: list[UsageBlock]
    total: Group


def test_json_is_as_published(tmp_path: Path) -> None:
    title = "What `clankers stats --by block --json` prints"
    assert_file(SCHEMAS / "stats-block.json", schema_of(BlockStats, title))
    schema = Draft202012Validator(json.loads((SCHEMAS / "stats-block.json").read_text("utf-8")))
    append(tmp_path, [session("a"), *responded("m1", NOW)])
    for source in ("opencode", "none"):
        schema.validate(json.loads(call(tmp_path, "stats", "--by", "block", "--source", source, "--json").out))
    with pytest.raises(Exception, match="is a required property"):
        schema.validate({"by": "block"})
