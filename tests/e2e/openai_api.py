"""OpenAI's chat completions, streamed, as compatible servers speak them: a step of a script as its chunks."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from tests.e2e.step import Step

_USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 45,
    "total_tokens": 1245,
    "prompt_tokens_details": {"cached_tokens": 800},
    "completion_tokens_details": {"reasoning_tokens": 10},
}


def refusal(why: str) -> Any:
    return {"error": {"message": why, "type": "invalid_request_error", "code": "invalid_api_key"}}


def messages(request: Any) -> Any:
    return request["messages"]


def stream(request: Any, step: Step) -> Iterator[tuple[str, str]]:
    """The chunks of an answer, each with the text in it."""
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": "chat.completion.chunk", "model": request["model"]}

    def chunk(delta: Any, finish: str | None = None) -> str:
        return _line({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    yield "", chunk({"role": "assistant", "content": ""})
    if step.thought:
        yield "", chunk({"reasoning_content": step.thought})
    for piece in step.pieces():
        yield piece, chunk({"content": piece})
    for i, (name, given) in enumerate(step.tools):
        call = {"name": name, "arguments": json.dumps(given)}
        id = f"call_{uuid.uuid4().hex}"
        yield "", chunk({"tool_calls": [{"index": i, "id": id, "type": "function", "function": call}]})
    yield "", chunk({}, "tool_calls" if step.tools else "stop")
    yield "", _line({**head, "choices": [], "usage": _USAGE})
    yield "", "data: [DONE]\n\n"


def _line(chunk: Any) -> str:
    return f"data: {json.dumps(chunk)}\n\n"
