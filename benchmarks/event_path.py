"""How far an event goes through the code: `python -m benchmarks.event_path [CHECKOUT]`, of this one or of another.

For each way the functions of ours that run, in how many modules, and how often a call goes to another module than the
call before it: where somebody who follows it in a debugger is taken to. A way is a command, from its options to its
output, in a process of its own; what runs while modules are imported is not counted.
"""

import gzip
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

_TRACER = """
import json, sys, threading
folder, out = sys.argv[1:3]
sys.path.insert(0, folder)
del sys.argv[1:3]
ours = folder + "/clankers/", folder + "/projector/"
ran, switches, last = set(), 0, None

def profile(frame, event, _):
    global switches, last
    name = frame.f_code.co_filename
    if event != "call" or frame.f_code.co_name.startswith("<") or not name.startswith(ours):
        return
    above = frame.f_back
    while above:
        if above.f_code.co_name == "<module>" and above.f_code.co_filename.startswith(ours):
            return
        above = above.f_back
    ran.add((name, frame.f_code.co_qualname))
    switches += last not in (name, None)
    last = name

from clankers.__main__ import main
threading.setprofile(profile)
sys.setprofile(profile)
try:
    code = main()
finally:
    sys.setprofile(None)
    with open(out, "w") as f:
        json.dump([len(ran), len({name for name, _ in ran}), switches], f)
sys.exit(code)
"""

_SESSION = "11111111-2222-4333-8444-555555555555"
_AT = {"created": 1_700_000_000_000, "updated": 1_700_000_000_000}


class _Way:
    """A checkout, and a home of its own for one way of an event."""

    def __init__(self, checkout: Path, home: Path) -> None:
        self._checkout = checkout
        self._home = home
        home.mkdir()
        self.transcript = home / ".claude" / "projects" / "p" / f"{_SESSION}.jsonl"
        self.transcript.parent.mkdir(parents=True)
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("CLANKERS_", "CLAUDE_", "OPENCODE_", "SESSION_", "XDG_"))
        } | {"HOME": str(home), "CLANKERS_DATA_PATH": str(home / "data")}

    def run(self, *args: str, given: object = None, **env: str) -> list[int]:
        """What `clankers ARGS`, with `given` on stdin, goes through: functions, modules, switches."""
        out = self._home / "trace"
        subprocess.run(
            [sys.executable, "-c", _TRACER, str(self._checkout), str(out), *args],
            input=json.dumps(given).encode() + b"\n",
            env=self._environment | env,
            stdout=subprocess.DEVNULL,
            cwd=self._home,
            check=True,
        )
        found: list[int] = json.loads(out.read_text("utf-8"))
        return found

    def hook(self) -> list[int]:
        """A hook that ends a tool call, with a new line in the transcript."""
        prompt = {"type": "user", "uuid": "u-1", "message": {"role": "user", "content": "hello"}}
        self.transcript.write_text(
            json.dumps({**prompt, "sessionId": _SESSION, "timestamp": "2026-11-20T12:00:00.000Z"}) + "\n", "utf-8"
        )
        hook = {
            "session_id": _SESSION,
            "transcript_path": str(self.transcript),
            "cwd": str(self._home),
            "hook_event_name": "PostToolUse",
            "tool_name": "Bash",
            "tool_use_id": "toolu_1",
            "tool_input": {"command": "true"},
            "tool_response": {"stdout": "", "stderr": "", "interrupted": False},
        }
        return self.run("append", "claude-code", given=hook)

    def document(self) -> list[int]:
        """A session as OpenCode's plugin reports it."""
        info = {"id": "ses_1", "directory": "/src/shop", "title": "t", "version": "1.18.33", "time": _AT}
        return self.run("append", "opencode", given={"type": "session.created", "properties": {"info": info}})

    def message(self) -> list[int]:
        """A message of that session."""
        info = {"id": "msg_1", "sessionID": "ses_1", "role": "user", "time": _AT}
        return self.run("append", "opencode", given={"type": "message.updated", "properties": {"info": info}})


def ways(checkout: Path, folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Each way of an event through the code of `checkout`, with what it goes through."""
    claude, opencode = _Way(checkout, folder / "claude"), _Way(checkout, folder / "opencode")
    yield "hook -> log", claude.hook()
    yield "OpenCode document -> log", opencode.document()
    yield "log -> row, by hook", claude.run("project")
    opencode.message()
    yield "log -> row, OpenCode", opencode.run("project")
    yield "sessions", opencode.run("sessions")
    with _acknowledging() as url:
        settings = {"SESSION_API_URL": url, "SESSION_API_KEY": "0123456789abcdef0123456789abcdef"}
        yield "sync of one session", opencode.run("sync", **settings)


@contextmanager
def _acknowledging() -> Iterator[str]:
    """A server that acknowledges everything."""
    server = HTTPServer(("127.0.0.1", 0), _Acknowledges)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Acknowledges(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        answer = json.dumps({"ok": True, "digest": hashlib.sha256(body).hexdigest()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    """Print the table."""
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    print("| way | functions | modules | switches |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="clankers-path-") as folder:
        for name, found in ways(checkout, Path(folder)):
            print(f"| {name} | {' | '.join(map(str, found))} |", flush=True)


if __name__ == "__main__":
    main()
