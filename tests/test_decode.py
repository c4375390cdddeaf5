"""A bad value costs only itself, and times are read in every form."""

import json
from datetime import datetime
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Raw, Struct, ValidationError

from projector.adapters.decode import LenientDecoder
from projector.adapters.wire import millis
from projector.model.changes import ValueIgnored

Count = Annotated[int, Meta(ge=0, le=2**40)]


class Usage(Struct, frozen=True):
    input: Count | None = None
    output: Count | None = None
    speed: str | None = None


class Block(Struct, frozen=True):
    type: str
    text: str | None = None
    input: Raw = Raw(b"null")


class Message(Struct, frozen=True):
    id: str
    content: str | list[Block] = ""
    usage: Usage | None = None
    models: dict[str, Usage] = {}


DECODER = LenientDecoder(Message)
GOOD: dict[str, Any] = {
    "id": "m",
    "content": [{"type": "text", "text": "a"}, {"type": "tool", "input": {"x": [1, 2.50]}}],
    "usage": {"input": 1, "output": 2, "speed": "fast"},
    "models": {"one": {"input": 3}, "two": {"output": 4}},
}
WRONG: tuple[Any, ...] = ("x", -1, 12.5, 2**70, True, [], {}, [1], {"a": 1}, None, "", 1e300)


def decoded(document: object) -> tuple[Message, list[ValueIgnored]]:
    return DECODER.decode(json.dumps(document).encode())


def test_a_record_as_expected_is_complete() -> None:
    message, ignored = decoded(GOOD)
    assert ignored == []
    assert message.usage == Usage(1, 2, "fast")
    assert isinstance(message.content, list)
    assert bytes(message.content[1].input) == b'{"x": [1, 2.5]}'


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"usage": GOOD["usage"] | {"output": -2}}, "$.usage.output"),
        ({"usage": GOOD["usage"] | {"output": "2"}}, "$.usage.output"),
        ({"usage": GOOD["usage"] | {"output": 2.5}}, "$.usage.output"),
        ({"usage": GOOD["usage"] | {"output": 2**80}}, "$.usage.output"),
    ],
)
def test_a_bad_count_costs_that_count(change: dict[str, Any], field: str) -> None:
    message, ignored = decoded(GOOD | change)
    assert message.usage == Usage(1, None, "fast")
    assert [one.field for one in ignored] == [field]
    assert ignored[0].reason.startswith("Expected ")


def test_a_whole_number_may_be_written_with_a_fraction() -> None:
    message, ignored = decoded(GOOD | {"usage": {"input": 12.0, "output": -1.0}})
    assert message.usage == Usage(12, None)
    assert [one.field for one in ignored] == ["$.usage.output"]


def test_a_bad_element_costs_that_element() -> None:
    message, ignored = decoded(GOOD | {"content": ["bare", {"type": "text", "text": "b"}, {"text": "no type"}, 7]})
    assert message.content == [Block("text", "b")]
    assert [one.field for one in ignored] == ["$.content[0]", "$.content[2]", "$.content[3]"]


def test_a_bad_member_of_a_map_costs_that_member() -> None:
    message, ignored = decoded(GOOD | {"models": {"one": {"input": "x", "output": 5}, "two": 7}})
    assert message.models == {"one": Usage(None, 5)}
    assert [one.field for one in ignored] == ["$.models.one.input", "$.models.two"]


@pytest.mark.parametrize("document", [{"content": "x"}, {"id": 7}, [GOOD], "x", None, 7])
def test_without_what_is_required_nothing_is_made(document: object) -> None:
    with pytest.raises(ValidationError):
        decoded(document)


PATHS = ["content", "usage", "models", "usage.input", "usage.output", "usage.speed"]


@given(st.sampled_from(PATHS), st.sampled_from(WRONG))
def test_all_other_values_stay(path: str, wrong: object) -> None:
    document = json.loads(json.dumps(GOOD))
    *outer, last = path.split(".")
    target = document
    for name in outer:
        target = target[name]
    target[last] = wrong
    message, ignored = decoded(document)
    expected, _ = decoded(GOOD)
    for name in ("id", "content", "usage", "models"):
        if path.split(".", maxsplit=1)[0] != name:
            assert getattr(message, name) == getattr(expected, name)
    if outer:
        for name in ("input", "output", "speed"):
            if name != last:
                assert getattr(message.usage, name) == getattr(expected.usage, name)
    assert all(one.field.startswith(f"$.{path}") for one in ignored)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T23:45:39.317Z", "2026-11-20T23:45:39.317+00:00"),
        ("2026-11-20t23:45:39.317z", "2026-11-20T23:45:39.317+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("2016-12-31t23:59:60.5z", "2017-01-01T00:00:00.500+00:00"),
        ("2017-01-01T01:59:60+02:00", "2017-01-01T00:00:00+00:00"),
    ],
)
def test_a_time_is_read_in_every_form_of_rfc_3339(text: str, expected: str) -> None:
    assert millis(text) == round(datetime.fromisoformat(expected).timestamp() * 1000)


@pytest.mark.parametrize("text", ["2026-11-20T23:45:61Z", "2026-11-20T23:60:60Z", "T60", "noon", ""])
def test_a_text_that_is_no_time_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        millis(text)
