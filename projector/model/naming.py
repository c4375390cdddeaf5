"""The ids, keys and names that clankers makes itself: of rows, equal reports, projects."""

from zlib import crc32

from msgspec import DecodeError
from msgspec.json import decode, encode

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
