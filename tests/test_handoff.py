"""Going on with a session: in its own client, or in another one, which gets a brief of the record."""

import json
import os
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from clankers import harnesses
from clankers.cli.handoff import record_of
from clankers.errors import EX_FAIL, EX_USAGE
from clankers.queries.resume import session_tree
from clankers.render.brief import brief
from clankers.render.redact import Masks
from tests.commands import POSIX_ONLY, call, command, environment, session
from tests.contract.captures import ALL, feed_stores
from tests.feeding import Record, append, feed_transcripts, project

pytestmark = POSIX_ONLY

TOKEN = "ghp_" + "a1B2c3D4e5F6" * 3
CLIENT = '#!/bin/sh\npwd\nfor one in "$@"; do printf "<%s>\\n" "$one"; done\n'


def hook(name: str, id: str, **more: object) -> Record:
    return "claude-code", name, json.dumps({"hook_event_name": name, "session_id": id} | more).encode()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A directory in which a session worked; what stands for clients is on the PATH."""
    for client in ("claude", "codex"):
        program = tmp_path / "bin" / client
        program.parent.mkdir(exist_ok=True)
        program.write_text(CLIENT)
        program.chmod(0o755)
    directory = tmp_path / "a project"
    directory.mkdir()
    append(
        tmp_path / "data",
        [
            hook("SessionStart", "c1", cwd=str(directory)),
            hook("UserPromptSubmit", "c1", cwd=str(directory), prompt=f"Deploy with {TOKEN}; $(rm -rf /)"),
        ],
    )
    return directory


def started(root: Path, *args: str) -> list[str]:
    """What the client that the command starts prints: its directory, and its arguments."""
    env = environment(root, PATH=f"{root.parent / 'bin'}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(
        command(*args), env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    directory, _, arguments = done.stdout.partition("\n")
    return [directory, *arguments.removeprefix("<").removesuffix(">\n").split(">\n<")]


def test_a_session_is_resumed_in_its_directory(work: Path, tmp_path: Path) -> None:
    assert started(tmp_path / "data", "resume") == [str(work), "--resume", "c1"]
    assert call(tmp_path / "data", "resume", "c1", "--print").out == f"cd '{work}' && claude --resume c1\n"


def test_another_agent_starts_with_a_brief_in_the_directory(work: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    directory, prompt = started(root, "handoff", "c1", "--to", "codex")
    assert directory == str(work)
    assert "Claude Code" in prompt.partition("\n")[0]
    assert "Deploy with [secret:" in prompt
    assert "$(rm -rf /)" in prompt  # an argument, which no shell reads
    assert TOKEN not in prompt
    printed = call(root, "handoff", "c1", "--to", "codex", "--print")
    assert printed.out == prompt + "\n"
    assert "masked" in printed.err


def test_what_cannot_be_started_says_why(work: Path, tmp_path: Path) -> None:
    root, nowhere = tmp_path / "data", str(tmp_path / "nowhere")
    for args, why in (
        (("resume",), "is not found"),
        (("handoff", "last", "--to", "codex"), "is not found"),
        (("handoff", "last", "--to", "aider"), "takes no first prompt"),
    ):
        done = call(root, *args, PATH=nowhere)
        assert (done.code, why in done.err) == (EX_FAIL, True), done.err
    for wrong in ((), ("--to", "nobody"), ("--to", "codex", "--tokens", "9")):
        assert call(root, "handoff", "last", *wrong).code == EX_USAGE
    work.rmdir()
    assert "is not on this machine" in call(root, "resume").err


def test_a_client_that_resumes_no_session_is_named(tmp_path: Path) -> None:
    append(tmp_path / "data", [("aider", "run", b'{"sessionId":"a1","path":"/p/.aider.chat.history.md","text":""}')])
    assert "aider cannot resume a session by its id" in call(tmp_path / "data", "resume").err


def test_a_session_that_its_client_has_lost_is_said_to_be(tmp_path: Path) -> None:
    root = tmp_path / "data"
    feed_transcripts("basic_text", root, tmp_path)  # HOME is above the data
    assert call(root, "resume", "--print").err == ""
    for path in (tmp_path / ".claude").rglob("*.jsonl"):
        path.unlink()
    assert "clankers restore" in call(root, "resume", "--print").err


@pytest.mark.parametrize("name", ["claude-code tools", "codex", "opencode 1.18.33", "gemini", "pi", "copilot"])
def test_a_brief_keeps_to_its_budget_and_says_the_first_and_the_last(name: str, tmp_path: Path) -> None:
    captures = ALL[name]
    captures.store(tmp_path)
    feed_stores(tmp_path / "data", captures.harness, tmp_path)
    with closing(project(tmp_path / "data")) as db:
        tops = db.execute("SELECT id FROM sessions WHERE parent_id IS NULL ORDER BY id LIMIT 8").fetchall()
        for id in map(str, (id for (id,) in tops)):
            tree = session_tree(db, id)
            assert tree
            record = record_of(db, tree, harnesses.load(captures.harness, "").title, Masks())
            whole = brief(record, 1 << 20)
            prompts = [
                str(text)
                for (text,) in db.execute(
                    "SELECT text_content FROM messages WHERE session_id = ? AND role = 'user' AND NOT synthetic "
                    "AND deleted_at IS NULL AND text_content > '' ORDER BY created_at, id",
                    (id,),
                )
            ]
            for text in prompts:
                assert "".join(f"> {line}\n" for line in text.strip("\n").split("\n")) in whole
            for budget in (400, 2_000, 4_000, 8_000):
                short = brief(record, budget)
                assert len(short.encode()) <= budget
                assert "cut" in short or short == whole


def test_open_todos_and_failures_are_in_the_brief(tmp_path: Path) -> None:
    todos = [
        {"content": "write the parser", "status": "in_progress", "priority": "high"},
        {"content": "done already", "status": "completed", "priority": "low"},
    ]
    body = {"type": "todo.updated", "properties": {"sessionID": "ses_1", "todos": todos}}
    append(tmp_path / "data", [session("ses_1"), ("opencode", "todo.updated", json.dumps(body).encode())])
    printed = call(tmp_path / "data", "handoff", "ses_1", "--to", "pi", "--print").out
    assert "[in_progress] write the parser" in printed
    assert "done already" not in printed
