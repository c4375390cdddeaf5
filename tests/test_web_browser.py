"""The pages of `clankers web` in a real browser: on a phone and on a desk, light and dark, live and without scripts."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import NOW, command, event, session
from tests.e2e.machine import CLIENTS
from tests.feeding import Record, append, project
from tests.patience import DEADLINE
from tests.talks import demo, talk
from tests.web_serving import WebServer

PACKAGES = CLIENTS / "browser"
WHITE = "rgb(255, 255, 255)"
PATHS = (
    *("/overview", "/sessions", "/sessions?sort=cost&q=mock", "/sessions?q=nothing", "/sessions/ses_talk"),
    *("/search", "/search?q=echo", "/tools", "/files", "/errors", "/models", "/health"),
    *("/ask", "/ask?sql=select+*+from+sessions", "/log/ses_talk", "/nothing"),
)

pytestmark = [
    pytest.mark.skipif(not shutil.which("node"), reason="the browser is driven from node, which is not there"),
    pytest.mark.skipif(
        not (PACKAGES / "node_modules" / "axe-core").is_dir(),
        reason=f"no browser in {PACKAGES}; .ci/run installs it from npm",
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    root = talk(tmp_path_factory.mktemp("web") / "data")
    for log in demo(tmp_path_factory.mktemp("demo") / "data").glob("*.jsonl"):
        shutil.copy(log, root)
    project(root).close()
    with WebServer(root) as found:
        yield found


def driven(server: WebServer, script: str, *args: str) -> Any:
    """What a script of ours saw in the browser."""
    done = subprocess.run(
        ["node", str(Path(__file__).parent / script), str(PACKAGES), server.address(), *args],
        env=server.env,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def seen(server: WebServer) -> Any:
    pictures = os.environ.get("CLANKERS_PICTURES", "")  # a directory, for who wants to look
    return driven(server, "web_browser.mjs", pictures, *PATHS)


def test_the_pages_ask_nobody_else_and_break_no_rule(seen: Any) -> None:
    """A page that is not there is an error of the browser's, too."""
    assert [one for one in seen["problems"] if "/nothing" not in one] == []


def test_no_page_is_wider_than_the_screen(seen: Any) -> None:
    looks = [one for one in seen["looks"] if one["scheme"] == "light"]
    assert [(one["path"], one["width"]) for one in looks if one["wide"] > one["width"]] == []


def test_nothing_overlaps_and_nothing_is_cut(seen: Any) -> None:
    looks = [one for one in seen["looks"] if one["scheme"] == "light"]
    assert [(one["path"], one["width"], one["over"], one["cut"]) for one in looks if one["over"] or one["cut"]] == []


def test_the_pages_are_light_or_dark_as_the_reader_likes_it(seen: Any) -> None:
    assert {(one["scheme"], one["back"] == WHITE) for one in seen["looks"]} == {("light", True), ("dark", False)}


def test_axe_finds_nothing(seen: Any) -> None:
    assert seen["violations"] == []


def test_the_pages_are_used_while_things_happen(server: WebServer) -> None:
    append(server.root, [*long_session(120), *subagent()])
    seen = driven(server, "web_live.mjs", *command("append", "claude-code"))
    assert seen.pop("problems") == []
    assert "token" not in seen.pop("address")
    assert seen == {
        "marked": "Live",
        "kept": True,
        "filtered": "?source=opencode",
        "back": "",
        "typed": "?q=login",
        "found": "login",
        "jumped": True,
        "unfolded": True,
        "first": 50,
        "plain": True,
        "buttons": 0,
        "later": "?at=50",
    }


def long_session(prompts: int) -> Iterator[Record]:
    yield session("ses_long", title="A long one")
    for number in range(prompts):
        id, at = f"msg_l{number:04}", NOW + number * 1000
        yield event(
            "message.updated", info={"id": id, "sessionID": "ses_long", "role": "user", "time": {"created": at}}
        )
        part = {"id": f"prt_l{number:04}", "messageID": id, "sessionID": "ses_long", "type": "text"}
        yield event("message.part.updated", part=part | {"text": f"prompt {number}"})


def subagent() -> Iterator[Record]:
    yield session("ses_parent", title="One with a subagent")
    yield session("ses_child", title="The subagent", parentID="ses_parent")
    info = {"id": "msg_c", "sessionID": "ses_child", "role": "user", "time": {"created": NOW}}
    yield event("message.updated", info=info)
    part = {"id": "prt_c", "messageID": "msg_c", "sessionID": "ses_child", "type": "text"}
    yield event("message.part.updated", part=part | {"text": "words of the subagent"})
