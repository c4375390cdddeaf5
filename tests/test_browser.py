"""An exported page in a real browser: on a phone and on a desk, light and dark, folded, unfolded and printed."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.commands import call
from tests.e2e.machine import CLIENTS
from tests.patience import DEADLINE
from tests.talks import demo, talk

PACKAGES = CLIENTS / "browser"
WHITE = "rgb(255, 255, 255)"

pytestmark = [
    pytest.mark.skipif(not shutil.which("node"), reason="the browser is driven from node, which is not there"),
    pytest.mark.skipif(
        not (PACKAGES / "node_modules" / "puppeteer-core").is_dir(),
        reason=f"no browser in {PACKAGES}; .ci/run installs it from npm",
    ),
]


@pytest.fixture(scope="module", params=["talk", "subagents"])
def looks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("page") / "data"
    talk(root) if request.param == "talk" else demo(root)
    name = "ses_talk" if request.param == "talk" else "0aee4390"
    page = root.parent / "page.html"
    assert call(root, "export", name, "--no-scrub", "-o", str(page)).code == 0
    script = Path(__file__).parent / "browser.mjs"
    environment = os.environ | {"HOME": str(root.parent)}
    done = subprocess.run(
        ["node", str(script), str(PACKAGES), str(page)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_page_loads_nothing_and_breaks_no_rule_of_its_own(looks: dict[str, Any]) -> None:
    assert looks["problems"] == []


def test_the_page_is_never_wider_than_the_screen(looks: dict[str, Any]) -> None:
    assert [(one["width"], one["wide"]) for one in looks["looks"] if one["wide"] > one["width"]] == []


def test_the_page_is_light_or_dark_as_the_reader_likes_it(looks: dict[str, Any]) -> None:
    for one in looks["looks"]:
        assert (one["back"] == WHITE) == (one["scheme"] == "light"), one


def test_all_text_stands_out(looks: dict[str, Any]) -> None:
    """At least 4.5 to 1, WCAG's AA."""
    for one in [*looks["looks"], looks["print"]]:
        assert one["contrast"][0] >= 4.5, one


def test_calls_are_folded_until_they_are_opened(looks: dict[str, Any]) -> None:
    for one in looks["looks"]:
        assert one["unfolded"] > one["folded"] + 200, one


def test_all_is_printed_in_dark_on_white(looks: dict[str, Any]) -> None:
    assert looks["print"]["hidden"] == 0
    assert looks["print"]["back"] == WHITE
