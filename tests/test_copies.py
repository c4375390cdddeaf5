"""What forks and side agents of Claude Code copy, and what a person takes back: no copy changes its origin."""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import apsw
import pytest

from clankers.log import envelope
from projector.derived.rewinds import mark_rewound
from projector.replay.rebuild import open_live
from projector.replay.replay import replay
from projector.store.sqlite_writer import SqliteStore

Line = dict[str, Any]
TABLES = ("messages", "parts", "tools", "session_errors", "compaction_events", "file_edits", "todos")


def uuid(number: int) -> str:
    return str(UUID(int=number, version=4))


def session_id(letter: str) -> str:
    return letter * 8 + "-0000-4000-8000-000000000000"


def seconds(line: Line) -> int:
    return int(line["timestamp"][14:16]) * 60 + int(line["timestamp"][17:19])


def at(second: int) -> str:
    return f"2026-11-20T10:{second // 60:02}:{second % 60:02}.000Z"


class Talk:
    """A session's record: each line follows the one before, unless another parent is given."""

    def __init__(self, session: str, start: int, **more: Any) -> None:
        self.session, self.now, self.more = session, start, more
        self.lines: list[Line] = []
        self.leaf: str | None = None

    def say(self, kind: str, message: Line | None = None, **fields: Any) -> str:
        self.now += 1
        line: Line = {"type": kind, "uuid": uuid(self.now), "parentUuid": self.leaf, "sessionId": self.session}
        line |= {"timestamp": at(self.now), "cwd": "/src/shop", "isSidechain": False}
        line |= {"message": message} if message else {}
        self.lines.append(line | self.more | fields)
        self.leaf = line["uuid"]
        return str(self.leaf)

    def ask(self, text: str) -> str:
        return self.say("user", {"role": "user", "content": text})

    def answer(self, *blocks: Line) -> str:
        """A response, a line for each block."""
        number = self.now + 1
        for block in blocks:
            usage = {"input_tokens": 100 + number, "output_tokens": number}
            message = {"id": f"msg_01{number:016}", "model": "claude-sonnet-4-6", "content": [block], "usage": usage}
            last = self.say("assistant", message)
        return last

    def call(self) -> None:
        """A response that edits a file, and what came of it."""
        id = f"toolu_01{self.now:016}"
        given = {"file_path": "/src/shop/cart.py"}
        self.answer(
            {"type": "thinking", "thinking": "Hm."}, {"type": "tool_use", "id": id, "name": "Edit", "input": given}
        )
        self.say("user", {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "done"}]})


def text(words: str) -> Line:
    return {"type": "text", "text": words}


def origin(session: str) -> Talk:
    talk = Talk(session, 0)
    talk.ask("First words")
    talk.call()
    talk.answer(text("Done."), text("Anything else?"))
    talk.say("system", subtype="compact_boundary", compactMetadata={"trigger": "auto", "preTokens": 9})
    talk.ask("Second words")
    talk.answer(text("Second answer."))
    return talk


Copier = Callable[[list[Line], str], list[Line]]


def by_the_client(lines: list[Line], fork: str) -> list[Line]:
    """`--fork-session`: the same ids; responses say which session asked for them."""
    marks = ({"requestSessionId": one["sessionId"]} if one["type"] == "assistant" else {} for one in lines)
    return [mark | one | {"sessionId": fork} for one, mark in zip(lines, marks, strict=True)]


def without_a_mark(lines: list[Line], fork: str) -> list[Line]:
    """As older clients copied what they resumed."""
    return [one | {"sessionId": fork} for one in lines]


def by_the_sdk(lines: list[Line], fork: str) -> list[Line]:
    """`fork_session()`: new ids, and the last line has the time of the fork."""
    ids = {one["uuid"]: uuid(random.Random(fork + one["uuid"]).getrandbits(100)) for one in lines}
    copies = []
    for one in lines:
        mark = {"sessionId": one["sessionId"], "messageUuid": one["uuid"]}
        own = {"uuid": ids[one["uuid"]], "parentUuid": ids.get(one.get("parentUuid")), "sessionId": fork}
        copies.append(one | own | {"forkedFrom": mark})
    copies[-1]["timestamp"] = at(seconds(lines[-1]) + 50)
    return copies


def by_a_side_agent(lines: list[Line], fork: str) -> list[Line]:
    """What `/btw` asks about: in the agent's file, under the session's id."""
    return [one | {"agentId": fork, "isSidechain": True} for one in lines]


def by_a_side_agent_with_own_ids(lines: list[Line], fork: str) -> list[Line]:
    """Logged again by the agent. What a person typed is then a message of the agent, for nothing says otherwise."""
    ids = {one["uuid"]: uuid(random.Random(fork + one["uuid"]).getrandbits(100)) for one in lines}
    return [one | {"uuid": ids[one["uuid"]]} for one in by_a_side_agent(lines, fork) if one["type"] == "assistant"]


def go_on(copies: list[Line], fork: str, start: int) -> list[Line]:
    """What the copy's session says of its own, behind what it copied."""
    more = {key: copies[-1][key] for key in ("agentId", "isSidechain") if key in copies[-1]}
    talk = Talk(copies[-1]["sessionId"], start, **more)
    talk.leaf = copies[-1]["uuid"]
    talk.ask(f"Only in {fork}")
    talk.answer(text("Said once."))
    return copies + talk.lines


def logged(line: Line) -> bytes:
    return envelope.line("claude-code", f"transcript.{line['type']}", json.dumps(line).encode(), now_ns=1)


def database(
    where: Path, lines: list[Line], batch_lines: int | None = None, more: Iterable[bytes] = ()
) -> apsw.Connection:
    where.mkdir(parents=True)
    (where / "clankers-2026-11-20.jsonl").write_bytes(b"".join([*map(logged, lines), *more]))
    db = open_live(str(where / "clankers.db"))
    replay(SqliteStore(db), str(where), batch_lines=batch_lines)
    return db


def rows_of(db: apsw.Connection, session: str) -> dict[str, list[Any]]:
    """All rows of a session, and of a few tables all that it was derived from."""
    found: dict[str, list[Any]] = {
        t: sorted(map(repr, db.execute(f"SELECT * FROM {t} WHERE session_id = ?", (session,)))) for t in TABLES
    }
    found["sessions"] = db.execute("SELECT * FROM sessions WHERE id = ?", (session,)).fetchall()
    return found


def orders(lines: list[Line], where: Path) -> Iterator[apsw.Connection]:
    """The database for some orders of the lines and some sizes of batches."""
    for seed in range(6):
        chance = random.Random(seed)
        shuffled = lines if seed == 0 else lines[::-1] if seed == 1 else chance.sample(lines, len(lines))
        with database(where / f"{seed}", shuffled, chance.choice([None, 1, 3])) as db:
            yield db


@pytest.mark.parametrize("letters", ["f01", "0f1"], ids=["the origin's id is the last", "and the first"])
@pytest.mark.parametrize(
    "copier", [by_the_client, without_a_mark, by_the_sdk, by_a_side_agent, by_a_side_agent_with_own_ids]
)
def test_a_copy_changes_nothing_in_its_origin(copier: Copier, letters: str, tmp_path: Path) -> None:
    first, *forks = map(session_id, letters if "agent" not in copier.__name__ else letters[:2])
    talk = origin(first)
    records = [talk.lines]
    for number, fork in enumerate(forks):  # the second one is a fork of the first one
        records.append(go_on(copier(records[-1], fork), fork, 700 + 100 * number))
    alone = rows_of(database(tmp_path / "alone", talk.lines), first)
    for db in orders([line for record in records for line in record], tmp_path):
        assert rows_of(db, first) == alone
        said = db.execute(
            "SELECT session_id, text_content FROM messages WHERE session_id <> ? ORDER BY created_at", (first,)
        )
        assert said.fetchall() == [(one, words) for one in forks for words in (f"Only in {one}", "Said once.")]


def test_a_copy_whose_origin_is_not_recorded_is_kept_until_it_is(tmp_path: Path) -> None:
    first, fork, again = map(session_id, "f01")
    talk = origin(first)
    copies = by_the_sdk(talk.lines, fork)
    of_copies = by_the_sdk(copies, again)
    with database(tmp_path / "lost", of_copies) as db:
        assert [
            row[0] for row in db.execute("SELECT text_content FROM messages WHERE role = 'user' ORDER BY created_at")
        ] == [
            "First words",
            "Second words",
        ]
    alone = rows_of(database(tmp_path / "alone", talk.lines), first)
    for db in orders(of_copies + copies + talk.lines, tmp_path):
        assert rows_of(db, first) == alone


def test_what_a_hook_reported_is_no_copy_whatever_its_clock_said(tmp_path: Path) -> None:
    first, fork = session_id("0"), session_id("1")
    talk = origin(first)
    record = go_on(by_the_client(talk.lines, fork), fork, 700)
    hook = {"hook_event_name": "UserPromptSubmit", "session_id": fork, "prompt": f"Only in {fork}"}
    reported = envelope.line("claude-code", "UserPromptSubmit", json.dumps(hook).encode(), now_ns=1)
    log = [*map(logged, record[: len(talk.lines)]), reported, *map(logged, record[len(talk.lines) :])]
    copies = [
        database(tmp_path / str(size), [], size, log).execute("SELECT * FROM copies ORDER BY 1, 2").fetchall()
        for size in (None, 1)
    ]
    assert copies[0]
    assert copies[1] == copies[0]


def rewound(*, to_the_beginning: bool = False) -> tuple[Talk, list[str]]:
    """A session that went back three times, and what stays of it."""
    talk = Talk(session_id("c"), 0)
    if not to_the_beginning:
        talk.ask("Build the form")
        talk.answer(text("Built."))
    start = talk.leaf
    talk.ask("Paint it red")
    talk.call()
    red = talk.answer(text("Red."))
    talk.ask("And bold")
    talk.answer(text("Bold."))
    talk.leaf = red
    talk.ask("And slanted")
    talk.answer(text("Slanted."))
    for colour in ("green", "blue"):
        talk.leaf = start
        talk.ask(f"Paint it {colour}")
        talk.answer(text(f"It is {colour}."))
    stays = [] if to_the_beginning else ["Build the form", "Built."]
    return talk, [*stays, "Paint it blue", "It is blue."]


@pytest.mark.parametrize("to_the_beginning", [False, True])
def test_what_a_person_took_back_is_marked_and_counts(to_the_beginning: bool, tmp_path: Path) -> None:
    talk, stays = rewound(to_the_beginning=to_the_beginning)
    spent = sum(
        one["message"]["usage"]["input_tokens"]
        for one in {o["message"]["id"]: o for o in talk.lines if o["type"] == "assistant"}.values()
    )
    for db in orders(talk.lines, tmp_path):
        live = db.execute("SELECT text_content FROM messages WHERE deleted_at IS NULL ORDER BY created_at").fetchall()
        assert [words for (words,) in live] == stays
        assert db.execute("SELECT title, prompt_tokens FROM sessions").get == (stays[0], spent)
        turns = sum(words not in ("Built.", "It is blue.") for words in stays)
        assert db.execute("SELECT sum(turns) FROM activity").get == turns
        assert db.execute("SELECT prompts FROM v_sessions").get == turns
        times = dict(db.execute("SELECT text_content, deleted_at - created_at FROM messages WHERE deleted_at > 0"))
        assert times["And bold"] == 2000  # until "And slanted"


@pytest.mark.parametrize("begin", ["<local-command-caveat>Caveat", "<command-name>/model</command-name>"])
def test_a_command_of_the_client_may_follow_what_was_taken_back(begin: str, tmp_path: Path) -> None:
    talk = Talk(session_id("c"), 0)
    talk.ask("Build the form")
    start = talk.answer(text("Built."))
    talk.ask("Paint it red")
    talk.answer(text("It is red."))
    talk.leaf = start
    talk.ask(begin)
    talk.ask("<local-command-stdout>Set model</local-command-stdout>")
    talk.ask("Paint it blue")
    talk.answer(text("It is blue."))
    for db in orders(talk.lines, tmp_path):
        gone = db.execute("SELECT text_content FROM messages WHERE deleted_at IS NOT NULL ORDER BY created_at")
        assert gone.fetchall() == [("Paint it red",), ("It is red.",)]


def test_what_is_taken_back_in_a_fork_stays_in_the_origin(tmp_path: Path) -> None:
    first, fork = session_id("f"), session_id("0")
    talk = origin(first)
    copies = go_on(by_the_client(talk.lines, fork), fork, 700)
    back = Talk(fork, 800)
    second = next(one for one in copies if one.get("message", {}).get("content") == "Second words")
    back.leaf = second["parentUuid"]
    back.ask("Third words")
    alone = rows_of(database(tmp_path / "alone", talk.lines), first)
    for db in orders(talk.lines + copies + back.lines, tmp_path):
        assert rows_of(db, first) == alone
        gone = db.execute(
            "SELECT text_content FROM messages WHERE deleted_at IS NOT NULL ORDER BY created_at"
        ).fetchall()
        assert [words for (words,) in gone] == ["Only in " + fork, "Said once."]


def _note(calls: list[None]) -> bool:
    calls.append(None)
    return False


def test_what_was_taken_back_is_found_in_time_that_grows_with_the_session_not_with_its_square(tmp_path: Path) -> None:
    steps = {}
    for exchanges in (50, 500):
        talk = Talk(session_id("c"), 0)
        start = talk.ask("Begin")
        for n in range(exchanges):
            talk.ask(f"Do {n}")
            talk.answer(text(f"Did {n}."))
        talk.leaf = start
        talk.ask("Go back")
        db = database(tmp_path / str(exchanges), talk.lines)
        db.execute("UPDATE messages SET deleted_at = NULL")
        calls: list[None] = []
        db.set_progress_handler(partial(_note, calls), 100)  # steps of SQLite's virtual machine
        mark_rewound(db, {talk.session})
        db.set_progress_handler(None)
        steps[exchanges] = len(calls)
        assert db.execute("SELECT count(*) FROM messages WHERE deleted_at > 0").get == 2 * exchanges
    assert 0 < steps[500] < 12 * steps[50]


@pytest.mark.parametrize("parents", [{}, {"parentUuid": None}, {"parentUuid": 5}])
def test_a_record_that_does_not_chain_its_lines_takes_nothing_back(parents: Line, tmp_path: Path) -> None:
    talk, _ = rewound()
    lines = [{key: value for key, value in one.items() if key != "parentUuid"} | parents for one in talk.lines]
    db = database(tmp_path / "data", lines)
    assert db.execute("SELECT count(*) FROM messages WHERE deleted_at IS NOT NULL").get == 0


def counted_calls(parents: str) -> Talk:
    """A server that counts its calls from 0 in each response; two of them at once in the second one."""
    talk = Talk(session_id("c"), 0)
    talk.ask("Look around")
    for commands in (["ls"], ["rm -rf build", "pwd"], ["ls"]):
        calls = [
            talk.answer({"type": "tool_use", "id": f"functions.Bash:{n}", "name": "Bash", "input": {"command": one}})
            for n, one in enumerate(commands)
        ]
        for n, one in enumerate(commands):
            if parents == "calls":
                talk.leaf = calls[n]
            result = {"type": "tool_result", "tool_use_id": f"functions.Bash:{n}", "content": f"did {one}"}
            talk.say("user", {"role": "user", "content": [result | {"is_error": one.startswith("rm")}]})
    if parents == "none":
        talk.lines = [{key: value for key, value in one.items() if key != "parentUuid"} for one in talk.lines]
    return talk


_CALLS = "SELECT json_extract(tool_input, '$.command'), success, tool_output FROM tools ORDER BY created_at"
_CALLED = [("ls", 1, "did ls"), ("rm -rf build", 0, "did rm -rf build"), ("pwd", 1, "did pwd"), ("ls", 1, "did ls")]


@pytest.mark.parametrize("parents", ["calls", "line by line", "none"])
@pytest.mark.parametrize("batch_lines", [None, 1])
def test_calls_with_one_id_are_several_calls(parents: str, batch_lines: int | None, tmp_path: Path) -> None:
    talk = counted_calls(parents)
    db = database(tmp_path / "data", talk.lines, batch_lines)
    assert db.execute(_CALLS).fetchall() == _CALLED
    for n, copier in enumerate((by_the_client, by_the_sdk)):
        db = database(tmp_path / f"{n}", talk.lines + copier(talk.lines, session_id("0")), batch_lines)
        assert db.execute(_CALLS).fetchall() == _CALLED


@pytest.mark.parametrize("recorded", [0, 3, 11])
def test_calls_with_one_id_that_hooks_report_are_rows_until_the_record_has_them(recorded: int, tmp_path: Path) -> None:
    talk = counted_calls("calls")
    hooks = []
    for command, failed in (("ls", False), ("rm -rf build", True), ("ls -l", False)):
        call: Line = {"session_id": talk.session, "cwd": "/src/shop", "prompt_id": command, "tool_name": "Bash"}
        call |= {"tool_use_id": "functions.Bash:0", "tool_input": {"command": command}}
        end: Line = {"error": "Exit code 1"} if failed else {"tool_response": {"stdout": "ok", "stderr": ""}}
        kinds = ("PreToolUse", "PostToolUseFailure" if failed else "PostToolUse")
        hooks += [
            (kind, call | (end if kind != "PreToolUse" else {})) for kind in kinds for _ in range(2)
        ]  # by plugin too
    log = [
        envelope.line("claude-code", kind, json.dumps(one | {"hook_event_name": kind}).encode(), now_ns=n * 10**9)
        for n, (kind, one) in enumerate(hooks)
    ]
    db = database(tmp_path / "data", talk.lines[:recorded], more=log)
    calls = db.execute("SELECT count(*), count(*) FILTER (WHERE success IS 0) FROM tools").get
    assert calls == {0: (3, 1), 3: (3, 1), 11: (4, 1)}[recorded]


def bill(session: str, cost: float, **used: tuple[int, int]) -> Line:
    usage = {f"claude-{name}-4-6": {"inputTokens": a, "outputTokens": b} for name, (a, b) in used.items()}
    return {"type": "cost-state", "sessionId": session, "totalCostUSD": cost, "modelUsage": usage}


def billed(*bills: tuple[float, dict[str, tuple[int, int]]], agent: bool = False) -> list[Line]:
    """Two responses of 103 and 105 tokens of input, 3 and 5 of output: $0.000744."""
    talk = Talk(session_id("c"), 0)
    for _ in range(2):
        talk.ask("Again")
        talk.answer(text("Yes."))
    if agent:
        talk.lines += go_on(by_a_side_agent(talk.lines[:2], "a1"), "a1", 100)[2:]  # 202 of input, 102 of output
    return talk.lines + [bill(talk.session, cost, **used) for cost, used in bills]


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (billed((1.0, {"sonnet": (206, 6)})), [(206, 6, 1.0, "client", 4)]),
        (billed((1.0, {"sonnet": (300, 6)})), [(300, 6, 1.0, "client", 5)]),
        (billed((1.0, {"sonnet": (206, 6), "haiku": (7, 8)})), [(213, 14, 1.0, "client", 5)]),
        (billed((0.1, {"sonnet": (102, 2)}), (1.0, {"sonnet": (306, 6)})), [(306, 6, 1.0, "client", 5)]),
        (billed((1.0, {"other": (306, 6)})), [(306, 6, 1.0, "client", 5)]),  # the client's own name for the model
        (billed((0.0001, {"sonnet": (102, 2)})), [(206, 6, 0.000708, "prices", 4)]),  # of the last run alone
        (billed((0.0001, {})), [(206, 6, 0.000708, "prices", 4)]),
        (billed((0.000707, {})), [(206, 6, 0.000707, "client", 4)]),
        (
            billed((1.0, {"sonnet": (500, 200)}), agent=True),
            [(298, 98, 1.0, "client", 5), (202, 102, None, "parent", 2)],
        ),
        (
            billed((0.0001, {"sonnet": (102, 2)}), agent=True),
            [(206, 6, 0.000708, "prices", 4), (202, 102, 0.002136, "prices", 2)],
        ),
    ],
)
def test_totals_are_the_bill_unless_it_lacks_something(lines: list[Line], rows: list[Any], tmp_path: Path) -> None:
    columns = "prompt_tokens, completion_tokens, round(cost, 9), cost_source, message_count"
    for db in orders(lines, tmp_path):
        assert db.execute(f"SELECT {columns} FROM sessions ORDER BY parent_id").fetchall() == rows
        assert db.execute("SELECT total(cost) FROM activity").get == pytest.approx(sum(row[2] or 0 for row in rows))
