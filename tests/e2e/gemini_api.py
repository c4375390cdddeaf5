"""Google's Gemini API, as Gemini CLI speaks it: a step of a script as its chunks."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from tests.e2e.step import Step

STREAM = ":streamGenerateContent"  # how the path of a request ends whose answer is streamed
_USAGE = {
    "promptTokenCount": 1200,
    "cachedContentTokenCount": 800,
    "candidatesTokenCount": 35,
    "thoughtsTokenCount": 10,
    "totalTokenCount": 1245,
}


def refusal(why: str) -> Any:
    return {"error": {"code": 401, "message": why, "status": "UNAUTHENTICATED"}}


def messages(request: Any) -> Any:
    return [
        {"role": {"model": "assistant"}.get(one["role"], "user"), "content": _texts(one)} for one in request["contents"]
    ]


def _texts(content: Any) -> str:
    return " ".join(part["text"] for part in content["parts"] if "text" in part)


def message(_: Any, step: Step) -> Any:
    return _response([{"text": step.text}, *_calls(step)], "STOP")


def stream(_: Any, step: Step) -> Iterator[tuple[str, str]]:
    """The chunks of an answer, each with the text in it."""
    if step.thought:
        yield "", _event([{"text": f"**Thought** {step.thought}", "thought": True}])
    for piece in step.pieces():
        yield piece, _event([{"text": piece}])
    yield "", _event(_calls(step), "STOP")


def _calls(step: Step) -> list[Any]:
    return [{"functionCall": {"name": name, "args": given}} for name, given in step.tools]


def _event(parts: list[Any], finish: str | None = None) -> str:
    return f"data: {json.dumps(_response(parts, finish))}\r\n\r\n"


def _response(parts: list[Any], finish: str | None) -> Any:
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
    return {
        "candidates": [candidate | ({"finishReason": finish} if finish else {})],
        "usageMetadata": _USAGE,
        "modelVersion": "gemini-2.5-pro",
        "responseId": uuid.uuid4().hex,
    }
