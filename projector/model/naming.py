"""The ids, keys and names that clankers makes itself: of rows, equal reports, projects."""

import re
from zlib import crc32

from msgspec import DecodeError
from msgspec.json import decode, encode

_COUNTED = re.compile(r"[A-Za-z_.:-]*\d{0,6}")
HOOK_PREFIX = "hook:"  # ids of rows that stand for a hook's report; no client gives such an id


def scoped_id(id: str, within: str) -> str:
    """The row id for a client's `id` that is unique only within a session or request."""
    return f"{within}/{id}"


def text_key(text: str) -> str:
    """The `HookReport.match_key` of a prompt or answer; clients trim some reports of a text and not others."""
    return f"{crc32(text.strip().encode('utf-8', 'replace')):08x}"


def call_key(tool: str | None, tool_input: str | None) -> str:
    """Equal for two reports of one call that share no id: by the tool and its input, however that is written."""
    try:
        value = decode(tool_input or "null")
    except DecodeError:
        value = tool_input
    return f"{crc32(encode([tool, value], order='deterministic')):08x}"


def project_name(path: str) -> str:
    """The name of a project that has no other: the last part of its path."""
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def call_row_id(id: str, session: str) -> str:
    """The row id for a server's id of a tool call: itself, or scoped to the session if it is only a name and a count.

    Some servers number the calls of each session, as `call_0` or `functions.bash:1`.
    """
    return scoped_id(id, session) if _COUNTED.fullmatch(id) else id
