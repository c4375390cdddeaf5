"""What `clankers sync` is told: by the environment, by the file, and by `clankers config`, which hides the key."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import httpcore2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clankers.cli.docs import page
from clankers.errors import EX_CONFIG, EX_FAIL, EX_OK, EX_USAGE
from clankers.sync.settings import MASK, SETTINGS, Secret, Settings, SettingsError, entries, load, read
from tests.commands import HOSTILE, POSIX_ONLY, RAW, Result, call, command, environment
from tests.patience import DEADLINE

KEY = "sk-nobody-may-see-this"
URL = "https://sync.example"
DEFAULTS = {
    "SESSION_API_KEY": None,
    "SESSION_API_URL": None,
    "SESSION_SYNC_ENABLED": True,
    "SESSION_SYNC_DEBUG": False,
    "SESSION_SYNC_BATCH_SIZE": 10,
    "SESSION_SYNC_RETRY_ATTEMPTS": 3,
    "SESSION_SYNC_RETRY_DELAY_MS": 1000,
    "SESSION_SYNC_MAX_DEDUP_ENTRIES": 10_000,
    "SESSION_SYNC_HEALTH_CHECK_INTERVAL_MS": 300_000,
    "SESSION_SYNC_SCRUB": True,
}  # as the README of session-sync 1.2.0 has them; the URL has none here, and the last is ours


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def file(root: Path) -> Path:
    return root / "config.toml"


@pytest.fixture(autouse=True)
def nothing_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


def config(root: Path, *args: str, stdin: str = "", **env: str) -> Result:
    """The command; the key is in nothing that it prints."""
    with mock.patch.object(sys, "stdin", io.StringIO(stdin)):
        done = call(root, "config", *args, **env)
    assert KEY not in done.out + done.err
    return done


def write(file: Path, text: str, mode: int = 0o600) -> None:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text(text, "utf-8")
    file.chmod(mode)


def listed(root: Path, **env: str) -> dict[str, tuple[object, str]]:
    done = config(root, "list", "--json", **env)
    assert (done.code, done.err) == (EX_OK, "")
    return {entry["name"]: (entry["value"], entry["from"]) for entry in json.loads(done.out)}


def test_by_default_nothing_is_sent(root: Path) -> None:
    assert {name: value for name, (value, _) in listed(root).items()} == DEFAULTS
    assert {origin for _, origin in listed(root).values()} == {"default"}
    assert not root.exists()
    with pytest.raises(SettingsError, match="SESSION_API_URL is not set, so nothing is sent") as caught:
        load(str(root)).check()
    assert caught.value.exit_code == EX_CONFIG


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SESSION_API_KEY", "", "SESSION_API_KEY is not set"),
        ("SESSION_API_URL", "", "SESSION_API_URL is not set"),
        ("SESSION_SYNC_ENABLED", "false", "switched off by SESSION_SYNC_ENABLED"),
    ],
)
def test_what_is_missing_is_told(root: Path, name: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for one, said in {"SESSION_API_KEY": KEY, "SESSION_API_URL": URL, name: value}.items():
        monkeypatch.setenv(one, said)
    with pytest.raises(SettingsError, match=why):
        load(str(root)).check()


def test_complete(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_API_KEY", KEY)
    monkeypatch.setenv("SESSION_API_URL", URL)
    settings = load(str(root))
    settings.check()
    assert settings == Settings(Secret(KEY), URL, *list(DEFAULTS.values())[2:])  # type: ignore[arg-type]
    assert settings.session_api_key.reveal() == KEY
    assert KEY not in f"{settings} {settings!r} {settings.session_api_key} {settings.session_api_key!r}"
    assert KEY not in repr(entries(str(root)))


def test_the_environment_goes_over_the_file_and_that_over_the_default(root: Path, file: Path) -> None:
    write(file, 'SESSION_SYNC_BATCH_SIZE = 20\nSESSION_SYNC_RETRY_ATTEMPTS = "5"\nSESSION_SYNC_SCRUB = false\n')
    found = listed(root, SESSION_SYNC_BATCH_SIZE="30", SESSION_SYNC_SCRUB="", SESSION_API_KEY=KEY)
    assert found["SESSION_SYNC_BATCH_SIZE"] == (30, "environment")
    assert found["SESSION_SYNC_RETRY_ATTEMPTS"] == (5, str(file))
    assert found["SESSION_SYNC_SCRUB"] == (False, str(file))
    assert found["SESSION_SYNC_DEBUG"] == (False, "default")
    assert found["SESSION_API_KEY"] == (MASK, "environment")


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "on"])
def test_true_has_many_names(text: str) -> None:
    assert read("SESSION_SYNC_SCRUB", text, "") is True


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "off"])
def test_false_has_many_names(text: str) -> None:
    assert read("SESSION_SYNC_SCRUB", text, "") is False


WRONG = [
    ("SESSION_SYNC_SCRUB", "flase", "true or false"),
    ("SESSION_SYNC_ENABLED", "2", "true or false"),
    ("SESSION_SYNC_BATCH_SIZE", "0", "from 1 to"),
    ("SESSION_SYNC_BATCH_SIZE", "-1", "whole number"),
    ("SESSION_SYNC_BATCH_SIZE", "1.5", "whole number"),
    ("SESSION_SYNC_BATCH_SIZE", "1_0", "whole number"),
    ("SESSION_SYNC_BATCH_SIZE", "true", "whole number"),
    ("SESSION_SYNC_BATCH_SIZE", "\u0661", "whole number"),
    ("SESSION_SYNC_RETRY_ATTEMPTS", "9" * 5000, "whole number"),
    ("SESSION_API_KEY", "two words", "one word"),
    ("SESSION_API_KEY", "k\u00e9y", "one word"),
    ("SESSION_API_KEY", "key\r\nX-Other: header", "one word"),
    ("SESSION_API_URL", "sync.example", "https://"),
]


@pytest.mark.parametrize(("name", "value", "why"), WRONG)
def test_a_wrong_variable_is_named_and_not_repeated(root: Path, name: str, value: str, why: str) -> None:
    done = config(root, "list", **{name: value})
    assert (done.code, done.out) == (EX_CONFIG, "")
    assert done.err.startswith(f"clankers: the environment variable {name} is wrong: ")
    assert why in done.err
    assert len(value) < 5 or value not in done.err


@pytest.mark.parametrize(("name", "value", "why"), WRONG)
def test_a_wrong_line_of_the_file_is_named_and_not_repeated(
    root: Path, file: Path, name: str, value: str, why: str
) -> None:
    write(file, f"# mine\n\n  {name} = {json.dumps(value)}\n")
    done = config(root, "list")
    assert (done.code, done.out) == (EX_CONFIG, "")
    assert done.err.startswith(f"clankers: {file}:3: {name} is wrong: ")
    assert why in done.err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SESSION_SYNC_SCRUBB = false\n", ":1: SESSION_SYNC_SCRUBB is no setting; there are SESSION_API_KEY, "),
        ("SESSION_SYNC_SCRUB = false\n[sync]\nx = 1\n", ":2: sync is no setting"),
        ('"\\u001b[2J" = 1\n', ": a name in it is no setting"),
        ("SESSION_SYNC_SCRUB = [1]\n", ":1: SESSION_SYNC_SCRUB is wrong: it must be a text"),
        ("SESSION_SYNC_SCRUB = 2026-11-21\n", ":1: SESSION_SYNC_SCRUB is wrong: it must be a text"),
        ("SESSION_SYNC_SCRUB = 1.5\n", ":1: SESSION_SYNC_SCRUB is wrong: it must be a text"),
        ("SESSION_SYNC_SCRUB = true\nSESSION_SYNC_SCRUB = false\n", " is not TOML: "),
        (f"\nSESSION_API_KEY = {KEY}\n", "at line 2"),
    ],
)
def test_a_file_that_says_something_else_is_refused(root: Path, file: Path, text: str, why: str) -> None:
    write(file, text)
    done = config(root, "list")
    assert (done.code, done.out) == (EX_CONFIG, "")
    assert f"{file}{why}" in done.err or (why.startswith("at") and why in done.err)


def test_a_file_that_is_none_is_refused(root: Path, file: Path) -> None:
    file.mkdir(parents=True)
    done = config(root, "list")
    assert done.code == EX_CONFIG
    assert str(file) in done.err
    file.rmdir()
    file.write_bytes(b"# \xff\n")
    assert "is not UTF-8" in config(root, "list").err
    file.unlink()
    os.mkfifo(file)
    assert "is not a regular file" in config(root, "list").err


@POSIX_ONLY
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read_is_refused(root: Path, file: Path, mode: int) -> None:
    write(file, f'SESSION_API_KEY = "{KEY}"\n', mode)
    done = config(root, "list")
    assert done.code == EX_CONFIG
    assert f"{file} can be read by others (mode {mode:04o}): `chmod 600` it" in done.err


@POSIX_ONLY
def test_a_file_that_others_can_change_is_refused(root: Path, file: Path) -> None:
    write(file, f'SESSION_API_URL = "{URL}"\n', 0o620)
    assert "can be changed by others" in config(root, "list").err
    with pytest.raises(SettingsError, match="chmod 600"):
        load(str(root))


@POSIX_ONLY
def test_a_file_without_a_key_that_others_can_read_is_told(root: Path, file: Path) -> None:
    write(file, f'SESSION_API_URL = "{URL}"\n', 0o644)
    done = config(root, "list")
    assert done.code == EX_OK
    assert "can be read by others (mode 0644)" in done.err


@POSIX_ONLY
def test_set_mends_what_others_can_read_and_says_so(root: Path, file: Path) -> None:
    write(file, f'SESSION_API_KEY = "{KEY}"\n', 0o644)
    done = config(root, "set", "SESSION_API_KEY", stdin="another")
    assert done.code == EX_OK
    assert "Use a new key" in done.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert config(root, "list").code == EX_OK


GOOD = [
    "https://sync.example",
    "https://sync.example:8443/a/b",
    "HTTPS://Sync.Example",
    "https://192.0.2.7",
    "https://[2001:db8::1]:8443",
    "https://xn--bcher-kva.example",
    "https://a_b.example.",
    "http://localhost:8000",
    "http://LOCALHOST",
    "http://127.0.0.1",
    "http://127.8.9.10:1/x",
    "http://[::1]:8000",
]
BAD = [
    "",
    "/",
    "https://",
    "https:///x",
    "https:sync.example",
    "ftp://sync.example",
    "file:///etc/passwd",
    "http://sync.example",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "http://localhost@evil.example",
    "http://127.0.0.1:80@evil.example",
    "http://evil.example#@localhost",
    "http://evil.example?@localhost",
    "http://evil.example\\@localhost",
    "http://localhost\\.evil.example",
    "http://127.1",
    "http://2130706433",
    "http://0x7f.0.0.1",
    "http://0.0.0.0",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://[::1%25eth0]",
    "http://[localhost]",
    "http://128.0.0.1",
    "http://l\u00f6calhost",
    "http://\uff4cocalhost",
    "http://local\thost",
    "http://localhost\n.evil.example",
    " https://sync.example",
    "https://me@sync.example",
    "https://me:password@sync.example",
    "https://:password@sync.example",
    "https://@sync.example",
    "https://sync.example?key=password",
    "https://sync.example/?",
    "https://sync.example/#password",
    "https://sync.example:0",
    "https://sync.example:70000",
    "https://sync.example:-1",
    "https://sync.example:x",
    "https://.example",
    "https://a..example",
    "https://[::1",
    "https://::1",
    "https://%6cocalhost",
]


@pytest.mark.parametrize("url", GOOD)
def test_good_addresses(url: str) -> None:
    assert read("SESSION_API_URL", url, "") == url
    assert read("SESSION_API_URL", f"{url}/", "") == url


@pytest.mark.parametrize("url", BAD)
def test_bad_addresses(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read("SESSION_API_URL", url, "it")
    assert "password" not in str(caught.value).replace("no password in it", "")


addresses = st.builds(
    "".join,
    st.lists(
        st.sampled_from(
            [*"/:@?#[]%\\.\t", "http:", "https:", "//", "localhost", "127.0.0.1", "::1", "evil.example", "80"]
        )
    ),
)


@given(st.one_of(addresses, addresses.map(lambda text: f"http://{text}"), st.text()))
def test_what_is_taken_leads_where_it_seems_to(text: str) -> None:
    """As what connects understands it: two parsers must not differ in whose machine it is."""
    try:
        url = httpcore2.URL(read("SESSION_API_URL", text, "") + "/admin/sync")
    except SettingsError:
        return
    assert url.scheme == b"https" or (
        url.scheme == b"http" and re.fullmatch(rb"localhost|127(\.\d+){3}|::1|(0+:)+0*1", url.host)
    )
    assert url.target.endswith(b"/admin/sync")


def test_set_makes_a_file_for_its_owner_alone(root: Path, file: Path) -> None:
    before = os.umask(0)
    try:
        done = config(root, "set", "SESSION_API_URL", f"{URL}/")
    finally:
        os.umask(before)
    assert done == (EX_OK, f"SESSION_API_URL is set: {file}\n", "")
    assert file.stat().st_mode & 0o777 == 0o600
    assert config(root, "set", "SESSION_API_KEY", stdin=f" {KEY}\n").code == EX_OK
    assert config(root, "set", "SESSION_SYNC_SCRUB", "off").code == EX_OK
    assert config(root, "set", "SESSION_SYNC_BATCH_SIZE", "50").code == EX_OK
    wanted = f'SESSION_API_URL = "{URL}"\nSESSION_API_KEY = "{KEY}"\n'
    assert file.read_text("utf-8") == wanted + "SESSION_SYNC_SCRUB = false\nSESSION_SYNC_BATCH_SIZE = 50\n"
    assert [path.name for path in root.iterdir()] == ["config.toml"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert root.stat().st_mode & 0o777 == 0o700
    settings = load(str(root))
    assert (settings.session_api_key, settings.session_sync_batch_size) == (Secret(KEY), 50)


def test_set_leaves_the_rest_of_the_file_as_it_is(root: Path, file: Path) -> None:
    write(file, "# ours\n\nSESSION_SYNC_DEBUG = false  # quiet\n'SESSION_SYNC_BATCH_SIZE'=5\n# the end")
    assert config(root, "set", "SESSION_SYNC_DEBUG", "true").code == EX_OK
    assert config(root, "set", "SESSION_API_URL", URL).code == EX_OK
    assert config(root, "unset", "SESSION_SYNC_BATCH_SIZE").code == EX_OK
    left = f'# ours\n\nSESSION_SYNC_DEBUG = true  # quiet\n# the end\nSESSION_API_URL = "{URL}"\n'
    assert file.read_text("utf-8") == left


@POSIX_ONLY
def test_set_follows_a_link(root: Path, file: Path, tmp_path: Path) -> None:
    write(tmp_path / "dotfile.toml", "# mine\n")
    root.mkdir()
    file.symlink_to(tmp_path / "dotfile.toml")
    assert config(root, "set", "SESSION_API_URL", URL).code == EX_OK
    assert file.is_symlink()
    assert (tmp_path / "dotfile.toml").read_text("utf-8") == f'# mine\nSESSION_API_URL = "{URL}"\n'


def test_a_key_on_the_command_line_is_refused(root: Path) -> None:
    done = config(root, "set", "SESSION_API_KEY", KEY)
    assert done.code == EX_USAGE
    assert "SESSION_API_KEY is a secret" in done.err
    assert not root.exists()


@pytest.mark.parametrize("stdin", ["", " \n", f"{KEY}\n{KEY}\n", f"{KEY}\x00"])
def test_a_stdin_that_is_no_key_is_refused(root: Path, stdin: str) -> None:
    assert config(root, "set", "SESSION_API_KEY", stdin=stdin).code in {EX_USAGE, EX_CONFIG}
    assert not root.exists()


@POSIX_ONLY
def test_on_a_terminal_the_key_is_typed_unseen(root: Path, file: Path) -> None:
    ours, its = os.openpty()
    with subprocess.Popen(
        command("config", "set", "SESSION_API_KEY"),
        stdin=its,
        stdout=its,
        stderr=its,
        env=environment(root),
        start_new_session=True,
    ) as process:
        os.close(its)
        seen = b""
        while b"SESSION_API_KEY: " not in seen:
            seen += os.read(ours, 1 << 10)
        os.write(ours, f"{KEY}\n".encode())
        try:
            while more := os.read(ours, 1 << 10):
                seen += more
        except OSError:  # Linux's way to say that nobody has the other end open
            pass
        assert process.wait(DEADLINE) == EX_OK, seen
    os.close(ours)
    assert KEY.encode() not in seen
    assert file.read_text("utf-8") == f'SESSION_API_KEY = "{KEY}"\n'


def test_a_wrong_value_is_not_written(root: Path, file: Path) -> None:
    write(file, f'SESSION_API_URL = "{URL}"\n')
    before = file.read_bytes()
    for name, value in (("SESSION_API_URL", "http://sync.example"), ("SESSION_SYNC_BATCH_SIZE", "many")):
        done = config(root, "set", name, value)
        assert done.code == EX_CONFIG
        assert done.err.startswith(f"clankers: {name} is wrong: ")
    assert config(root, "set", "SESSION_SYNC_BATCH_SIZE").code == EX_USAGE
    assert file.read_bytes() == before


def test_what_is_wrong_in_the_file_can_be_set_right(root: Path, file: Path) -> None:
    write(file, "SESSION_SYNC_BATCH_SIZE = 0\nSESSION_SYNC_SCRUB = 7\n")
    assert config(root, "set", "SESSION_SYNC_BATCH_SIZE", "7").code == EX_OK
    assert config(root, "list").code == EX_CONFIG
    assert config(root, "unset", "SESSION_SYNC_SCRUB").code == EX_OK
    assert listed(root)["SESSION_SYNC_BATCH_SIZE"] == (7, str(file))


def test_a_file_that_is_not_toml_is_left_to_be_mended_by_hand(root: Path, file: Path) -> None:
    write(file, f"SESSION_API_KEY = {KEY}\n")
    done = config(root, "set", "SESSION_SYNC_SCRUB", "true")
    assert done.code == EX_CONFIG
    assert f"{file} is not TOML" in done.err
    assert file.read_text("utf-8") == f"SESSION_API_KEY = {KEY}\n"


def test_what_goes_over_the_file_is_told(root: Path) -> None:
    done = config(root, "set", "SESSION_SYNC_SCRUB", "true", SESSION_SYNC_SCRUB="false")
    assert done.code == EX_OK
    assert "the environment variable SESSION_SYNC_SCRUB overrides it" in done.err


def test_get(root: Path, file: Path) -> None:
    assert config(root, "get", "SESSION_API_URL") == (EX_FAIL, "", "")
    assert config(root, "get", "SESSION_API_KEY") == (EX_FAIL, "", "")
    assert config(root, "get", "SESSION_SYNC_SCRUB") == (EX_OK, "true\n", "")
    write(file, f'SESSION_API_URL = "{URL}"\nSESSION_API_KEY = "{KEY}"\n')
    assert config(root, "get", "SESSION_API_URL") == (EX_OK, f"{URL}\n", "")
    assert config(root, "get", "SESSION_API_KEY") == (EX_OK, f"{MASK}\n", "")
    assert config(root, "get", "SESSION_SYNC_BATCH_SIZE", SESSION_SYNC_BATCH_SIZE="7").out == "7\n"


def test_unset(root: Path, file: Path) -> None:
    assert config(root, "unset", "SESSION_API_KEY") == (EX_OK, f"SESSION_API_KEY is not there: {file}\n", "")
    assert not file.exists()
    write(file, f'SESSION_API_KEY = "{KEY}"\n')
    assert config(root, "unset", "SESSION_API_KEY") == (EX_OK, f"SESSION_API_KEY is removed: {file}\n", "")
    assert file.read_text("utf-8") == ""


@pytest.mark.parametrize("args", [("get", "{}"), ("set", "{}", "x"), ("unset", "{}")])
@pytest.mark.parametrize("name", ["SESSION_API_URLL", "session_api_url", HOSTILE])
def test_an_unknown_name_is_answered_with_the_known_ones(root: Path, args: tuple[str, ...], name: str) -> None:
    done = config(root, *(arg.format(name) for arg in args))
    assert (done.code, done.out) == (EX_USAGE, "")
    assert all(known in done.err for known in SETTINGS)
    assert not RAW.search(done.err)
    assert not root.exists()


def test_list_for_people(root: Path, file: Path) -> None:
    write(file, f'SESSION_API_KEY = "{KEY}"\n')
    lines = config(root, "list", SESSION_API_URL=URL).out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == list(DEFAULTS)
    assert lines[2].split()[1:3] == [MASK, str(file)]
    assert lines[3].split()[1:3] == [URL, "environment"]


def test_every_part_has_help(root: Path) -> None:
    for args in ((), ("list",), ("get",), ("set",), ("unset",)):
        done = config(root, *args, "-h")
        assert done.code == EX_OK
        assert f"clankers config {' '.join(args)}".strip() in done.out
    assert not root.exists()


def test_names_are_completed(root: Path) -> None:
    words = {"COMP_WORDS": "clankers config get SESSION_API_", "COMP_CWORD": "3"}
    done = call(root, _CLANKERS_COMPLETE="complete_bash", **words)
    assert done.out.split() == ["SESSION_API_KEY", "SESSION_API_URL"]


def test_the_reference_has_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(SESSION_\w+)` \| ([^|]*?) ?\|", page("configuration"), re.MULTILINE))
    documented = {name: "" if value is None else f"`{str(value).lower()}`" for name, value in DEFAULTS.items()}
    assert rows == documented
