"""Complete lines out of chunks: the same however the bytes are cut, in a time that grows with the bytes alone."""

import time

from hypothesis import given
from hypothesis import strategies as st

from clankers.log.lines import LineBuffer

CHUNKS = st.lists(st.text("ab\n", max_size=6).map(str.encode), max_size=20)


@given(CHUNKS)
def test_lines_do_not_depend_on_where_the_chunks_are_cut(chunks: list[bytes]) -> None:
    buffer = LineBuffer()
    *complete, rest = b"".join(chunks).split(b"\n")
    assert [line for chunk in chunks for line in buffer.lines(chunk)] == complete
    assert buffer.size == len(rest)
    assert buffer.rest() == rest
    assert (buffer.size, buffer.rest()) == (0, b"")


@given(CHUNKS)
def test_blocks_hold_the_same_lines(chunks: list[bytes]) -> None:
    buffer = LineBuffer()
    text = b"".join(chunks)
    blocks = [buffer.block(chunk) for chunk in chunks]
    assert all(not block or block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks) == text[: text.rfind(b"\n") + 1]
    assert buffer.rest() == text[text.rfind(b"\n") + 1 :]


@given(CHUNKS, CHUNKS)
def test_what_is_taken_as_the_rest_is_forgotten(before: list[bytes], after: list[bytes]) -> None:
    buffer, fresh = LineBuffer(), LineBuffer()
    for chunk in before:
        buffer.lines(chunk)
    buffer.rest()
    assert [buffer.lines(chunk) for chunk in after] == [fresh.lines(chunk) for chunk in after]


def test_a_huge_line_takes_a_time_that_is_linear_in_its_bytes() -> None:
    """256 MiB in chunks of 64 KiB: joined at each chunk, half a terabyte would be copied."""
    chunk = b"x" * (64 << 10)
    buffer = LineBuffer()
    begun = time.monotonic()
    for _ in range(4096):
        assert buffer.lines(chunk) == []
        assert buffer.block(chunk[:0]) == b""
    (line,) = buffer.lines(b"\n")
    assert len(line) == 256 << 20
    assert time.monotonic() - begun < 30
