"""`clankers scrub`: no byte of a credential stays under the root, and no other byte changes."""

import base64
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clankers.errors import EX_BUSY, EX_IO
from clankers.log import envelope
from clankers.maintenance import in_place_edit, scrub, scrub_marker
from clankers.maintenance.archive import archive
from clankers.maintenance.verify import verify
from clankers.secrets.detect import _GROUPS, HINTS, Hint, find_credentials, hints, mask, mask_text
from projector.store.lock import ProjectorLock
from tests.commands import NOW, POSIX_ONLY, call, command, environment, event, run, session
from tests.feeding import CAPTURES, Record, append, project, rows

pytestmark = POSIX_ONLY
RNG = random.Random(4)
ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
OLD = "clankers-2026-11-20.jsonl"


def some(size: int, of: str = ALNUM) -> str:
    return "".join(RNG.choice(of) for _ in range(size))


def b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


LOWER = "abcdefghijklmnopqrstuvwxyz0123456789"
HEX = "0123456789abcdef"
KEY = "\n".join(some(64) for _ in range(12))
SIGNED = f"{b64({'alg': 'HS256', 'typ': 'JWT'})}.{b64({'sub': some(12)})}.{some(43)}"
# Kind, what surrounds it, and the credential.
SECRETS = {
    "anthropic": ("ANTHROPIC_API_KEY=%s", "sk-ant-api03-" + some(95)),
    "openrouter": ("key %s", "sk-or-v1-" + some(64, HEX)),
    "openai": ("OPENAI_API_KEY=%s", "sk-" + some(20) + "T3BlbkFJ" + some(20)),
    "openai-project": ("OPENAI_API_KEY=%s", "sk-proj-" + some(120)),
    "google": ("key=%s", "AIza" + some(35)),
    "huggingface": ("HF_TOKEN=%s", "hf_" + some(34)),
    "groq": ("%s", "gsk_" + some(52)),
    "xai": ("%s", "xai-" + some(80)),
    "github": ("token %s", "ghp_" + some(36)),
    "github-fine": ("token %s", "github_pat_" + some(82)),
    "gitlab": ("%s", "glpat-" + some(20)),
    "npm": ("//registry/:_authToken=%s", "npm_" + some(36)),
    "pypi": ("password = %s", "pypi-AgEIcHlwaS5vcmc" + some(90)),
    "aws": ("AWS_ACCESS_KEY_ID=%s", "AKIA" + some(16, "ABCDEFGHIJKLMNOP234567")),
    "aws-secret": ("AWS_SECRET_ACCESS_KEY=%s", some(40)),
    "azure": ("DefaultEndpointsProtocol=https;%s;", "AccountKey=" + some(86) + "=="),
    "basic-auth": ("postgres://shop:%s@db/shop", some(14)),
    "discord": ("%s", "M" + some(23) + "." + some(6) + "." + some(27)),
    "jwt": ("Authorization: Bearer %s", SIGNED),
    "mailchimp": ("%s", some(32, HEX) + "-us12"),
    "sendgrid": ("%s", "SG." + some(22) + "." + some(43)),
    "slack": ("%s", "xoxb-123456789012-" + some(24)),
    "softlayer": ("softlayer_api_key = '%s'", some(64, LOWER)),
    "ibm": ("ibm_cloud_iam_key = %s", some(44)),
    "square": ("%s", "sq0csp-" + some(43)),
    "stripe": ("%s", "sk_live_" + some(99)),
    "telegram": ("%s", "1234567890:AA" + some(33)),
    "twilio": ("%s", "SK" + some(32, HEX)),
    "private-key": ("cat key\n%s\n", f"-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY}\n-----END OPENSSH PRIVATE KEY-----"),
}
ALL = "\n".join(around % secret for around, secret in SECRETS.values())
PLANTED = [line for _, secret in SECRETS.values() for line in secret.split("\n") if "-----" not in line]


def kind_of(name: str) -> str:
    return name if name in ("basic-auth", "private-key") else name.split("-", maxsplit=1)[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def leaks(root: Path) -> list[str]:
    """The files under `root` that hold a credential."""
    return [
        f"{path.name}: {secret[:12]}"
        for path in root.rglob("*")
        if path.is_file()
        for data in [path.read_bytes()]
        for secret in PLANTED
        if secret.encode() in data
    ]


def with_secrets() -> list[Record]:
    """Both harnesses: a prompt, a tool's input and output, an environment, and JSON within JSON."""
    nested = json.dumps(json.dumps({"env": ALL}))
    claude = {"session_id": "c1", "cwd": "/src", "transcript_path": "/none.jsonl"}
    tool = {"tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": {"command": f"echo '{ALL}'"}}
    part = {
        "id": "prt_1",
        "messageID": "msg_1",
        "sessionID": "ses_1",
        "type": "text",
        "text": f"use this\n{ALL}\nand go",
    }
    state = {"status": "completed", "input": {"command": "env"}, "output": nested, "time": {"start": NOW, "end": NOW}}
    return [
        session("ses_1"),
        event("message.updated", info={"id": "msg_1", "sessionID": "ses_1", "role": "user", "time": {"created": NOW}}),
        event("message.part.updated", part=part),
        event("message.part.updated", part=part | {"id": "prt_2", "type": "tool", "tool": "bash", "state": state}),
        ("claude-code", "UserPromptSubmit", json.dumps(claude | {"prompt": ALL}).encode()),
        ("claude-code", "PostToolUse", json.dumps(claude | tool | {"tool_response": {"stdout": nested}}).encode()),
        session("ses_2", title="nothing of that kind"),
    ]


def days(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.glob("*.jsonl")}


def ids(found: list[dict[str, Any]]) -> list[str]:
    """Of rows; a prompt that only a hook told of has one that is worked out from its text."""
    return sorted(re.sub(r"(hook:prompt:.*:)\w+$", r"\1", str(row.get("id"))) for row in found)


def make(root: Path) -> None:
    append(root, with_secrets())
    project(root).close()


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_each_kind_is_found_however_deep_it_is_escaped(name: str, depth: int) -> None:
    around, secret = SECRETS[name]
    text = f'before "{around % secret}"\nafter'
    for _ in range(depth):
        text = json.dumps(text)
    assert hints(text.encode())
    masked, counts = mask_text(text)
    assert counts == {kind_of(name): 1}
    assert not [line for line in PLANTED if line in masked]
    assert len(masked) == len(text)
    assert masked.startswith(text[: text.index("before") + 7])
    assert masked.endswith("after" + text[text.rindex("after") + 5 :])
    assert mask_text(masked) == (masked, {})
    if depth:
        json.loads(masked)


@given(
    st.lists(
        st.binary(max_size=4)
        | st.sampled_from([hint.literal for hint in HINTS])
        | st.sampled_from([secret.encode() for _, secret in SECRETS.values()])
        | st.tuples(st.sampled_from([hint.literal for hint in HINTS]), st.integers(0, 8)).map(lambda x: x[0][: x[1]])
    )
)
def test_the_quick_look_finds_the_hints_that_the_plain_one_does(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    assert Counter(map(repr, hints(raw))) == Counter(map(repr, hints(raw, HINTS)))


@pytest.mark.parametrize("hint", HINTS)
def test_no_literal_hides_from_the_quick_look(hint: Hint) -> None:
    assert [group for group, its_hints in _GROUPS if hint in its_hints and group.search(b"x" + hint.literal + b"x")]


def test_ascii_that_is_escaped_and_colours_of_a_terminal() -> None:
    secret = SECRETS["anthropic"][1]
    for text in ('"' + secret.replace("-", "\\u002d") + '"', json.dumps(f"\x1b[01;31m\x1b[K{secret}\x1b[m")):
        masked, counts = mask_text(text)
        assert counts == {"anthropic": 1}
        assert len(masked) == len(text)
        assert secret not in json.loads(masked)


def test_nothing_is_found_in_what_clients_recorded() -> None:
    paths = [path for path in CAPTURES.rglob("*") if path.is_file()]
    texts = [path.read_bytes() for path in paths] + [files("clankers").joinpath("assets/demo/log.jsonl").read_bytes()]
    for data in texts:
        for line in data.split(b"\n"):
            if hints(line):
                assert find_credentials(line.decode("utf-8", "replace"), json=True) == []


@pytest.mark.parametrize(
    "text",
    [
        "https://user:<password>@host",
        "https://host:8080/a@b",
        "grep 'BEGIN RSA PRIVATE KEY' *.py",
        "APACHELICENSE",
        "sk-ant-",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert mask_text(text) == (text, {})


@given(st.lists(st.text(max_size=8) | st.sampled_from([s for _, s in SECRETS.values()] + list("\"\\ =:@'\n"))))
@settings(max_examples=60, deadline=None)
def test_lengths_stay_and_twice_is_once(pieces: list[str]) -> None:
    text = "".join(pieces)
    masked, _ = mask_text(text)
    assert len(masked.encode()) == len(text.encode())
    assert mask_text(masked) == (masked, {})
    raw = envelope.line("s", "t", json.dumps(text).encode(), id="1", now_ns=0)[:-1]
    new, _ = scrub.mask_line(raw)
    assert len(new) == len(raw)
    assert envelope.crc_holds(new)
    assert scrub.mask_line(new) == (new, Counter())


def test_no_byte_of_a_secret_stays_and_all_else_does(root: Path) -> None:
    make(root)
    before = days(root)
    was = rows(project(root))
    assert leaks(root)
    dry = call(root, "scrub", "--dry-run")
    assert days(root) == before
    assert not [secret for secret in PLANTED if secret in dry.out]
    done = call(root, "scrub", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert set(told["counts"]) == {kind_of(name) for name in SECRETS}
    assert all(f"{kind}: {n:,}" in dry.out.splitlines() for kind, n in told["counts"].items())
    assert leaks(root) == []
    for name, data in before.items():
        for old, new in zip(data.split(b"\n"), days(root)[name].split(b"\n"), strict=True):
            assert len(old) == len(new)
            assert (old == new) == (
                b"nothing of that kind" in old or b"session.created" in old or not scrub.mask_line(old)[1]
            )
    assert verify(str(root)).bad == []
    now = rows(project(root))
    assert {table: len(found) for table, found in now.items()} == {table: len(found) for table, found in was.items()}
    for table, old_rows in was.items():
        assert ids(now[table]) == ids(old_rows)
    again = days(root)
    assert json.loads(call(root, "scrub", "--json").out)["counts"] == {}
    assert days(root) == again


def test_a_line_in_flight_is_left_until_it_is_at_rest(root: Path) -> None:
    """Its writer will append the CRC of the bytes that it wrote."""
    make(root)
    (today,) = root.glob("*.jsonl")
    secret = "ghp_" + "a1B2" * 9
    torn = envelope.line("test", "t", json.dumps({"key": secret}).encode())[:-12]
    with today.open("ab") as log:
        log.write(torn)
    assert call(root, "scrub").code == 0
    assert today.read_bytes().endswith(torn)
    os.utime(today, (time.time() - 60,) * 2)
    assert call(root, "scrub").code == 0
    assert secret.encode() not in today.read_bytes()


def test_an_archived_day(root: Path) -> None:
    make(root)
    (today,) = root.glob("*.jsonl")
    today.rename(root / OLD)
    with in_place_edit.lock(str(root), "test"):
        archive(str(root), OLD, progress=lambda _: None)
    assert call(root, "scrub").code == 0
    subprocess.run(["gunzip", str(root / OLD) + ".gz"], check=True)
    assert leaks(root) == []
    assert verify(str(root)).bad == []


def test_copies_are_masked_or_named_and_what_a_killed_archiver_left_is_gone(root: Path) -> None:
    make(root)
    (today,) = root.glob("*.jsonl")
    data = today.read_bytes()
    for name in (f"{today.name}.damaged-1", f"{OLD}.tmp"):
        (root / name).write_bytes(data)
    kept = [str(root / name) for name in (f"{OLD}.gz.damaged-1", "clankers.db.damaged", "clankers.db.verify")]
    for path in kept:
        Path(path).write_bytes(b"whatever")
    told = json.loads(call(root, "scrub", "--dry-run", "--json").out)
    assert told["not_searched"] == kept
    done = call(root, "scrub")
    assert done.code == 0
    assert [line.split()[1] for line in done.err.splitlines()] == kept
    assert leaks(root) == []


def test_a_projector_at_work_stops_it_before_anything_is_changed(root: Path) -> None:
    make(root)
    before = days(root)
    with ProjectorLock(str(root / "clankers.db"), "project --watch"):
        done = call(root, "scrub")
    assert done.code == EX_BUSY
    assert "project --watch" in done.err
    assert days(root) == before
    assert not scrub_marker.is_unfinished(str(root))


def test_killed_anywhere_and_run_again_it_ends_the_same(root: Path, tmp_path: Path) -> None:
    make(root)
    clean = tmp_path / "clean"
    shutil.copytree(root, clean)
    assert call(clean, "scrub").code == 0
    rng = random.Random(1)
    begun = time.monotonic()
    run(clean, "scrub", "--dry-run")
    longest = (time.monotonic() - begun) * 1.5
    for n in range(8):
        copy = tmp_path / f"killed{n}"
        shutil.copytree(root, copy)
        process = subprocess.Popen(command("scrub"), env=environment(copy), stdout=subprocess.DEVNULL)
        time.sleep(longest * rng.uniform(0.5, 1))  # until the moment of the kill
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert call(copy, "scrub").code == 0
        assert leaks(copy) == []
        assert days(copy) == days(clean)
        assert rows(project(copy)) == rows(project(clean))


def test_a_kill_between_log_and_database_is_made_good(root: Path) -> None:
    make(root)
    (root / scrub_marker.NAME).touch()
    for name in scrub.files(str(root)):
        scrub.scrub(str(root), name, lambda _: None)
    assert leaks(root)
    assert call(root, "scrub").code == 0
    assert leaks(root) == []


def test_who_appends_meanwhile_loses_nothing(root: Path) -> None:
    make(root)
    process = subprocess.Popen(command("scrub"), env=environment(root), stdout=subprocess.DEVNULL)
    written = 0
    while process.poll() is None:
        append(root, [session(f"ses_new_{written}")])
        written += 1
        time.sleep(0.005)  # a writer that comes and goes
    assert process.returncode == 0
    assert leaks(root) == []
    assert verify(str(root)).bad == []
    text = b"".join(days(root).values())
    assert all(b'"ses_new_%d"' % n in text for n in range(written))


def test_a_root_that_is_a_file_is_no_success(root: Path) -> None:
    root.write_bytes(b"")
    assert [call(root, "scrub").code, call(root, "scrub", "--dry-run").code] == [EX_IO, EX_IO]


def test_a_mask_has_the_size_asked_for() -> None:
    assert [mask("aws", n) for n in (3, 12, 14)] == ["***", "[secret:aws]", "[secret:aws]**"]
