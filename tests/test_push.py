"""What is sent again and what is not, without a server: bodies go to a list, or are refused."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clankers.sync.acknowledged import MEMORY, Acknowledged
from clankers.sync.encode import Encoder
from clankers.sync.errors import RefusedError
from clankers.sync.push import Push
from tests.commands import NOW, event, session
from tests.feeding import append, project


class Server:
    """Acknowledges bodies, but for those that `refuses` says."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.refuses: Callable[[dict[str, Any]], bool] = lambda _: False

    def send(self, body: bytes) -> None:
        parsed = json.loads(body)
        if self.refuses(parsed):
            raise RefusedError("odd", status=422)
        self.bodies.append(parsed)


@pytest.fixture
def known() -> Iterator[Acknowledged]:
    with closing(Acknowledged(MEMORY, "http://server")) as one:
        yield one


def push(root: Path, known: Acknowledged, server: Server) -> list[dict[str, Any]]:
    """The bodies that the server takes now."""
    server.bodies = []
    with closing(project(root)) as db:
        assert Push(db, Encoder(db, None), known, server, batch_size=10).push()
    return server.bodies


def test_a_refused_row_does_not_take_its_session_along(tmp_path: Path, known: Acknowledged) -> None:
    server = Server()
    append(tmp_path, [session("ses_0", title="first")])
    assert [one["session"]["title"] for one in push(tmp_path, known, server)] == ["first"]
    at = {"created": NOW, "completed": NOW + 1}
    message = event("message.updated", info={"id": "m", "sessionID": "ses_0", "role": "user", "time": at})
    changed = {"id": "ses_0", "title": "second", "time": {"created": NOW, "updated": NOW + 9}}
    append(tmp_path, [event("session.updated", info=changed), message])
    server.refuses = lambda body: "messages" in body
    assert [one["session"]["title"] for one in push(tmp_path, known, server)] == ["second"]
    assert push(tmp_path, known, server) == []
    assert [(status, kind) for status, kind, _, _ in known.set_aside()] == [(422, "messages")]


def test_rows_that_are_gone_are_reported_once(tmp_path: Path, known: Acknowledged) -> None:
    server = Server()
    said = {"sessionID": "ses_0", "error": {"name": "APIError", "data": {"message": "no"}}}
    append(tmp_path, [session("ses_0"), event("session.error", **said)])
    assert len(push(tmp_path, known, server)) == 1
    ((_, only_hook),) = known.rows("ses_0", ["errors"])
    at = {"created": NOW + 1, "completed": NOW + 2}
    failed = {"id": "msg_1", "sessionID": "ses_0", "role": "assistant", "time": at, "error": said["error"]}
    append(tmp_path, [event("message.updated", info=failed)])
    assert gone(push(tmp_path, known, server)) == [{"errors": [only_hook]}]
    assert known.row("errors", only_hook) is None
    append(tmp_path, [event("message.updated", info={**failed, "cost": 0.5})])
    assert gone(push(tmp_path, known, server)) == []


def gone(bodies: list[dict[str, Any]]) -> list[dict[str, list[str]]]:
    return [more["gone"] for body in bodies if "gone" in (more := body["session"]["metadata"]["clankers"])]
