"""What an agent waits for that asks over MCP: each tool, beside the same question without the protocol."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from benchmarks.measure import Measured, Row, percentile, seconds
from benchmarks.place import Place
from clankers import paths
from clankers.queries.connect import open_current
from clankers.queries.dialect import Database
from clankers.queries.failures import failed_calls
from clankers.queries.files import file_touches
from clankers.queries.filters import Filters
from clankers.queries.search import search
from clankers.queries.sessions import list_sessions
from clankers.queries.usage import count

_LIMIT = 21  # what a tool asks for by default


def _search(_: Database) -> object:
    return search(paths.database_path(), ["error"], Filters(), _LIMIT, progress=lambda _: None, note=lambda _: None)


# The tools with the questions that they ask; the sessions and calls that the others read are single ones.
QUESTIONS: dict[str, tuple[dict[str, Any], Callable[[Database], object]]] = {
    "search": ({"words": "error"}, _search),
    "list_sessions": ({}, lambda db: list_sessions(db, _LIMIT)),
    "usage": ({"by": "model"}, lambda db: count(db, "model", Filters())),
    "failures": ({}, lambda db: failed_calls(db, _LIMIT)),
    "files": ({}, lambda db: file_touches(db, _LIMIT, edits_only=True)),
}


def rows(place: Place) -> Iterator[Row]:
    """A row a tool, on the large log, its database and the search index up to date."""
    place.clankers(place.root, "search", "error")()
    for name in QUESTIONS:
        yield Row(
            f"mcp-{name}",
            f"the tool {name}, 95 of 100 calls, {place.events:,} events",
            "its query",
            1.5,
            "x",
            lambda name=name: _ratio(place, name),  # type: ignore[misc]
        )


def _ratio(place: Place, name: str) -> Measured:
    given, question = QUESTIONS[name]
    with mock.patch.dict("os.environ", place.environment(place.root), clear=True):
        tool, alone = anyio.run(_measure, place, name, given, question)
    it, that = percentile(tool, 0.95), percentile(alone, 0.95)
    return Measured(seconds(it), seconds(that), it / that)


async def _measure(
    place: Place, name: str, given: dict[str, Any], question: Callable[[Database], object]
) -> tuple[list[float], list[float]]:
    """The seconds of each call and of each question, in turns; the first of each warms up."""
    argv = ["-P", "-m", "clankers", "mcp", "--all-projects"]
    server = StdioServerParameters(command=sys.executable, args=argv, env=place.environment(place.root))
    tool, alone = [], []
    async with Client(stdio_client(server)) as client:
        for _ in range(place.size.short + 1):
            began = time.perf_counter()
            result = await client.call_tool(name, given)
            tool.append(time.perf_counter() - began)
            assert not result.is_error, result
            began = time.perf_counter()
            with contextlib.closing(open_current()) as db:
                question(db)
            alone.append(time.perf_counter() - began)
    return tool[1:], alone[1:]
