"""The README's pictures: what commands print for the demo's log. `CLANKERS_GOLDEN=write pytest` writes them."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

import clankers
from clankers.cli.demo import DAY
from tests.commands import POSIX_ONLY, on_a_terminal
from tests.golden import GOLDEN, assert_file
from tests.talks import demo

PICTURES = GOLDEN / "pictures"
LOG = Path(clankers.__file__).parent / "assets" / "demo" / "log.jsonl"
README = Path(__file__).parent.parent / "README.md"
WIDTH = 110  # columns
HEIGHT = 44  # lines, at most


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo(tmp_path_factory.mktemp("sample") / "data", LOG, DAY)


@POSIX_ONLY
@pytest.mark.parametrize(
    ("name", "args"), [("sessions", ("sessions",)), ("show", ("show", "4fc59138-cf1b-4741-a0c3-77db67ea9fb2"))]
)
def test_the_pictures_show_what_is_printed(sample: Path, name: str, args: tuple[str, ...]) -> None:
    lines = on_a_terminal(sample, *args, COLUMNS=str(WIDTH), PAGER="cat").strip("\n").split("\n")[:HEIGHT]
    assert_file(PICTURES / f"{name}.svg", picture(" ".join(("clankers", args[0], *(a[:4] for a in args[1:]))), lines))
    assert f"tests/golden/pictures/{name}.svg" in README.read_text("utf-8")


def picture(title: str, lines: list[str]) -> str:
    """A terminal with these lines, as SVG; it needs no font from elsewhere."""
    out = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="standard", force_terminal=True)
    for line in lines:
        out.print(Text.from_ansi(line), no_wrap=True, crop=True)
    svg = out.export_svg(title=title, theme=MONOKAI, unique_id="clankers")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code", "Menlo, Consolas, monospace")
