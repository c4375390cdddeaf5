"""What each package may do: who prints, who knows the command line, who has SQL on our tables."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import clankers

PACKAGES = Path(clankers.__file__).parents[1]
MODULES = sorted(path for top in ("clankers", "projector") for path in (PACKAGES / top).rglob("*.py"))
TABLES = re.findall(r"CREATE (?:TABLE|VIEW) (\w+)", (PACKAGES / "projector/store/schema.sql").read_text("utf-8"))
SQL = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:live\.)?\"?(?:{'|'.join(TABLES)})\b")

# Who prints besides the command line, and why.
PRINTS = {
    "clankers/append.py",  # hooks run it, and the command line would cost them its imports
    "clankers/__main__.py",  # for the same reason
}


def module(path: Path) -> str:
    return path.relative_to(PACKAGES).as_posix()


def texts(tree: ast.AST) -> Iterator[str]:
    """The texts of a module, those of f-strings with `?` for what is put into them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values)


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def prints(tree: ast.AST) -> bool:
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(
        (isinstance(function, ast.Name) and function.id == "print")
        or (isinstance(function, ast.Attribute) and ast.unparse(function) in {"sys.stdout.write", "sys.stderr.write"})
        for function in called
    )


@pytest.mark.parametrize("path", MODULES, ids=module)
def test_only_the_command_line_prints_and_knows_typer(path: Path) -> None:
    name, tree = module(path), ast.parse(path.read_text("utf-8"))
    if name.startswith("clankers/cli/"):
        return
    assert not {"typer", "click"} & {one.partition(".")[0] for one in imported(tree)}
    assert not prints(tree) or name in PRINTS


ASKING = [path for path in MODULES if module(path).split("/")[1] in ("cli", "render", "sync", "serve")]


@pytest.mark.parametrize("path", ASKING, ids=module)
def test_only_the_queries_have_sql_on_our_tables(path: Path) -> None:
    assert TABLES
    assert [text for text in texts(ast.parse(path.read_text("utf-8"))) if SQL.search(text)] == []


def test_the_search_for_sql_finds_it() -> None:
    for sql in ("SELECT id FROM sessions", "DELETE FROM messages", "... JOIN live.tools AS t", 'UPDATE "parts" SET'):
        assert SQL.search(sql), sql
    assert not SQL.search("SELECT digest FROM told")


RENDER = [path for path in MODULES if module(path).startswith("clankers/render/")]


@pytest.mark.parametrize("path", RENDER, ids=module)
def test_render_asks_nothing(path: Path) -> None:
    assert "apsw" not in imported(ast.parse(path.read_text("utf-8")))
