"""The files of recorded sessions of the real Continue."""

import json
from pathlib import Path
from typing import Any

from tests.feeding import CAPTURES

FOLDER = CAPTURES / "continue"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text("utf-8"))
_SESSIONS = Path(".continue", "sessions")
_INDEX = "sessions.json"


def write(name: str, home: Path) -> None:
    """Put the files of a capture into `home`, and the paths in them; the index also lists the sessions there."""
    folder = home / _SESSIONS
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((FOLDER / name / "home" / _SESSIONS).iterdir()):
        content = json.loads(path.read_text("utf-8").replace("/home/dev", str(home)))
        target = folder / path.name
        if path.name == _INDEX and target.exists():
            ours = {entry["sessionId"] for entry in content}
            content += [entry for entry in json.loads(target.read_text("utf-8")) if entry["sessionId"] not in ours]
        target.write_text(json.dumps(content, indent=2), "utf-8")
