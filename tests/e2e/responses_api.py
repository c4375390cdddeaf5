"""OpenAI's Responses API, streamed: a step of a script as its events."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

from tests.e2e.step import Step

_USAGE = {
    "input_tokens": 1200,
    "input_tokens_details": {"cached_tokens": 800, "cache_write_tokens": 100},
    "output_tokens": 45,
    "output_tokens_details": {"reasoning_tokens": 10},
    "total_tokens": 1245,
}
_AGENT = re.compile(r"agent_id\W+([0-9a-f-]{36})")  # in what the tool said that spawned one


def refusal(why: str) -> Any:
    return {"error": {"message": why, "type": "invalid_request_error", "code": "invalid_api_key"}}


def messages(request: Any) -> Iterator[Any]:
    """The conversation so far; what the model said and asked for in one answer is one message."""
    speaks = False
    for item in request["input"]:
        if item.get("role") in ("user", "developer"):
            speaks = False
            yield item
        elif item["type"].endswith("_output"):
            speaks = False
        elif not speaks:
            speaks = True
            yield {"role": "assistant"}


def stream(request: Any, step: Step) -> Iterator[tuple[str, str]]:
    """The events of an answer, each with the text in it."""
    items = list(_items(request, step))
    response = {"id": f"resp_{uuid.uuid4().hex}", "object": "response", "model": request["model"]}
    yield "", _event("response.created", response={**response, "status": "in_progress", "output": []})
    for at, item in enumerate(items):
        where = {"item_id": item["id"], "output_index": at}
        yield "", _event("response.output_item.added", output_index=at, item=item)
        if item["type"] == "message":
            for piece in step.pieces():
                yield piece, _event("response.output_text.delta", content_index=0, delta=piece, **where)
        yield "", _event("response.output_item.done", output_index=at, item=item)
    done = {**response, "status": "completed", "output": items, "usage": _USAGE}
    yield "", _event("response.completed", response=done)


def _items(request: Any, step: Step) -> Iterator[Any]:
    if step.thought:
        summary = [{"type": "summary_text", "text": step.thought}]
        yield {"type": "reasoning", "id": _id("rs"), "summary": summary, "encrypted_content": "bm9uZQ=="}
    if step.text:
        content = [{"type": "output_text", "text": step.text, "annotations": []}]
        yield {"type": "message", "id": _id("msg"), "role": "assistant", "status": "completed", "content": content}
    for tool, given in step.tools:
        namespace, _, name = tool.rpartition(".")
        call = {"call_id": _id("call"), "name": name, "status": "completed"}
        if isinstance(given, str):  # a tool that takes text
            yield {"type": "custom_tool_call", "id": _id("ctc"), "input": given, **call}
            continue
        agents = _AGENT.findall(json.dumps(request["input"]))
        arguments = json.dumps(given).replace("AGENT", agents[-1] if agents else "")
        more = {"namespace": namespace} if namespace else {}
        yield {"type": "function_call", "id": _id("fc"), "arguments": arguments, **call, **more}


def _id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"
