"""Which sessions a person means."""

import pytest

from clankers.errors import UsageError
from clankers.queries.session_select import SessionRef, named


def known(*sessions: tuple[str, str | None, int | None]) -> dict[str, SessionRef]:
    return {id: SessionRef(id, parent, None, None, updated) for id, parent, updated in sessions}


def test_last_is_the_session_in_which_something_happened_last() -> None:
    assert named(known(("a", None, 5), ("b", None, 9), ("c", None, None)), ["last"])[0].id == "b"


def test_of_sessions_of_one_time_last_is_the_one_that_began_last() -> None:
    assert named(known(("a", None, 5), ("b", None, 5)), ["last"])[0].id == "b"
    assert named(known(("a", None, None), ("b", None, None)), ["last"])[0].id == "b"


def test_what_happened_last_in_a_subagent_happened_in_the_session_that_called_it() -> None:
    family = known(("a", None, 5), ("a.1", "a", 6), ("a.1.1", "a.1", 9), ("b", None, 7))
    assert named(family, ["last"])[0].id == "a"
    del family["a"]  # a filter left it out
    assert named(family, ["last"])[0].id == "a.1"


def test_sessions_that_are_each_others_parents_do_not_stop_last() -> None:
    assert named(known(("a", "b", 5), ("b", "a", 6)), ["last"])[0].id in {"a", "b"}


def test_a_session_that_is_called_last_is_meant_by_it() -> None:
    assert named(known(("last", None, 1), ("b", None, 9)), ["last"])[0].id == "last"
    assert named(known(("lastly", None, 1), ("b", None, 9)), ["last"])[0].id == "b"


def test_without_sessions_there_is_no_last() -> None:
    with pytest.raises(UsageError, match="no last session"):
        named({}, ["last"])
