"""The quick look at a line of a client's file: whatever stands there, it sees what the thorough one sees."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clankers.harnesses.claude_code import line_fields as transcript_fields
from clankers.harnesses.claude_code.harness import transcript_level
from clankers.harnesses.claude_code.transcript_files import LEFT_OUT_ATTACHMENTS
from clankers.harnesses.codex import line_fields as rollout_fields
from clankers.harnesses.codex.harness import rollout_level
from clankers.log import strict_json
from tests.feeding import CAPTURES


def lines_of(client: str) -> set[bytes]:
    files = CAPTURES.glob(f"{client}/*/**/*.jsonl")
    return {line for path in files for line in path.read_bytes().split(b"\n") if line}


LINES = sorted(lines_of("claude-code") | lines_of("codex"))
KEYS = st.sampled_from(
    (
        *("type", "uuid", "subtype", "isApiErrorMessage", "attachment", "message", "content", "is_error"),
        *("id", "payload", "item", "status", "success", "error"),
    )
)
WORDS = st.sampled_from(["api_error", "text", "prompt_snapshot", "failed", "stream_error", "\ud83d", "\x7f", "é", ""])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
VALUES = st.recursive(PLAIN, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEYS | WORDS, v, max_size=4))
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=8)


def of_transcript(line: dict[str, Any]) -> Any:
    """All that recording asks of a line of a transcript."""
    attachment = line.get("attachment")
    left_out = isinstance(attachment, dict) and attachment.get("type") in [*LEFT_OUT_ATTACHMENTS]
    names = [line[key] if isinstance(line.get(key), str) else None for key in ("type", "uuid")]
    return names, left_out, transcript_level(line)


def of_rollout(line: dict[str, Any]) -> Any:
    """All that recording asks of a line of a rollout."""
    names = [line[key] if isinstance(line.get(key), str) else None for key in ("type", "id")]
    return names, rollout_level(line)


QUICK = [(transcript_fields.parse, of_transcript), (rollout_fields.parse, of_rollout)]


def seen(raw: bytes, parse: Any, ask: Any) -> Any:
    """What is asked of a line, or why it is none."""
    try:
        line = parse(raw)
    except strict_json.NotJSONError as e:
        return str(e)
    return ask(line) if isinstance(line, dict) else type(line)


def assert_alike(raw: bytes) -> None:
    raw = strict_json.trim(raw)
    for parse, ask in QUICK:
        assert seen(raw, parse, ask) == seen(raw, strict_json.parse, ask), raw


def test_recorded_lines() -> None:
    assert len(LINES) > 1000
    for raw in LINES:
        assert_alike(raw)


@pytest.mark.parametrize(
    ("client", "parse"), [("claude-code", transcript_fields.parse), ("codex", rollout_fields.parse)]
)
def test_most_of_a_line_is_skipped(client: str, parse: Any) -> None:
    lines = lines_of(client)
    assert sum(parse(raw) != strict_json.parse(raw) for raw in lines) > 0.9 * len(lines)


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, st.booleans())
def test_documents_of_any_shape(document: Any, ascii_only: bool) -> None:
    assert_alike(json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(LINES), st.data())
def test_damaged_lines(raw: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(raw) - 1))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(
        st.binary(max_size=2) | st.sampled_from([b'"', b"\\", b",", b"{", b"\\u00", b"\\x", b"-", b".", b"0"])
    )
    assert_alike(raw[:at] + put + raw[at + cut :])


@pytest.mark.parametrize(
    "raw",
    [
        b'{"x":"\xff"}',
        b'{"\xed\xa0\x80":1}',
        b'{"x":"\\ud83d","type":"user"}',
        b'{"t\\u0079pe":"user","type":"last","type":"very last"}',
        b'{"type":null,"uuid":7,"isApiErrorMessage":"true"}',
        b'{"x":"\t"}',
        b'{"x":NaN}',
        b'{"x":' + b"9" * 5000 + b"}",
        b'{"x":1} {}',
        *(b'{"type":"user","x":' + b"[" * depth + b"]" * depth + b"}" for depth in (100, 199, 200, 300, 5000)),
    ],
)
def test_what_the_two_might_see_otherwise(raw: bytes) -> None:
    assert_alike(raw)
