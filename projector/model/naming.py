"""The ids, keys and names that clankers makes itself: of rows, equal reports, projects."""

from zlib import crc32

HOOK_PREFIX = "hook:"  # ids of rows that stand for a hook's report; no client gives such an id


def scoped_id(id: str, within: str) -> str:
    """The row id for a client's `id` that is unique only within a session or request."""
    return f"{within}/{id}"


def text_key(text: str) -> str:
    """The `HookReport.match_key` of a prompt or answer; clients trim some reports of a text and not others."""
    return f"{crc32(text.strip().encode('utf-8', 'replace')):08x}"


def project_name(path: str) -> str:
    """The name of a project that has no other: the last part of its path."""
    return path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
