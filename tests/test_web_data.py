"""What the pages of `clankers web` show and `/api` gives: the same numbers as the commands, in the published form."""

import ast
import asyncio
import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

import clankers
from clankers.log.writer import file_name
from clankers.paths import DATA_ENV
from clankers.queries.filters import Filters
from clankers.queries.overview import estimated_models, overview
from clankers.queries.statement import QueryResult
from clankers.web import statement_process
from clankers.web.app import Site, application
from clankers.web.keys import Keys, read_key
from clankers.web.openapi import describe
from clankers.web.page import FILTERS
from clankers.web.pages import PAGES, ask
from clankers.web.pages import session as pages_session
from tests.commands import HOSTILE, NOW, call, event, session
from tests.feeding import Record, append, project
from tests.golden import SCHEMAS, assert_file
from tests.patience import DEADLINE
from tests.talks import demo, talk

LOG = Path(clankers.__file__).parent / "assets" / "demo" / "log.jsonl"
PORT = 8724
LISTS = [page.path for page in PAGES if "{" not in page.path]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sessions of several harnesses: recorded ones, and one full of what would do harm."""
    root = demo(tmp_path_factory.mktemp("web") / "data")
    shutil.copy(LOG, root / file_name("2026-11-27"))
    return talk(root)


@pytest.fixture
def client(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    yield from signed_in(root, monkeypatch)


def signed_in(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv(DATA_ENV, str(root))
    monkeypatch.setenv("HOME", str(root.parent))
    keys, site = Keys(read_key(str(root)), PORT), Site()
    found = TestClient(application(site, keys, frozenset(("127.0.0.1",))), base_url=f"http://127.0.0.1:{PORT}")
    found.cookies.set(keys.cookie_name, keys.cookie())
    yield found
    site.close()


def data(client: TestClient, path: str, **asked: str) -> Any:
    answer = client.get(f"/api{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def printed(root: Path, *arguments: str) -> Any:
    done = call(root, *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_form_of_the_data_is_published() -> None:
    assert_file(SCHEMAS / "web.json", json.dumps(describe(PAGES), indent=2) + "\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_the_data_has_the_published_form(client: TestClient, page: Any) -> None:
    described = client.get("/api/openapi.json").json()
    path = re.sub(r":\w+}", "}", page.path)
    schema = described["paths"][f"/api{path}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": described["components"]})
    asked = {"sql": "select * from messages"} if page.path == "/ask" else {"file": "ledger.py"}
    for id in ("ses_talk", data(client, "/sessions")["sessions"][0]["id"]):
        validator.validate(data(client, path.replace("{id}", id), **asked))


def test_each_parameter_is_described() -> None:
    modules = (Path(clankers.__file__).parent / "web" / "pages").glob("*.py")
    source = "".join(path.read_text("utf-8") for path in modules)
    read = {
        node.args[0].value
        for node in ast.walk(ast.parse(source.replace("from __future__ import annotations", "")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"one", "number", "all"}
        and isinstance(node.args[0], ast.Constant)
    }
    described = {name for page in PAGES for name in page.parameters}
    assert read - {*FILTERS} == described - {*FILTERS}


@pytest.mark.parametrize("path", LISTS)
def test_every_page_shows_recorded_text_as_text(client: TestClient, path: str) -> None:
    for asked in ({}, {"since": "2026"}, {"model": "opus", "source": "opencode"}, {"file": "/"}, {"sql": "select 1"}):
        answer = client.get(path, params=asked)
        assert answer.status_code == 200
        assert not re.search(r"<script(?! type=\"module\" src=\"/static)| style=| on\w+=", answer.text)
        assert HOSTILE not in answer.text


def test_an_empty_root_says_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    project(tmp_path / "data").close()
    for client in signed_in(tmp_path / "data", monkeypatch):
        for path in ("/overview", "/tools", "/files", "/models", "/health"):
            assert "clankers install" in client.get(path).text, path
            assert "Nothing is recorded" not in client.get("/models?since=7d").text
        assert "Nothing has failed" in client.get("/errors").text


@pytest.mark.parametrize("asked", [{}, {"source": "claude-code"}, {"since": "2026-11-20", "until": "2026-11-20"}])
def test_the_numbers_are_those_of_stats(client: TestClient, root: Path, asked: dict[str, str]) -> None:
    options = [text for name, value in asked.items() for text in (f"--{name}", value)] or ["--all"]
    by_model = printed(root, "stats", "--by", "model", *options)
    by_tool = printed(root, "stats", "--by", "tool", *options)
    found = data(client, "/overview", **asked)
    assert rounded(found["total"]) == by_model["total"]
    tools = data(client, "/tools", **asked)
    assert sorted(map(json.dumps, map(rounded, tools["tools"]))) == sorted(map(json.dumps, by_tool["groups"]))
    models = data(client, "/models", **asked)
    assert sorted(map(json.dumps, map(rounded, models["models"]))) == sorted(map(json.dumps, by_model["groups"]))


def rounded(group: dict[str, Any]) -> dict[str, Any]:
    return {name: round(n, 8) if isinstance(n, float) else n for name, n in group.items()}


def test_the_failed_calls_are_reached_page_by_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = data(client, "/errors")["calls"]
    monkeypatch.setattr("clankers.web.pages.errors._CALLS", 3)
    found, url = [], "/errors"
    while url:
        page = client.get(url).text
        found += re.findall(r'<span class="tag failed">', page)
        more = re.search(r'class="button" href="([^"]*)">Older calls', page)
        url = more[1].replace("&amp;", "&") if more else ""
    assert len(found) == len(whole) > 6


def test_a_session_says_how_many_calls_failed_although_it_lists_fewer(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = data(client, "/sessions", sort="failed")["sessions"]
    one = max(listed, key=lambda one: one["failed_calls"])
    monkeypatch.setattr(pages_session, "_FAILURES", 1)
    assert one["failed_calls"] > 1
    assert f"Failed calls <small>{one['failed_calls']}, the last 1</small>" in client.get(f"/sessions/{one['id']}").text


def test_the_files_are_reached_page_by_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [one["path"] for one in data(client, "/files")["files"]]
    monkeypatch.setattr("clankers.web.pages.files._AT_ONCE", 3)
    found: list[str] = []
    before = ""
    while True:
        page = data(client, "/files", **({"before": before} if before else {}))
        found += [one["path"] for one in page["files"]]
        if not page["more"]:
            break
        before = f"{page['files'][-1]['last_at']}.{page['files'][-1]['path']}"
    assert found == whole
    assert len(set(found)) == len(found) > 6


@pytest.mark.parametrize("before", ["x", "1", ".", "1.", "-1.a", "9" * 40 + ".a", "²." + "a"])
def test_a_place_that_is_none_is_the_beginning(client: TestClient, before: str) -> None:
    for path in ("/errors", "/files", "/files/calls"):
        assert data(client, path, before=before) == data(client, path)


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("delete from sessions", "only questions"),
        ("attach 'x.db' as x", "only questions"),
        ("pragma journal_mode = delete", "only questions"),
        ("pragma WAL_Checkpoint", "only questions"),
        ("select 1; select 2", "one statement"),
        ("select * from session", "sessions"),
        ("nonsense", "syntax error"),
        ("select zeroblob(400000000), zeroblob(400000000)", "memory"),
        ("select zeroblob(20000000)", "memory"),
    ],
)
def test_a_statement_that_is_not_answered_says_why(client: TestClient, sql: str, problem: str) -> None:
    assert problem in data(client, "/ask", sql=sql)["problem"].lower()
    assert client.get("/ask.csv", params={"sql": sql}).status_code == 400
    assert 'role="alert"' in client.get("/ask", params={"sql": sql}).text


def test_a_statement_has_a_deadline_and_the_next_one_is_answered(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n"
    in_one_step = "select instr(zeroblob(8000000), cast(zeroblob(4000000) || x'01' as blob))"
    with monkeypatch.context() as short:
        short.setattr(ask, "SECONDS", 0.2)
        short.setattr(statement_process, "_START", 0.5)
        for sql in (endless, in_one_step):
            assert "takes longer" in data(client, "/ask", sql=sql)["problem"]
    assert data(client, "/ask", sql="select 1 as one")["rows"] == [[1]]


def test_statements_that_take_long_keep_no_page_waiting(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = Event()

    def answer_late(*_: object, **__: object) -> QueryResult:
        assert answered.wait(DEADLINE)
        return QueryResult(["one"], [(1,)])

    monkeypatch.setattr(ask, "run_apart", answer_late)

    async def use() -> list[int]:
        transport = httpx2.ASGITransport(client.app)
        async with httpx2.AsyncClient(transport=transport, base_url=client.base_url, cookies=client.cookies) as browser:
            slow = [asyncio.create_task(browser.get("/ask.csv?sql=slow")) for _ in range(8)]
            await asyncio.sleep(0)  # so that they all begin before the page is asked for
            page = await browser.get("/sessions")
            answered.set()
            return [page.status_code, *{(await one).status_code for one in slow}]

    assert asyncio.run(asyncio.wait_for(use(), DEADLINE)) == [200, 200]


def test_an_answer_has_limits(client: TestClient) -> None:
    numbers = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 500) select i, i from n"
    first = data(client, "/ask", sql=numbers)
    assert (first["columns"], len(first["rows"]), first["more"]) == (["i", "i_2"], 200, True)
    assert len(data(client, "/ask", sql=numbers, limit="10000")["rows"]) == 500
    long = data(client, "/ask", sql=numbers.replace("select i, i", "select hex(zeroblob(200000))"))
    assert (len(long["rows"]), long["more"]) == (21, True)


def test_an_answer_comes_as_csv(client: TestClient) -> None:
    sql = "select id, title, x'00ff' as bytes, 1e999 as endless from sessions order by id"
    answer = client.get("/ask.csv", params={"sql": sql})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["id", "title", "bytes", "endless"]
    assert [row[2:] for row in rows[1:]] == [["00ff", ""]] * len(data(client, "/ask", sql=sql)["rows"])


def test_a_cost_has_the_mark_of_the_least_sure_part(tmp_path: Path) -> None:
    records = [session("top"), session("sub", parentID="top"), *(answer(one, 0.5) for one in ("top", "sub"))]
    append(tmp_path, records)
    with closing(project(tmp_path)) as db:
        assert [(one.id, one.cost_source) for one in overview(db, Filters(), NOW).top] == [("top", "client")]
        assert estimated_models(db, Filters()) == []
        db.execute("UPDATE sessions SET cost_source = 'prices' WHERE id = 'sub'")
        assert [(one.id, one.cost_source) for one in overview(db, Filters(), NOW).top] == [("top", "prices")]
        assert estimated_models(db, Filters()) == ["m-sub"]


def answer(session: str, cost: float) -> Record:
    info = {"id": f"msg_{session}", "sessionID": session, "role": "assistant", "modelID": f"m-{session}", "cost": cost}
    tokens = {"input": 9, "output": 9, "reasoning": 0, "cache": {"read": 0, "write": 0}}
    return event("message.updated", info=info | {"tokens": tokens, "time": {"created": NOW, "completed": NOW + 1}})
