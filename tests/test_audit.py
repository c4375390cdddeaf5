"""The audit by hand that the log and the database are made for: rg, jq and sqlite3 on a data root."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.feeding import append, feed_hooks, opencode_records, project

# As the audit of a data root is written down: counts, the tools of one session, the lines to look at.
COUNTS = """
select 'sessions' as tbl, count(*) from sessions
union all select 'messages', count(*) from messages
union all select 'tools', count(*) from tools
union all select 'session_errors', count(*) from session_errors;
"""
TOOLS = "select tool_name, count(*) from tools where session_id like '{}%' group by tool_name order by tool_name;"
ORPHANS = "select count(*) from messages where session_id not in (select id from sessions);"
PATTERN = '"level":"(error|warn)"'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / ".clankers-dev"
    for name in ("tools", "subagent", "err_401"):
        feed_hooks(name, root, tmp_path / "home")
    for name in ("1.18.33/05-fail", "1.1.65/12-err401"):
        append(root, opencode_records(name))
    project(root).close()
    return root


def run(*arguments: str) -> str:
    if shutil.which(arguments[0]) is None:
        pytest.skip(f"{arguments[0]} is not installed")  # an auditor's tool, which clankers itself never needs
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def test_sqlite3_answers_the_audits_questions(root: Path) -> None:
    def ask(sql: str) -> list[list[str]]:
        return [line.split("|") for line in run("sqlite3", str(root / "clankers.db"), sql).splitlines()]

    assert ask(COUNTS) == [["sessions", "7"], ["messages", "39"], ["tools", "28"], ["session_errors", "3"]]
    assert ask(TOOLS.format("b900ed56"))[0] == ["Bash", "5"]
    assert ask(ORPHANS) == [["0"]]


def test_jq_reads_every_line(root: Path) -> None:
    for log in root.glob("clankers-*.jsonl"):
        lines = run("jq", "-c", ".", str(log)).splitlines()
        assert len(lines) == len(log.read_bytes().splitlines())
        assert {tuple(json.loads(line)) for line in lines} == {
            ("v", "id", "ts", "level", "source", "type", "payload", "crc")
        }


def test_rg_finds_what_went_wrong(root: Path) -> None:
    (log,) = root.glob("clankers-*.jsonl")
    found = [json.loads(line) for line in run("rg", "--no-filename", PATTERN, str(log)).splitlines()]
    kinds = {(line["source"], line["type"]) for line in found if line["level"] == "error"}
    assert ("claude-code", "transcript.assistant") in kinds
    assert ("opencode", "session.error") in kinds
    assert {line["type"] for line in found if line["level"] == "warn"} >= {"PostToolUseFailure", "message.part.updated"}
