"""The application: each page as HTML, the same data as JSON below `/api`, and what goes wrong as a page, too."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
import apsw
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from clankers.errors import ClankersError, UsageError
from clankers.formatting import without_noise
from clankers.mcp.http import MCPEndpoint
from clankers.mcp.scope import Scope
from clankers.queries.filter_values import FilterValues, filter_values
from clankers.web import downloads
from clankers.web.access import Access
from clankers.web.database import Reader, Updater
from clankers.web.keys import Keys
from clankers.web.live import Live
from clankers.web.openapi import describe
from clankers.web.page import Asked, NotFoundError, Page
from clankers.web.pages import PAGES, ask
from clankers.web.static import serve_static
from clankers.web.templating import render

_API = "/api"
_MCP = "/mcp"
_AT_ONCE = 4  # questions to the database
_STATEMENTS = 1  # at once, beside those: each may take seconds and much memory
_VALUES_SECONDS = 10.0  # for which the values of the filters stay


_Endpoint = Callable[[Request], Awaitable[Response]]


class Link(NamedTuple):
    """An entry of the navigation."""

    label: str
    url: str
    current: bool


def links(path: str, asked: Asked | None = None) -> list[Link]:
    """The navigation on the page at `path`; what is `asked` there takes its filters along."""
    return [
        Link(
            one.label,
            asked.url(one.path) if asked and one.filtered and one.path != path else one.path,
            path == one.path or (path.startswith(one.path.rstrip("/") + "/") and one.path != "/"),
        )
        for one in PAGES
        if one.label
    ]


class Site:
    """The pages over one database.

    Attributes:
        reader: its connections.
        updater: keeps it current.
        live: tells open pages what happens.
    """

    def __init__(self) -> None:
        self.reader = Reader()
        self.updater = Updater()
        self.live = Live(self.reader, self.updater)
        self._limit = anyio.CapacityLimiter(_AT_ONCE)
        self._statements = anyio.CapacityLimiter(_STATEMENTS)
        self._values: tuple[float, FilterValues] | None = None

    def close(self) -> None:
        """Close what is open."""
        self.live.close()
        self.reader.close()

    def routes(self) -> list[Route]:
        """Two for each page, and the rest."""
        found = [
            Route("/static/{name}", serve_static),
            Route("/", _to_first),
            Route(f"{_API}/live", self._stream),
            Route("/export/{id:path}", self._answered(self._export, self._limit)),
            Route("/text/{id:path}", self._answered(self._text, self._limit)),
            Route("/ask.csv", self._answered(self._csv, self._statements)),
            Route(f"{_API}/openapi.json", _openapi),
        ]
        for page in PAGES:
            found += [
                Route(_API + page.path, self._endpoint(page, self._json)),
                Route(page.path, self._endpoint(page, self._html)),
            ]
        return found

    def _endpoint(self, page: Page, answer: Callable[[Page, Asked], Response]) -> _Endpoint:
        return self._answered(lambda asked: answer(page, asked), self._statements if page is ask.PAGE else self._limit)

    def _answered(self, answer: Callable[[Asked], Response], limiter: anyio.CapacityLimiter) -> _Endpoint:
        """The endpoint that asks the database in a thread."""

        def work(request: Request) -> Response:
            self.updater.update()
            path = request.scope["path"]  # not quoted, as `Asked.url` needs it
            with self.reader.connection() as db:
                given = request.query_params.multi_items()
                return answer(Asked(path.removeprefix(_API), given, request.path_params, db))

        async def endpoint(request: Request) -> Response:
            return await anyio.to_thread.run_sync(work, request, limiter=limiter)

        return endpoint

    async def _stream(self, _: Request) -> Response:
        return StreamingResponse(self.live.events(), media_type="text/event-stream")

    def _export(self, asked: Asked) -> Response:
        form = asked.one("format", "md")
        if form not in downloads.TYPES:
            raise UsageError(f"There is no format {form!r}; there are {', '.join(downloads.TYPES)}.")
        name = re.sub(r"[^\w.-]+", "-", asked.place["id"], flags=re.ASCII)[:80]
        headers = {"content-disposition": f'attachment; filename="{name}.{form}"'}
        text = "".join(downloads.export(asked.db, asked.place["id"], form))
        return Response(text, media_type=downloads.TYPES[form], headers=headers)

    def _text(self, asked: Asked) -> Response:
        return Response(downloads.whole_text(asked.db, asked.place["id"]), media_type="text/plain")

    def _csv(self, asked: Asked) -> Response:
        headers = {"content-disposition": 'attachment; filename="answer.csv"'}
        return Response(ask.as_csv(asked), media_type="text/csv", headers=headers)

    def _html(self, page: Page, asked: Asked) -> Response:
        values = self._filter_values(asked) if page.filtered else None
        return HTMLResponse(
            render(
                page.template,
                {
                    "page": page,
                    "links": links(asked.path, asked),
                    "asked": asked,
                    "values": values,
                    "problem": self.updater.problem,
                    "data": page.find(asked),
                },
            )
        )

    def _json(self, page: Page, asked: Asked) -> Response:
        return _as_json(page.find(asked))

    def _filter_values(self, asked: Asked) -> FilterValues:
        now = time.monotonic()
        if self._values is None or now - self._values[0] > _VALUES_SECONDS:
            self._values = (now, filter_values(asked.db))
        return self._values[1]


def application(site: Site, keys: Keys, hosts: frozenset[str]) -> Starlette:
    """The ASGI application.

    Args:
        site: the pages.
        keys: who may see them.
        hosts: the names by which it may be called, in small letters.
    """
    return Starlette(
        routes=[*site.routes(), Route(_MCP, MCPEndpoint(Scope(None)))],
        middleware=[Middleware(Access, keys=keys, hosts=hosts)],
        exception_handlers={
            ClankersError: _failed,
            apsw.Error: _failed,
            HTTPException: _misled,
            Exception: _broken,
        },
    )


async def _openapi(_: Request) -> Response:
    return _as_json(describe(PAGES))


async def _to_first(_: Request) -> Response:
    return RedirectResponse(PAGES[0].path)


async def _failed(request: Request, error: Exception) -> Response:
    """What a person can do something about."""
    match error:
        case NotFoundError():
            return _problem(request, 404, str(error))
        case UsageError():
            return _problem(request, 400, str(error))
        case ClankersError():
            return _problem(request, 503, str(error))
        case _:
            return _problem(request, 503, f"The database cannot be read now: {error}. `clankers doctor` says more.")


async def _misled(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(request, error.status_code, "There is no such page." if error.status_code == 404 else error.detail)


async def _broken(request: Request, _: Exception) -> Response:
    """A bug of ours: its traceback is on the server's stderr."""
    return _problem(request, 500, "This page failed; the terminal in which `clankers web` runs says why.")


def _problem(request: Request, status: int, text: str) -> Response:
    if request.url.path.startswith(_API + "/"):
        return _as_json({"error": text}, status)
    values = {"links": links(request.url.path), "name": HTTPStatus(status).phrase, "text": text, "status": status}
    return HTMLResponse(render("problem.html", values), status)


def _as_json(value: Any, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(without_noise(msgspec.to_builtins(value))), status, media_type="application/json"
    )
