"""`clankers statusline`: one line whatever it is given, never an error; and how it gets into the client's settings."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest

from clankers.harnesses.claude_code.status_line import add_status_line, has_status_line, remove_status_line
from clankers.log import strict_json
from clankers.queries import spending
from clankers.statusline import SPENDING, status
from clankers.system.jsonc_edit import JSONCError
from tests.commands import HOSTILE, POSIX_ONLY, RAW, call, command, environment
from tests.patience import DEADLINE
from tests.test_install import BOM, SETTINGS

pytestmark = POSIX_ONLY

NOW = time.mktime((2026, 11, 20, 12, 0, 0, 0, 0, -1))
GIVEN = {
    "session_id": "s1",
    "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
    "cost": {"total_cost_usd": 1.5},
    "context_window": {"used_percentage": 38.4},
}
LIMITS = {"rate_limits": {"five_hour": {"used_percentage": 43, "resets_at": NOW + 3600 * 2 + 14 * 60}}}
SPENT = {
    "day": "2026-11-20",
    "today": 8.0,
    "sessions": {"s1": 1.0},
    "block_end": (NOW + 1800) * 1000,
    "budgets": [{"period": "day", "dollars": 10.0, "spent": 8.0, "level": 80}],
}


def shown(given: object, spent: object = None) -> str:
    given, spent = (None if one is None else strict_json.parse(json.dumps(one).encode()) for one in (given, spent))
    return status(given, spent, NOW)


def test_the_line() -> None:
    assert shown(GIVEN | LIMITS, SPENT) == (
        "Opus 5.5 · $1.50 · today $8.50 · block 57%, 2h14m left · context 38% · day 80% of $10.00"
    )
    assert shown(GIVEN, SPENT | {"budgets": []}) == "Opus 5.5 · $1.50 · today $8.50 · block 30m left · context 38%"
    assert shown(GIVEN) == "Opus 5.5 · $1.50 · today $1.50 · context 38%"
    assert shown(None, SPENT) == "today $8.00 · block 30m left · day 80% of $10.00"
    # What was noted yesterday says nothing of today, but what this session had cost by then is not of today.
    assert (
        shown(GIVEN, SPENT | {"day": "2026-11-19"}) == "Opus 5.5 · $1.50 · today $0.50 · block 30m left · context 38%"
    )
    assert "budgets: `clankers budget list`" in shown(GIVEN, SPENT | {"problem": "bad"})
    assert shown(None) == ""


@pytest.mark.parametrize(
    "wrong", [None, 1, -1, "x", "1e999", 1e300, True, [], {}, [1], {"five_hour": 1}, {"display_name": 5}, HOSTILE]
)
def test_a_wrong_value_costs_only_itself(wrong: object) -> None:
    for key in GIVEN | LIMITS:
        line = shown(GIVEN | LIMITS | {key: wrong}, SPENT)
        assert line.count(" · ") >= 2, key
    for key in SPENT:
        assert "Opus 5.5 · $1.50 · today" in shown(GIVEN, SPENT | {key: wrong}), key
    assert not RAW.search(shown(GIVEN | {"model": {"display_name": HOSTILE}}, SPENT))
    assert shown(GIVEN, wrong).startswith("Opus 5.5 · $1.50")


def ran(command: list[str], given: bytes, env: dict[str, str]) -> tuple[int, bytes, bytes]:
    done = subprocess.run(command, input=given, env=env, capture_output=True, check=False, timeout=DEADLINE)
    return done.returncode, done.stdout, done.stderr


def statusline(root: Path, given: bytes, **env: str) -> tuple[int, bytes, bytes]:
    return ran(command("statusline"), given, environment(root, **env))


def test_as_a_process_it_prints_one_line_or_nothing(tmp_path: Path) -> None:
    assert SPENDING == spending.FILE
    expected = "Opus 5.5 · $1.50 · today $1.50 · context 38%\n".encode()
    assert statusline(tmp_path / "none", json.dumps(GIVEN).encode()) == (0, expected, b"")
    (tmp_path / SPENDING).mkdir()
    assert statusline(tmp_path, json.dumps(GIVEN).encode()) == (0, expected, b"")
    for given in (b"", b"{", b"\xff", b"[" * 100_000, b"null"):
        assert statusline(tmp_path, given) == (0, b"", b""), given[:9]
    assert statusline(tmp_path, b"", CLANKERS_DATA_PATH="https://no/path") == (0, b"", b"")
    with (
        open(os.devnull, "rb") as nothing,
        subprocess.Popen(  # whose stdout is closed
            ["sh", "-c", 'exec "$@" >&-', "sh", *command("statusline")],
            stdin=nothing,
            stderr=subprocess.PIPE,
            env=environment(tmp_path),
        ) as process,
    ):
        assert process.communicate(timeout=DEADLINE)[1] == b""


def test_it_imports_no_more_than_it_needs() -> None:
    packages = Path(spending.__file__).parents[2]
    code = f"import sys; sys.path.append({str(packages)!r}); from clankers import statusline; print(*sys.modules)"
    _, out, _ = ran([sys.executable, "-IS", "-c", code], b"", dict(os.environ))
    heavy = {"typing", "json", "pathlib", "msgspec", "dataclasses", "apsw", "sqlite3", "subprocess", "tomllib"}
    assert b"clankers.statusline" in out
    assert not heavy & set(out.decode().split())


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("other", [None, "mine --left", "printf '%s' \"it's $HOME\" # done", "a; b | c\nd"])
def test_another_status_line_is_kept_and_given_back(kind: str, other: str | None) -> None:
    text = (SETTINGS[kind] or b"").decode("utf-8-sig" if (SETTINGS[kind] or b"").startswith(BOM) else "utf-8")
    if other is not None:
        if not text.strip("\ufeff \n"):
            text = "{}"
        plain = json.dumps({"type": "command", "padding": 0, "command": other}, ensure_ascii=False)
        at = text.rindex("}")
        comma = "" if text[:at].rstrip().endswith(("{", ",")) else ","
        text = text[:at] + f'{comma} "statusLine": {plain}' + text[at:]
    added = add_status_line(text)
    assert added != text
    assert has_status_line(added)
    assert not has_status_line(text)
    assert add_status_line(added) == added
    assert remove_status_line(added) == text or not text.strip()


def test_what_is_no_command_is_left_alone() -> None:
    for value in ('"x"', "{}", '{"type": "command", "command": 5}', "null", "[]"):
        text = f'{{"statusLine": {value}}}'
        with pytest.raises(JSONCError, match="no command"):
            add_status_line(text)
        assert remove_status_line(text) == text


def installed(root: Path, *options: str) -> None:
    done = call(root, *options)
    assert done.code == 0, done.err


MINE = b'{"statusLine": {"type": "command", "command": "cat >/dev/null; echo mine"}}\n'


@pytest.mark.parametrize("before", [None, MINE])
def test_install_and_uninstall(before: bytes | None, tmp_path: Path) -> None:
    root, settings = tmp_path / "data", tmp_path / ".claude" / "settings.json"
    if before is not None:
        settings.parent.mkdir()
        settings.write_bytes(before)
    with mock.patch("clankers.system.detached.start"):
        installed(root, "install", "claude-code")
        assert not has_status_line(settings.read_text())
        installed(root, "install", "claude-code", "--statusline")
        once = settings.read_bytes()
        installed(root, "install", "claude-code")  # which keeps it
    assert settings.read_bytes() == once
    shell = ["sh", "-c", str(json.loads(once)["statusLine"]["command"])]
    given, env = json.dumps(GIVEN).encode(), environment(root)
    mine = b"mine\n" * (before is not None)
    assert ran(shell, given, env) == (0, mine + "Opus 5.5 · $1.50 · today $1.50 · context 38%\n".encode(), b"")
    launcher = tmp_path / ".local" / "lib" / "clankers" / "hook"
    kept = launcher.read_bytes()
    launcher.unlink()
    assert ran(shell, given, env) == (0, mine, b"")
    launcher.write_bytes(kept)
    installed(root, "uninstall", "claude-code")
    assert (settings.read_bytes() if settings.exists() else None) == before
    assert not launcher.exists()


def test_a_harness_without_a_status_line_is_refused(tmp_path: Path) -> None:
    done = call(tmp_path / "data", "install", "opencode", "--statusline")
    assert done.code == 64
    assert "OpenCode" in done.err
