"""Whatever was recorded, wherever it stands: no command passes it to the terminal so that the terminal acts on it."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.commands import HOSTILE, POSIX_ONLY, RAW, environment, event, session
from tests.faults.common import clankers
from tests.feeding import append

pytestmark = POSIX_ONLY
NAME = HOSTILE.replace("\0", "").replace("/", "")


def screen(root: Path, *args: str, cwd: Path | None = None, **env: str) -> str:
    """What a terminal gets, but for the colours that are our own."""
    pty = pytest.importorskip("pty")  # Windows has no pseudo-terminals
    ours, theirs = pty.openpty()
    # A progress bar, which a busy machine shows, moves the cursor; on such a terminal there is none.
    env = environment(root, NO_COLOR="1", TERM="dumb", COLUMNS="400", **env)
    with subprocess.Popen(clankers(*args), env=env, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, b"{}\n")  # for those who read
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # Linux says EIO when the other side has closed
            pass
    os.close(ours)
    assert process.returncode in {0, 1, 64, 74}, shown.decode()
    return re.sub(r"\x1b\[[0-4]?m|\r(?=\n)", "", shown.decode())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A hostile session: its id, title, model, paths, tools, errors, its events' types and sources; and torn lines."""
    root = tmp_path / "root"
    title = session("ses_1" + HOSTILE, title=HOSTILE, directory="/src/" + HOSTILE, agent=HOSTILE, version=HOSTILE)
    tool = {
        "id": "prt_1",
        "messageID": "msg_1",
        "sessionID": "ses_2",
        "type": "tool",
        "tool": HOSTILE,
        "callID": HOSTILE,
    }
    state = {"status": "error", "input": {"filePath": HOSTILE}, "error": HOSTILE, "time": {"start": 1, "end": 2}}
    info = {"id": "msg_1", "sessionID": "ses_2", "role": "assistant", "modelID": HOSTILE, "providerID": HOSTILE}
    append(
        root,
        [
            title,
            session("ses_2", title="", directory="/src/" + HOSTILE),
            event("message.updated", info={**info, "time": {"created": 1}}),
            event("message.part.updated", part={**tool, "state": state}),
            event("session.error", sessionID="ses_2", error={"name": HOSTILE, "data": {"message": HOSTILE}}),
            event(HOSTILE, sessionID="ses_2"),
            (
                "opencode",
                "session.updated",
                json.dumps({"type": "x", "properties": {"info": {"id": HOSTILE * 90}}}).encode(),
            ),
            (HOSTILE, HOSTILE, b"{}"),
        ],
    )
    with next(root.glob("*.jsonl")).open("ab") as log:
        log.write(HOSTILE.replace("\n", "").encode() + b"\n")
        log.write(
            b'{"v":1,"id":"x","ts":"' + json.dumps(HOSTILE).encode()[1:-1] + b'","level":"info","source":"opencode",'
        )
        log.write(b'"type":"session.idle","payload":{}}\n')
    return root


TABLES = [
    "sessions",
    "messages",
    "parts",
    "tools",
    "session_errors",
    "file_edits",
    "projects",
    "rejects",
    "event_types",
]


@pytest.mark.parametrize(
    "args",
    [
        ("project",),
        ("project", "--rebuild"),
        ("sessions",),
        ("sessions", "--json"),
        ("doctor",),
        ("doctor", "--json"),
        *(("query", f"SELECT * FROM {table}") for table in TABLES),
        *(("query", form, "SELECT * FROM sessions, tools, rejects, event_types") for form in ("--json", "--csv")),
        ("query", f'SELECT 1 AS "{HOSTILE}"'),
        ("query", f'SELECT * FROM "{HOSTILE}"'),
        ("query", f"SELECT '{HOSTILE}' FROM"),
    ],
    ids=lambda args: " ".join(args)[:60].encode("ascii", "replace").decode().replace("\x1b", "?"),
)
def test_nothing_recorded_steers_the_terminal(args: tuple[str, ...], root: Path) -> None:
    shown = screen(root, *args)
    assert not RAW.search(shown), repr(shown)


@pytest.mark.parametrize(
    ("args", "content"),
    [
        *(
            (("install", "claude-code", "opencode", "--project", "--dry-run"), content)
            for content in ("", '{"hooks": 7, "x": "%s"}', '{"hooks": {"Stop": [{"x": "%s"}]}} //', "%s")
        ),
        (("install", "claude-code", "opencode", "--project"), ""),
        (("uninstall", "claude-code", "opencode", "--project"), ""),
        (("doctor",), '{"hooks": {"Stop": [{"x": "%s"}]}} //'),
        (("doctor",), "%s"),
        (("project",), "%s"),
    ],
)
def test_a_hostile_project_steers_no_terminal(args: tuple[str, ...], content: str, root: Path, tmp_path: Path) -> None:
    """A repository that was cloned: its path, its settings, its plugin are anybody's."""
    project = tmp_path / NAME
    (project / ".claude").mkdir(parents=True)
    settings = project / ".claude" / "settings.local.json"
    if content:
        settings.write_text(content.replace("%s", HOSTILE))
        (project / ".opencode" / "plugin").mkdir(parents=True)
        (project / ".opencode" / "plugin" / "clankers.js").write_text("// " + HOSTILE)
    shown = screen(root, *args, cwd=project, CLAUDE_PROJECT_DIR=str(project))
    assert not RAW.search(shown), repr(shown)


def test_an_append_that_cannot_write_below_a_hostile_path_steers_no_terminal(tmp_path: Path) -> None:
    project = tmp_path / NAME
    project.mkdir()
    (project / "data").write_text("in the way")
    shown = screen(Path("data"), "append", "opencode", "--type", HOSTILE, CLAUDE_PROJECT_DIR=str(project))
    assert "cannot write the log" in shown
    assert not RAW.search(shown), repr(shown)


@pytest.mark.parametrize("args", [("append", HOSTILE), ("append", f"--{NAME}"), ("append", "a", HOSTILE)])
def test_a_wrong_command_line_of_append_steers_no_terminal(args: tuple[str, ...], tmp_path: Path) -> None:
    shown = screen(tmp_path / "root", *args)
    assert not RAW.search(shown), repr(shown)


def test_a_store_with_hostile_names_steers_no_terminal(root: Path, tmp_path: Path) -> None:
    data = tmp_path / ".local" / "share" / "opencode"
    (data / "storage" / "session" / NAME).mkdir(parents=True)
    (data / "storage" / "session" / NAME / f"{NAME}.json").write_text(HOSTILE)
    (data / f"opencode{NAME}.db").write_text(HOSTILE)
    folder = tmp_path / ".claude" / "projects" / NAME
    folder.mkdir(parents=True)
    (folder / f"{NAME}.jsonl").write_text(HOSTILE + "\n")
    (folder / "22222222-2222-4333-8444-555555555555.jsonl").mkdir()
    shown = screen(root, "backfill", "--all")
    assert "not imported" in shown
    assert not RAW.search(shown), repr(shown)
