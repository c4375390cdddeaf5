"""A scripted stand-in for the Anthropic Messages API, on loopback.

The script is chosen by the last `[[name]]` in a user's text; its next step is served at each request that has tools.
"""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Step = dict[str, Any]
_NAME = re.compile(r"\[\[(\w+)\]\]")


class MockModel:
    """The server; `url` is what ANTHROPIC_BASE_URL gets, `tool_calls` counts the tool calls that it asked for."""

    def __init__(self, scripts: dict[str, list[Step]]) -> None:
        self.scripts = {name: iter(steps) for name, steps in scripts.items()}
        self.tool_calls = 0
        self.lock = threading.Lock()
        model = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                self.answer(200, {"data": [], "has_more": False})

            def do_HEAD(self) -> None:
                self.answer(200, {})

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if not self.path.split("?")[0].endswith("/v1/messages"):
                    self.answer(200, {"input_tokens": 10})
                    return
                step = model.step(request)
                if "error" in step:
                    status, kind, message = step["error"]
                    self.answer(status, {"type": "error", "error": {"type": kind, "message": message}})
                    return
                message = model.message(request, step)
                if request.get("stream"):
                    self.stream(message)
                else:
                    self.answer(200, message)

            def answer(self, status: int, body: Any) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def stream(self, message: Any) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                for event in events(message):
                    self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
                self.close_connection = True

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def step(self, request: Any) -> Step:
        """What to answer to `request`."""
        names = _NAME.findall(" ".join(texts(request)))
        if not names or not request.get("tools"):
            return {"text": "{}"}  # the client's own small questions, as for a title
        with self.lock:
            return next(self.scripts[names[-1]], {"text": "(the script is at its end)"})

    def message(self, request: Any, step: Step) -> Any:
        content: list[Any] = [{"type": "text", "text": step["text"]}] if "text" in step else []
        for name, given in step.get("tools", []):
            content.append({"type": "tool_use", "id": f"toolu_01{uuid.uuid4().hex}", "name": name, "input": given})
            self.tool_calls += 1
        return {
            "id": f"msg_01{uuid.uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": content,
            "stop_reason": "tool_use" if step.get("tools") else "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": 11,
                "output_tokens": 101,
                "cache_read_input_tokens": 2001,
                "cache_creation_input_tokens": 340,
                "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 40},
            },
        }


def texts(request: Any) -> Iterator[str]:
    for message in request.get("messages", []):
        if message["role"] == "user":
            content = message["content"]
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            yield from (b["text"] for b in blocks if b.get("type") == "text")


def events(message: Any) -> Iterator[Any]:
    """`message` as the API streams it."""
    started = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": started}
    empty: Any
    delta: Any
    for i, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": i, "content_block": empty}
        yield {"type": "content_block_delta", "index": i, "delta": delta}
        yield {"type": "content_block_stop", "index": i}
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": message["usage"]}
    yield {"type": "message_stop"}


@contextmanager
def serving(scripts: dict[str, list[Step]]) -> Iterator[MockModel]:
    """A mock model that serves until the block ends."""
    model = MockModel(scripts)
    thread = threading.Thread(target=model.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.server.shutdown()
        model.server.server_close()
        thread.join()
