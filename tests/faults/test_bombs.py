"""JSON bombs: depth, width, huge numbers, 10 MB strings. Each is recorded in seconds, and takes no neighbour along."""

import json
from pathlib import Path

import pytest

from tests.commands import POSIX_ONLY, call, session
from tests.faults.common import clankers, run
from tests.patience import processor_time

pytestmark = POSIX_ONLY

BOMBS = {
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep, unclosed": b'{"a":' * 1_000_000,
    "deep, within a field": b'{"type":"session.created","properties":' + b"[" * 199 + b"]" * 199 + b"}",
    "wide": b'{"type":"session.created","properties":{' + b",".join(b'"k%d":0' % n for n in range(300_000)) + b"}}",
    "the same key": b'{"type":"session.created",' + b",".join([b'"k":{}'] * 300_000) + b"}",
    "a huge number": b'{"type":"session.created","properties":{"info":{"id":"s","time":{"created":'
    + b"9" * 5_000_000
    + b"}}}}",
    "a huge exponent": b'{"type":"session.created","properties":{"info":{"id":"s","cost":1e999999999}}}',
    "a 10 MB string": b'{"type":"session.created","properties":{"info":{"id":"s","title":"'
    + b"x" * 10_000_000
    + b'"}}}',
    "a 10 MB id": b'{"type":"session.created","properties":{"info":{"id":"' + b"s" * 10_000_000 + b'"}}}',
    "a 10 MB type": b'{"type":"' + b"t" * 10_000_000 + b'"}',
    "escapes": b'{"type":"session.created","properties":{"info":{"id":"s","title":"' + b"\\ud83d" * 500_000 + b'"}}}',
    "newlines": b"\n" * 3_000_000 + b"{}",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_json_bomb_is_recorded_in_seconds_and_projected_or_told(bomb: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    begun = processor_time()
    assert run(root, clankers("append", "opencode"), BOMBS[bomb]).code in {0, 65}
    good = session("ses_good")
    assert run(root, clankers("append", "opencode"), good[2]).code == 0
    done = run(root, clankers("project"))
    assert done.code == 0, done.err.decode()[:300]
    assert processor_time() - begun < 20
    shown = call(root, "query", "--json", "SELECT id FROM sessions WHERE id = 'ses_good'")
    assert json.loads(shown.out) == [{"id": "ses_good"}]
    assert call(root, "sessions").code == 0
