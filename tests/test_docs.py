"""`clankers docs`: every topic is there, and what it says is true."""

import re
from pathlib import Path

import pytest

from clankers import cli, errors
from clankers.cli.docs import TOPICS, page
from clankers.errors import EX_USAGE
from clankers.queries.dates import span
from tests.commands import call, on_a_terminal
from tests.test_filters import NOW

DOCS = Path(cli.__file__).parents[1] / "docs"


def test_the_topics_are_the_files(tmp_path: Path) -> None:
    assert {path.stem for path in DOCS.glob("*.md")} == set(TOPICS)
    done = call(tmp_path, "docs")
    assert [line.split()[0] for line in done.out.splitlines()] == list(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_in_a_pipe_a_topic_is_its_markdown(topic: str, tmp_path: Path) -> None:
    assert call(tmp_path, "docs", topic).out == (DOCS / f"{topic}.md").read_text("utf-8")


def test_on_a_terminal_a_topic_is_drawn(tmp_path: Path) -> None:
    shown = on_a_terminal(tmp_path, "docs", "times", PAGER="cat")
    assert "yesterday" in shown
    assert "|---" not in shown


def test_an_unknown_topic_is_refused_with_those_there_are(tmp_path: Path) -> None:
    done = call(tmp_path, "docs", "nothing")
    assert (done.code, done.out) == (EX_USAGE, "")
    assert "times" in done.err


def test_every_exit_code_is_in_the_table() -> None:
    codes = {name: value for name, value in vars(errors).items() if name.startswith("EX_")}
    table = re.findall(r"^\| (\d+) \| (EX_\w+) \|", page("exit-codes"), re.MULTILINE)
    assert {name: int(code) for code, name in table} == codes
    assert 2 not in codes.values()


def test_every_form_of_a_time_is_read() -> None:
    forms = [form for row in re.findall(r"^\| (`.*?) \|", page("times"), re.MULTILINE) for form in row.split("`")[1::2]]
    assert len(forms) > 10
    for form in forms:
        span(form.strip("'"), "--since", NOW)


def test_every_command_is_mentioned() -> None:
    for name, (group, *_) in cli.COMMANDS.items():
        assert not group or f"`{name}`" in page("commands"), name
