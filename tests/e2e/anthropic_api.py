"""Anthropic's Messages API: a step of a script as its messages and events."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from tests.e2e.step import Step


def refusal(why: str) -> Any:
    return {"type": "error", "error": {"type": "authentication_error", "message": why}}


def messages(request: Any) -> Any:
    return request["messages"]


def message(request: Any, step: Step) -> Any:
    content: list[Any] = []
    if step.thought:
        content.append({"type": "thinking", "thinking": step.thought, "signature": "c2lnbmF0dXJl"})
    if step.text:
        content.append({"type": "text", "text": step.text})
    for name, given in step.tools:
        content.append({"type": "tool_use", "id": f"toolu_01{uuid.uuid4().hex}", "name": name, "input": given})
    return {
        "id": f"msg_01{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": content,
        "stop_reason": "tool_use" if step.tools else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 11,
            "output_tokens": 101,
            "cache_read_input_tokens": 2001,
            "cache_creation_input_tokens": 340,
            "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 40},
        },
    }


def stream(request: Any, step: Step) -> Iterator[tuple[str, str]]:
    """The events of an answer, each with the text in it."""
    for text, event in _events(message(request, step), step):
        yield text, f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


def _events(message: Any, step: Step) -> Iterator[tuple[str, Any]]:
    started = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield "", {"type": "message_start", "message": started}
    for i, block in enumerate(message["content"]):
        empty: Any
        deltas: list[tuple[str, Any]]
        if block["type"] == "text":
            empty = {"type": "text", "text": ""}
            deltas = [(piece, {"type": "text_delta", "text": piece}) for piece in step.pieces()]
        elif block["type"] == "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                ("", {"type": "thinking_delta", "thinking": block["thinking"]}),
                ("", {"type": "signature_delta", "signature": block["signature"]}),
            ]
        else:
            empty = {**block, "input": {}}
            deltas = [("", {"type": "input_json_delta", "partial_json": json.dumps(block["input"])})]
        yield "", {"type": "content_block_start", "index": i, "content_block": empty}
        for text, delta in deltas:
            yield text, {"type": "content_block_delta", "index": i, "delta": delta}
        yield "", {"type": "content_block_stop", "index": i}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield "", {"type": "message_delta", "delta": ended, "usage": message["usage"]}
    yield "", {"type": "message_stop"}
