"""What each dependency is here for works, once: on the lowest versions that pyproject.toml allows, too."""

import json
from pathlib import Path

import pytest

from clankers.cli import COMMANDS
from tests.commands import call, work
from tests.feeding import append
from tests.patience import wait_for
from tests.serving import Server, body
from tests.syncing import sync
from tests.test_codex_recording import compress, line, rollout
from tests.test_project_cli import count, watching


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    append(root, work(0, 3))
    return root


@pytest.mark.parametrize("command", COMMANDS)
def test_typer_prints_the_help_of(command: str, tmp_path: Path) -> None:
    done = call(tmp_path / "data", command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"clankers {command}" in done.out


def test_apsw_brings_an_sqlite_with_percentiles(root: Path) -> None:
    done = call(root, "query", "--json", "SELECT percentile(created_at, 50) IS NOT NULL AS it FROM sessions")
    assert json.loads(done.out) == [{"it": 1}]
    assert call(root, "stats", "--json").code == 0


def test_apsw_tokenizes_for_the_full_text_index(root: Path) -> None:
    done = call(root, "search", "--json", "prompt")
    assert [hit["session_id"] for hit in json.loads(done.out)] == ["ses_000002", "ses_000001", "ses_000000"]


def test_anyio_follows_the_log(root: Path) -> None:
    with watching(root):
        append(root, work(3, 1))
        wait_for(lambda: count(root / "clankers.db") == 4)


def test_markdown_it_and_pygments_render_a_session(root: Path) -> None:
    done = call(root, "show", "ses_000001")
    assert done.code == 0
    assert "prompt 1" in done.out


def test_matplotlib_draws_a_chart(root: Path, tmp_path: Path) -> None:
    assert call(root, "stats", "--chart", str(tmp_path / "chart.svg")).code == 0
    assert (tmp_path / "chart.svg").stat().st_size


def test_zstd_reads_what_a_client_compressed(tmp_path: Path) -> None:
    compress(rollout(tmp_path, b"".join(map(line, range(3)))), tmp_path)
    done = call(tmp_path / "data", "backfill", "codex", "--all")
    assert (done.out[:28], done.err) == ("3 new records of 1 sessions ", "")


def test_httpcore_and_tenacity_send_to_what_starlette_and_uvicorn_serve(root: Path, tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        assert server.post(body()).status == 200
        assert sync(root, f"http://127.0.0.1:{server.port}").code == 0
        assert len({bytes(event.payload) for event in server.logged()}) == 4
