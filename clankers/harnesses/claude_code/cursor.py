"""Cursor's hooks: Cursor runs the hooks in Claude Code's settings, with payloads about its own sessions.

They are logged like any hook, but for the user's address, and announce no transcript of Claude Code.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ELIDED = "user_email"


def is_of_cursor(document: Any) -> bool:
    """Whether Cursor sent the hook `document`."""
    if not isinstance(document, dict):
        return False
    if document.get("cursor_version") is not None:
        return True
    path = document.get("transcript_path")
    return isinstance(path, str) and ".cursor" in path.replace("\\", "/").split("/")


def without_address(raw: bytes, document: dict[str, Any]) -> bytes:
    """The payload `raw` of Cursor's hook `document`, with the user's address elided."""
    if _ELIDED not in document:
        return raw
    from clankers.ingest.json_items import elided  # only here is there anything to leave out

    return elided(raw, _ELIDED)
