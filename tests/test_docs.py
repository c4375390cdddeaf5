"""The reference, `clankers docs` and the README: nothing is missing there, and what they say is true."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer._click.exceptions import UsageError

from clankers import cli, errors, harnesses
from clankers.cli.docs import TOPICS, page
from clankers.errors import EX_FAIL, EX_OK, EX_USAGE
from clankers.queries.dates import span
from tests import manual
from tests.commands import POSIX_ONLY, call, command, environment, on_a_terminal, work
from tests.feeding import append, project
from tests.golden import assert_file
from tests.patience import DEADLINE
from tests.talks import demo
from tests.test_filters import NOW

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "clankers" / "docs"
README = (ROOT / "README.md").read_text("utf-8")
PAGES = {topic: page(topic) for topic in (*TOPICS, *harnesses.BUILT_IN)}
SETTING_UP = "python3 -m venv .venv && "  # how the README's command for trying it begins


# `clankers docs`


def test_the_topics_are_the_files(tmp_path: Path) -> None:
    assert {path.stem for path in DOCS.glob("*.md")} == set(TOPICS)
    assert {path.stem for path in (DOCS / "harnesses").glob("*.md")} == set(harnesses.BUILT_IN)
    done = call(tmp_path, "docs")
    assert [line.split()[0] for line in done.out.splitlines()] == list(TOPICS)


@pytest.mark.parametrize("topic", ["times", "codex"])
def test_in_a_pipe_a_topic_is_its_markdown(topic: str, tmp_path: Path) -> None:
    assert call(tmp_path, "docs", topic).out == PAGES[topic]


def test_on_a_terminal_a_topic_is_drawn(tmp_path: Path) -> None:
    shown = on_a_terminal(tmp_path, "docs", "times", PAGER="cat")
    assert "yesterday" in shown
    assert "|---" not in shown


def test_an_unknown_topic_is_refused_with_those_there_are(tmp_path: Path) -> None:
    done = call(tmp_path, "docs", "nothing")
    assert (done.code, done.out) == (EX_USAGE, "")
    assert "times" in done.err


# The reference is complete


def test_commands_and_options_are_those_of_the_help() -> None:
    assert_file(DOCS / "commands.md", manual.markdown())
    assert_file(ROOT / "clankers" / "assets" / "clankers.1", manual.man_page())


def test_every_table_and_column_is_described(tmp_path: Path) -> None:
    append(tmp_path, work(0, 1))
    with closing(project(tmp_path)) as db:
        columns: dict[str, set[str]] = {}
        for table, column in db.execute(
            "SELECT m.name, p.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS p"
            " WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%'"
        ):
            columns.setdefault(str(table), set()).add(str(column))
    sections = dict(re.findall(r"^## (\w+)$(.*?)(?=^## |\Z)", PAGES["tables"], re.MULTILINE | re.DOTALL))
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*)$", PAGES["tables"], re.MULTILINE))
    for table, names in columns.items():
        described = sections.get(table) or listed[table]
        if described.rstrip(" |").endswith("the columns of `tools`"):
            described = sections["tools"]
        assert names <= set(re.findall(r"`([^`]*)`", described)), table


def test_every_exit_code_is_in_the_table() -> None:
    codes = {name: value for name, value in vars(errors).items() if name.startswith("EX_")}
    table = re.findall(r"^\| (\d+) \| (EX_\w+) \|", PAGES["exit-codes"], re.MULTILINE)
    assert {name: int(code) for code, name in table} == codes
    assert 2 not in codes.values()


def test_every_form_of_a_time_is_read() -> None:
    forms = [
        form for row in re.findall(r"^\| (`.*?) \|", PAGES["times"], re.MULTILINE) for form in row.split("`")[1::2]
    ]
    assert len(forms) > 10
    for form in forms:
        span(form.strip("'"), "--since", NOW)


def test_every_package_is_in_the_architecture() -> None:
    packages = {path.parent.name for path in (ROOT / "clankers").glob("*/__init__.py")} - {"docs"}
    assert {name for name in packages if f"`clankers.{name}`" not in PAGES["architecture"]} == set()


def variables(folder: Path) -> set[str]:
    """The environment variables that the code in `folder` reads."""
    reading = r'(?:environ(?:\.get)?[(\[]|named(?:_directory)?\(|directory\(\w+, |_ENV = )f?"([A-Z][A-Z_]+)"'
    return {name for path in folder.rglob("*.py") for name in re.findall(reading, path.read_text("utf-8"))}


def test_every_environment_variable_is_described() -> None:
    found = variables(ROOT / "clankers") - variables(ROOT / "clankers" / "harnesses")
    assert {"CLANKERS_DATA_PATH", "CLANKERS_FSYNC", "PAGER"} <= found
    of_others = {"HOME", "PATH", "TMPDIR", "COMP_WORDS", "CLAUDE_PROJECT_DIR"}
    assert {name for name in found - of_others if f"`{name}`" not in PAGES["configuration"]} == set()


@pytest.mark.parametrize("name", harnesses.BUILT_IN)
def test_the_page_of_a_harness_says_how_it_is_set_up_and_what_moves_its_files(name: str) -> None:
    text = PAGES[name]
    harness = harnesses.load(name, "")
    assert f"`clankers {'install' if harness.installer() else 'backfill'} {name}`" in text
    folder = harnesses.BUILT_IN[name].split(".")[2]
    assert {
        variable for variable in variables(ROOT / "clankers" / "harnesses" / folder) if variable not in text
    } == set()
    assert harness.title.split()[0] in text
    assert "## Limits" in text


# Links, and commands in the text


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda path: path.stem)
def test_links_lead_somewhere_and_commands_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        assert "://" in target or (path.parent / target).exists(), target
    known: Any = typer.main.get_command(cli.application())
    for line in (*shown_commands(text), *re.findall(r"`clankers ([a-z][^`]*)`", text)):
        words = shlex.split(line.split(" | ")[0].split(" > ")[0], comments=True)
        if "[OPTIONS]" in words:  # how a command is called, in the page of all commands
            continue
        one = known.commands[words[0]]
        if len(words) > 1 and words[1] in getattr(one, "commands", {}):
            one, words = one.commands[words[1]], words[1:]
        if len(words) == 1:  # the command is only named
            continue
        try:
            one.make_context(words[0], words[1:])
        except UsageError as e:
            pytest.fail(f"{line}: {e}")


def shown_commands(text: str) -> Iterator[str]:
    """The arguments of each `clankers` that stands in a block of shell commands."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from re.findall(r"(?:^|[|] |=\S+ )clankers ([a-z].*)$", block, re.MULTILINE)


# The README


def test_the_readme_is_short_and_is_read_beside_other_things() -> None:
    """In its prose no line is longer than 128 characters; code and tables are as long as they are."""
    assert len(README.splitlines()) <= 200
    prose = re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
    assert [line for line in prose.splitlines() if len(line) > 128 and not line.startswith("|")] == []
    assert [topic for topic in TOPICS if f"(clankers/docs/{topic}.md)" not in README] == []
    assert all(
        f"`clankers install {name}`" in README for name in harnesses.BUILT_IN if harnesses.load(name, "").installer()
    )


def readme_commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


# Run by tests/test_package, by what runs these tests, by the long test below, and on a terminal by tests/test_install.
ELSEWHERE = re.compile(r"uv tool (un)?install |bash \.ci/run$|clankers install$|" + re.escape(SETTING_UP))


@POSIX_ONLY
def test_every_command_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = demo(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("clankers.cli.install.start_first_backfill", lambda *_, **__: None)  # in the background
    ends = {"doctor": (EX_OK, EX_FAIL)}  # which is about this machine
    in_tables = re.findall(r"`(clankers (?:install|backfill|query)[^`]*)`", README)
    for line in dict.fromkeys((*readme_commands(), *in_tables)):
        if ELSEWHERE.match(line):
            continue
        name, *args = shlex.split(line, comments=True)
        assert name == "clankers", line
        if args == ["tail"]:
            tail_follows(root)
        else:
            done = call(root, *args)
            assert done.code in ends.get(args[0], (EX_OK,)), (line, done)
    assert (tmp_path / "talk.html").exists()


def tail_follows(root: Path) -> None:
    with subprocess.Popen(command("tail"), env=environment(root), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline()
        process.terminate()


@POSIX_ONLY
@pytest.mark.long
def test_the_readmes_command_sets_up_and_shows_the_demo_in_an_empty_home(tmp_path: Path) -> None:
    (line,) = (line for line in readme_commands() if line.startswith(SETTING_UP))
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    home.mkdir()
    for name in ("clankers", "projector"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    kept = {name: value for name, value in environment(home).items() if name == "PATH" or name.startswith("PIP_")}
    env = kept | {"HOME": str(home), "PIP_NO_CACHE_DIR": "1"}
    done = subprocess.run(
        ["sh", "-c", line], check=False, cwd=checkout, env=env, capture_output=True, text=True, timeout=DEADLINE * 20
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "clankers install" in done.stdout
    assert not [path for path in home.rglob("*") if "clankers" in path.name]
