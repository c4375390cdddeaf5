"""What each package may do: what it imports, who prints, who knows the command line, who has SQL on our tables."""

import ast
import re
from collections import defaultdict
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
    "clankers/statusline.py",  # also
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


ROOMS_THAT_ASK = ("cli", "render", "mcp", "sync", "serve", "http", "web")
ASKING = [path for path in MODULES if module(path).split("/")[1] in ROOMS_THAT_ASK]


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


# The rooms, each after all that it may import, also inside functions.
BASE = {"clankers", "clankers.errors", "clankers.paths", "clankers.formatting"}
LOG = {*BASE, "clankers.system", "clankers.log"}
RECORDING = {*LOG, "clankers.secrets", "clankers.ingest", "clankers.restore", "clankers.harnesses"}
PROJECTOR = {
    f"projector.{room}" for room in ("model", "adapters", "derived", "store", "search", "replay", "trace", "feed")
}
ASKED = {*RECORDING, *PROJECTOR, "clankers.queries"}
MAY_IMPORT: dict[str, set[str]] = {
    "clankers": set(),
    "clankers.docs": set(),
    "clankers.errors": set(),
    "clankers.paths": {"clankers.errors"},
    "clankers.formatting": {"clankers.errors", "clankers.paths"},
    "clankers.system": BASE,
    "clankers.http": {"clankers.errors"},
    "clankers.log": LOG,
    "clankers.secrets": set(),
    "clankers.ingest": {*LOG, "clankers.secrets"},
    "clankers.restore": {*LOG, "clankers.ingest"},
    "clankers.harnesses": {*LOG, "clankers.secrets", "clankers.ingest", "clankers.restore"},
    "clankers.append": RECORDING,
    "clankers.statusline": RECORDING,
    "clankers.maintenance": {*LOG, "clankers.secrets"},
    "projector": set(),
    "projector.model": {"clankers.log"},
    "projector.adapters": {"clankers", "clankers.log", "clankers.system", "projector.model"},
    "projector.derived": {"projector.model"},
    "projector.store": {*LOG, "projector.model", "projector.derived"},
    "projector.search": {*LOG, "projector.model", "projector.derived", "projector.store"},
    "projector.replay": {*LOG, *PROJECTOR} - {"projector.trace", "projector.feed"},
    "projector.trace": {*LOG, "clankers.maintenance", "projector.model", "projector.adapters", "projector.store"},
    "projector.feed": {"clankers.log", "projector.model", "projector.adapters"},
    "clankers.queries": {*RECORDING, *PROJECTOR},
    "clankers.render": {*BASE, "clankers.system", "clankers.secrets", "clankers.queries"},
    "clankers.mcp": {*BASE, "clankers.queries", "clankers.render"},
    "clankers.sync": {*ASKED, "clankers.render"},
    "clankers.serve": {*ASKED, "clankers.http", "clankers.render", "clankers.sync"},
    "clankers.checks": {*ASKED, "clankers.maintenance", "clankers.render", "clankers.sync"},
    "clankers.web": {*ASKED, "clankers.http", "clankers.mcp", "clankers.render", "clankers.checks"},
    "clankers.cli": {
        *ASKED,
        "clankers.checks",
        "clankers.render",
        "clankers.mcp",
        "clankers.sync",
        "clankers.http",
        "clankers.serve",
        "clankers.web",
        "clankers.maintenance",
        "clankers.docs",
    },
    "clankers.__main__": {*LOG, "clankers.append", "clankers.statusline", "clankers.cli"},
}
PATH_OF_APPEND = {
    "__init__.py",
    "__main__.py",
    "append.py",
    "errors.py",
    "formatting.py",
    "paths.py",
    "py.typed",
    "statusline.py",
}


def room(dotted: str) -> str:
    """The room of a module, or of a name in one."""
    top, _, rest = dotted.partition(".")
    found = f"{top}.{rest.partition('.')[0]}"
    return found if found in MAY_IMPORT else top


def rooms_imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the package"
            names.update(f"{node.module}.{name.name}" for name in node.names)
    return {room(name) for name in names if name.partition(".")[0] in ("clankers", "projector")}


def test_the_rooms_stand_one_above_the_other() -> None:
    below: set[str] = set()
    for name, allowed in MAY_IMPORT.items():
        assert allowed - {name} <= below, name
        below.add(name)


@pytest.mark.parametrize("path", MODULES, ids=module)
def test_every_import_points_downward(path: Path) -> None:
    own = room(module(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    assert rooms_imported(path) - {own} <= MAY_IMPORT[own]


def test_what_a_hook_imports_first_imports_nothing() -> None:
    for package in ("clankers/log", "clankers/harnesses"):
        body = ast.parse((PACKAGES / package / "__init__.py").read_text("utf-8")).body
        found = [ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert [line for line in found if line != "from __future__ import annotations"] == [], package


def test_clankers_holds_folders_and_the_path_of_append() -> None:
    assert {path.name for path in (PACKAGES / "clankers").iterdir() if path.is_file()} == PATH_OF_APPEND


FOLDERS = [name for name in MAY_IMPORT if (PACKAGES / name.replace(".", "/")).is_dir() and "." in name]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_says_what_it_is_for_and_what_it_may_import(name: str) -> None:
    doc = ast.get_docstring(ast.parse((PACKAGES / name.replace(".", "/") / "__init__.py").read_text("utf-8")))
    assert doc
    assert "import" in doc.partition("\n")[0].lower()


def test_every_public_class_has_a_name_of_its_own() -> None:
    found = defaultdict(list)
    for path in MODULES:
        if "adapters" in path.parts and "wire" in path.name:  # foreign structs bear the format's own names
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(module(path))
    assert {name: where for name, where in found.items() if len(where) > 1} == {}
