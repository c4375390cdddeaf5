"""Conversations for `show` and `export`: recorded ones, and one with all that a page must bear."""

import shutil
from pathlib import Path
from typing import Any

from clankers.log.writer import file_name
from tests.commands import HOSTILE, NOW, event, session
from tests.feeding import Record, append, feed_transcripts, project

SAMPLE = Path(__file__).parent / "captures" / "sample.jsonl"
GITHUB = "ghp_" + "a1B2" * 9
ANSWER = f"""A **plan** with `code`, ~~old~~, a [link](https://example.org/a?b=1&c=2), a [bad](javascript:alert(1)) one,
[rel](src/a.py), <https://example.org>, <script>alert(1)</script> and an image ![pixel](https://evil.example/p.png).

# Heading

1. first
   - nested `<x>`

| a | b | long column |
|---|--:|:-:|
| 1 | 2 | {"wide " * 40}|

```python
def f(x: int) -> str:
    return f"{{x!r}}" if x else None
```

```
<b>plain</b> {"x" * 200}
```

שלום עולם — right to left. 日本語 🎉 {HOSTILE}
</details><style>*{{display:none}}</style>

~~~sh
echo never closed
"""


def demo(root: Path, log: Path = SAMPLE, day: str = "2026-11-20") -> Path:
    """The sample's log, or another, replayed into `root`."""
    root.mkdir(parents=True)
    shutil.copy(log, root / file_name(day))
    project(root).close()
    return root


def recorded(root: Path, *names: str) -> Path:
    """Captures of Claude Code, from their transcripts."""
    for name in names:
        feed_transcripts(name, root, root.parent / "home", "/home/dev")
    project(root).close()
    return root


def talk(root: Path) -> Path:
    """A session with all kinds of pieces, and text that would do harm."""
    append(root, _talk())
    project(root).close()
    return root


def _message(id: str, role: str, at: int, **more: Any) -> Record:
    time = {"created": NOW + at * 1000, "completed": NOW + at * 1000 + 500}
    info = {"id": id, "sessionID": "ses_talk", "role": role, "time": time, "modelID": "mock-1", "providerID": "p"}
    return event("message.updated", info=info | more)


def _part(id: str, message: str, **more: Any) -> Record:
    more = {"time": {"start": NOW, "end": NOW + 1}} | more
    return event("message.part.updated", part={"id": id, "messageID": message, "sessionID": "ses_talk"} | more)


def _call(id: str, name: str, given: dict[str, Any], result: str, at: int, **state: Any) -> Record:
    time = {"start": NOW + at * 1000, "end": NOW + at * 1000 + 700}
    told = {"status": "completed", "input": given, "output": result, "title": "", "metadata": {}, "time": time} | state
    return _part(id, "msg_2", type="tool", tool=name, callID=f"call_{id}", state=told)


def _talk() -> list[Record]:
    return [
        session("ses_talk", title=f"Fix the <b>login</b> 🎉 {HOSTILE}"),
        _message("msg_1", "user", 1),
        _part(
            "prt_10",
            "msg_1",
            type="text",
            text=f"*Fix* the login:\n```\n# code\n<script>alert('x')</script>\n{HOSTILE}",
        ),
        _message("msg_2", "assistant", 2),
        _part("prt_20", "msg_2", type="reasoning", text="I should look <i>first</i>."),
        _part("prt_21", "msg_2", type="text", text=ANSWER),
        _call(
            "prt_22",
            "bash",
            {"command": 'set -e\necho "<$f>"\n', "description": "Say"},
            f"\x1b[32mok\x1b[0m\n{HOSTILE}",
            3,
        ),
        _call(
            "prt_23", "write", {"filePath": "/src/shop/a.py", "content": "import os\n\n\nclass A: ...\n"}, "Wrote", 4
        ),
        _call(
            "prt_24",
            "edit",
            {"filePath": "/src/shop/a.py", "oldString": "a\nb\nc", "newString": "a\nB\nc\nd"},
            "Edited",
            5,
        ),
        _call("prt_25", "bash", {"command": "false"}, "", 6, metadata={"exit": 1}),
        _call("prt_26", "fetch", {"url": "https://example.org", "deep": [1, {"b": None}]}, "line\n" * 200, 7),
        _call("prt_27", "bash", {"command": "sleep 1"}, "", 8, status="running", output=None, time={"start": NOW}),
        _message(
            "msg_3", "assistant", 9, error={"name": "APIError", "data": {"message": "Busy <b>", "statusCode": 529}}
        ),
        _message("msg_4", "user", 20),
        _part("prt_40", "msg_4", type="file", filename="shot.png", mime="image/png", url="data:image/png;base64,AAAA"),
        _part("prt_41", "msg_4", type="text", text=f"my key is {GITHUB}, keep it"),
    ]
