"""Two sizes of one test: a short one in every run, a long one by `pytest -m long`."""

import pytest


def sizes(short: int, long: int) -> pytest.MarkDecorator:
    """A parameter `size`, and its two values."""
    return pytest.mark.parametrize(
        "size", [pytest.param(short, id="short"), pytest.param(long, id="long", marks=pytest.mark.long)]
    )
