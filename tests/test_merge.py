"""Two reports of one row: which one counts does not depend on which came first."""

import copy
from collections.abc import Callable

import pytest

from projector.model.changes import Rank, ToolSeen
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
