"""Cursor runs Claude Code's hooks with payloads of its own: they are logged without an address, and make no session."""

import json
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.commands import call, command, environment
from tests.feeding import append, project
from tests.patience import DEADLINE

ADDRESS = '"dev@example.com"'
COMMON = (
    '"conversation_id":"c1","session_id":"c1","model":"default","workspace_roots":["/home/dev/shop"],"x":' + "9" * 5000
)
HOOKS = [
    # Names of both forms; one with a byte order mark, one with a version that is no text, one of a version without any.
    f'{{"hook_event_name":"UserPromptSubmit","prompt":"hi","cursor_version":"3.18.2","user_email":{ADDRESS},{COMMON}}}',
    f'\ufeff{{"hook_event_name":"sessionStart", {COMMON}, "user_email" : {ADDRESS} ,"cursor_version":"3.18.2"}}',
    f'{{{COMMON},"user_email":{ADDRESS},"user_email":{ADDRESS},"hook_event_name":"stop","cursor_version":7}}',
    f'{{{COMMON},"user_email":{ADDRESS},"transcript_path":"/home/dev/.cursor/projects/p/c1.jsonl","hook_event_name":"Stop"}}',
]
OF_CLAUDE_CODE = b'{"hook_event_name":"UserPromptSubmit","session_id":"s1","prompt":"what is \\"cursor_version\\"?"}'


def test_cursors_hooks_are_logged_without_the_address(tmp_path: Path) -> None:
    done = subprocess.run(
        [*command("append"), "claude-code", "--stream"],
        input="\n".join(HOOKS).encode(),
        capture_output=True,
        env=environment(tmp_path / "data"),
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (log,) = (tmp_path / "data").glob("clankers-*.jsonl")
    assert b"example.com" not in log.read_bytes()
    elision = f'{{"elided":{len(ADDRESS)},"sha256":"{sha256(ADDRESS.encode()).hexdigest()}"}}'
    for line, hook in zip(log.read_text().splitlines(), HOOKS, strict=True):
        expected = json.loads(hook.removeprefix("\ufeff").replace(ADDRESS, elision), parse_int=str)
        assert json.loads(line, parse_int=str)["payload"] == expected


def test_cursors_hooks_make_no_session_and_doctor_names_them(tmp_path: Path) -> None:
    root = tmp_path / "data"
    old: list[Any] = [("claude-code", json.loads(h.lstrip("\ufeff"), parse_int=str)) for h in HOOKS]
    append(root, [(source, hook["hook_event_name"], json.dumps(hook).encode()) for source, hook in old])
    append(root, [("claude-code", "UserPromptSubmit", OF_CLAUDE_CODE)])
    db = project(root)
    assert db.execute("SELECT id FROM sessions").fetchall() == [("s1",)]
    assert db.execute("SELECT sum(events) FROM event_types WHERE other_client = 'Cursor'").get == len(HOOKS)
    assert not db.execute("SELECT * FROM event_types WHERE NOT known").fetchall()
    said = call(root, "doctor").out
    assert "2 events of Cursor 3.18.2, which runs the hooks of claude-code: they make no session" in said
