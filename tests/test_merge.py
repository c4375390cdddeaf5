"""Two reports of one row: which one counts does not depend on which came first."""

import copy
from collections.abc import Callable
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from projector.model.changes import ErrorSeen, MessageSeen, Rank, ToolSeen
from projector.model.merge import MERGE, Row


def merged(*reports: Row) -> Row:
    row = copy.deepcopy(reports[0])
    for report in reports[1:]:
        MERGE[type(row)](row, report)
    return row


def opened(text: str, rank: int, at: int | None) -> ToolSeen:
    return ToolSeen("t", "s", "toy", open_rank=rank, tool_input=text, created_at=at)


def closed(text: str, rank: int, at: int | None) -> ToolSeen:
    return ToolSeen("t", "s", "toy", close_rank=rank, tool_output=text, completed_at=at)


@pytest.mark.parametrize("report", [opened, closed])
@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((Rank.RECORD, 9), (Rank.HOOK, 1)),
        ((Rank.RECORD, None), (Rank.HOOK, 1)),
        ((Rank.HOOK, 1), (Rank.HOOK, 9)),
        ((Rank.HOOK, 9), (Rank.HOOK, None)),
    ],
)
def test_the_better_source_of_a_call_counts_and_of_equal_ones_the_earlier(
    report: Callable[[str, int, int | None], ToolSeen], better: tuple[int, int | None], worse: tuple[int, int | None]
) -> None:
    first, second = report("better", *better), report("worse", *worse)
    for row in (merged(first, second), merged(second, first)):
        assert isinstance(row, ToolSeen)
        assert (row.tool_input or row.tool_output) == "better"
        assert (row.created_at or row.completed_at) == better[1]


_few = st.none() | st.integers(0, 3)
_costs = st.none() | st.just(0.5)


@st.composite
def reports(draw: st.DrawFn) -> MessageSeen:
    """A report as adapters make them: only one with counts has the time of its counts."""
    row = MessageSeen("m", "s", "toy", prompt_tokens=draw(_few), completion_tokens=draw(_few), cost=draw(_costs))
    counts = (row.prompt_tokens, row.completion_tokens, row.cost)
    row.completed_at, row.finish_reason = draw(_few), draw(st.sampled_from([None, "stop", "tool-calls", "unknown"]))
    if any(value is not None for value in counts) and draw(st.booleans()):
        row.counted_at = row.completed_at
    return row


@given(st.tuples(reports(), reports(), reports()))
def test_reports_of_a_message_merge_to_the_same_row_in_any_order(some: tuple[MessageSeen, ...]) -> None:
    a, b, c = some
    expected = asdict(merged(*some))
    for order in permutations(some):
        assert asdict(merged(*order)) == expected
    assert asdict(merged(a, merged(b, c))) == expected
    assert asdict(merged(*some, *some)) == expected


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_latest_snapshot_with_counts_counts_whatever_came_after_it(order: tuple[int, ...]) -> None:
    snapshots = [
        MessageSeen("m", "s", "toy", prompt_tokens=9000, completed_at=10, counted_at=10),
        MessageSeen("m", "s", "toy", prompt_tokens=120, completed_at=20, counted_at=20),
        MessageSeen("m", "s", "toy", completed_at=30, finish_reason="stop"),
    ]
    row = merged(*(snapshots[at] for at in order))
    assert isinstance(row, MessageSeen)
    assert (row.prompt_tokens, row.counted_at, row.completed_at, row.finish_reason) == (120, 20, 30, "stop")


@pytest.mark.parametrize("first", [0, 1])
def test_a_failure_after_which_the_client_tried_again_stays_one(first: int) -> None:
    reports = [
        ErrorSeen("e", "s", "toy", "Overloaded", "no", at, will_retry=retry) for at, retry in ((1, True), (2, False))
    ]
    row = merged(reports[first], reports[1 - first])
    assert isinstance(row, ErrorSeen)
    assert (row.will_retry, row.created_at) == (True, 2)
