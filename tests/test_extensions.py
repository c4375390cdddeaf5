"""Harnesses and adapters of other packages: found once, listed in the data root, loaded by name."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from clankers.system.extensions import ADAPTERS, HARNESSES, ExtensionError, discover, listed, load, write
from tests.commands import call


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """The entry points that are installed."""
    found: list[EntryPoint] = []
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: [entry for entry in found if entry.group == group]
    )
    return found


def test_what_is_discovered_is_listed_and_loaded(
    tmp_path: Path, entries: list[EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy_of_a_test.py").write_text("class Toy:\n    HARNESS = 'the harness'\nADAPTER = 'the adapter'\n")
    monkeypatch.syspath_prepend(tmp_path)
    entries += [
        EntryPoint("toy", "toy_of_a_test:Toy.HARNESS", HARNESSES),
        EntryPoint("toy", "toy_of_a_test:ADAPTER", ADAPTERS),
    ]
    root = str(tmp_path)
    assert load(root, HARNESSES, "toy") is None
    write(root, discover(()))
    assert (tmp_path / "extensions.json").stat().st_mode & 0o777 == 0o600
    assert listed(root, HARNESSES) == {"toy": "toy_of_a_test:Toy.HARNESS"}
    assert load(root, HARNESSES, "toy") == "the harness"
    assert load(root, ADAPTERS, "toy") == "the adapter"
    assert load(root, ADAPTERS, "other") is None
    entries.clear()
    write(root, discover(()))
    assert not (tmp_path / "extensions.json").exists()


def test_two_of_one_name_are_an_error(entries: list[EntryPoint]) -> None:
    entries += [EntryPoint("toy", "a:X", HARNESSES), EntryPoint("toy", "b:X", HARNESSES)]
    with pytest.raises(ExtensionError, match="a:X and b:X are both named toy"):
        discover(())


def test_an_extension_cannot_replace_what_is_built_in(entries: list[EntryPoint]) -> None:
    entries.append(EntryPoint("toy", "a:X", HARNESSES))
    with pytest.raises(ExtensionError, match="named toy, which is built in"):
        discover(("toy",))


BAD = [
    b"",
    b"[]",
    b"{}",
    b"\xff",
    b"null",
    b'{"clankers.harnesses":[]}',
    b'{"clankers.harnesses":{"toy":1}}',
    b"[" * 10**5,
]


@pytest.mark.parametrize("text", BAD)
def test_a_list_that_cannot_be_read_is_empty(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "extensions.json").write_bytes(text)
    assert listed(str(tmp_path), HARNESSES) == {}


@pytest.mark.parametrize("value", ["", "no_such_module:X", "os:no_such_attribute", "os", "..:x", "broken_of_a_test:X"])
def test_an_extension_that_cannot_be_loaded_says_which(
    value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_of_a_test.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    write(str(tmp_path), {HARNESSES: {"toy": value}})
    with pytest.raises(ExtensionError, match=r"the extension toy .* cannot be loaded: .*install its package again"):
        load(str(tmp_path), HARNESSES, "toy")
    sys.modules.pop("broken_of_a_test", None)


FAILING = """
from clankers.harnesses.base import Harness
from clankers.ingest.source import Source

class Broken(Source):
    def read(self, offsets, versions): raise ZeroDivisionError("read")
    def created(self): return ""
    def changed_at(self): return 2e9

class Failing(Harness):
    name, title = "failing", "Failing"
    def sources(self):
        yield Broken("failing", "s1", "", ("s1",))
        raise KeyError("sources")
    def count(self): raise ValueError("count")
    def installer(self): return None

HARNESS = Failing()
"""


def test_an_extension_that_fails_is_named_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "failing_of_a_test.py").write_text(FAILING)
    monkeypatch.syspath_prepend(tmp_path)
    root = tmp_path / "data"
    write(str(root), {HARNESSES: {"failing": "failing_of_a_test:HARNESS"}, ADAPTERS: {}})
    done = call(root, "backfill", "failing")
    assert done.code == 74
    assert "not imported: session s1 of failing: ZeroDivisionError: read" in done.err
    assert "not imported: the sessions of failing cannot be listed: KeyError: 'sources'" in done.err
    assert "the extension failing fails: ValueError: count" in call(root, "doctor").out
