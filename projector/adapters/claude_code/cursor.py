"""Cursor's hooks: Cursor runs the hooks in Claude Code's settings, with payloads about its own sessions.

Its documentation calls that "Third Party Hooks". Its payloads have `cursor_version`; its transcripts lie in `.cursor`.
"""

import re

from msgspec import MsgspecError, Raw
from msgspec.json import Decoder

from clankers.log.reader import Event
from projector.adapters.claude_code.transcript_session import PREFIX
from projector.adapters.unknown import text_of
from projector.adapters.wire import ABSENT, Wire

_NAME = "Cursor"
_BELOW = re.compile(r"[/\\]\.cursor[/\\]")


class _Hook(Wire):
    cursor_version: Raw = ABSENT
    transcript_path: Raw = ABSENT


_decode = Decoder(_Hook).decode


def other_client(event: Event) -> str:
    """Cursor's name if it sent the hook `event`; empty for Claude Code's own."""
    if event.type.startswith(PREFIX) or b"cursor" not in bytes(event.payload):
        return ""
    try:
        hook = _decode(event.payload)
    except MsgspecError:
        return ""
    return _NAME if hook.cursor_version != ABSENT or _BELOW.search(text_of(hook.transcript_path)) else ""
