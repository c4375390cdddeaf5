"""A scripted stand-in for a model, on loopback: the APIs of Anthropic (Messages), OpenAI (two) and Google (Gemini).

The script is the one named by the last `[[name]]` in a user's text. Which of its steps is the answer is told by how
often the model has spoken since: so the same prompt gets the same answers, however often it is given.
"""

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.e2e import anthropic_api, gemini_api, openai_api, responses_api
from tests.e2e.step import Step

_NAME = re.compile(r"\[\[(\w+)\]\]")


class Model:
    """The server at `url`.

    Attributes:
        asked: the names of the tools that it asked for, a name a call.
        served: the steps that a client received in full, requests beside the conversation included.
        sent: the pieces of text that it has streamed, each with its time (`time.monotonic`).
    """

    def __init__(self, scripts: dict[str, list[Step]]) -> None:
        self.scripts = scripts
        self.asked: list[str] = []
        self.served: list[Step] = []
        self.sent: list[tuple[float, str]] = []
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
                path = self.path.split("?")[0]
                if path.endswith("/v1/messages"):
                    api: Any = anthropic_api
                elif path.endswith("/v1/chat/completions"):
                    api = openai_api
                elif path.endswith("/v1/responses"):
                    api = responses_api
                elif path.endswith((gemini_api.STREAM, ":generateContent")):
                    api = gemini_api
                else:
                    self.answer(200, {"input_tokens": 10})
                    return
                step = model.step(request, api.messages(request))
                model.asked += [name for name, _ in step.tools]
                if step.refused:
                    status, why = step.refused
                    self.answer(status, api.refusal(why))
                    return
                if request.get("stream") or path.endswith(gemini_api.STREAM):
                    with suppress(BrokenPipeError, ConnectionResetError):  # the client was killed
                        self.stream(api.stream(request, step), step.delay)
                        model.served.append(step)
                else:
                    self.answer(200, api.message(request, step))
                    model.served.append(step)

            def answer(self, status: int, body: Any) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def stream(self, events: Iterator[tuple[str, str]], delay: float) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                for text, event in events:
                    self.wfile.write(event.encode())
                    if text:
                        model.sent.append((time.monotonic(), text))
                        time.sleep(delay)  # how fast the model speaks is part of the script
                self.close_connection = True

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def step(self, request: Any, messages: Iterable[Any]) -> Step:
        """What to answer to `request`, whose conversation is `messages`."""
        script: list[Step] = []
        spoken = 0
        for message in messages:
            if message["role"] == "assistant":
                spoken += 1
            elif message["role"] == "user" and (names := _NAME.findall(_text(message["content"]))):
                script, spoken = self.scripts[names[-1]], 0
        if not request.get("tools"):
            return Step("A title")  # the client's own small questions
        return script[min(spoken, len(script) - 1)] if script else Step("What?")


def _text(content: Any) -> str:
    return content if isinstance(content, str) else " ".join(b["text"] for b in content if "text" in b["type"])


@contextmanager
def serving(scripts: dict[str, list[Step]]) -> Iterator[Model]:
    """A model that serves until the block ends."""
    model = Model(scripts)
    thread = threading.Thread(target=model.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.server.shutdown()
        model.server.server_close()
        thread.join()
