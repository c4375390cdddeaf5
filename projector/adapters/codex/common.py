"""What the adapters of Codex' hooks and rollouts share."""

import re
from typing import NamedTuple

from msgspec.json import decode

from projector.adapters.base import Tools
from projector.adapters.codex.wire import TokenUsage
from projector.model.changes import Change, Todo, TodosSeen
from projector.model.evidence import Spent
from projector.model.naming import scoped_id

SOURCE = "codex"
PATCH = "apply_patch"
PLAN = "update_plan"
SPAWN = "spawn_agent"
TOOLS = Tools(editing=frozenset({PATCH}), subtask=frozenset({SPAWN}), path_keys=("file_path", "path"))

# Ids of the OpenAI API and UUIDs are unique everywhere. Other servers count: theirs are unique within a thread only.
_UNIQUE = re.compile(r"(?:call|resp|ws|fc|ctc)_\w{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID7 = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
# How the id of a rollout's line begins (`clankers.harnesses.codex.rollout_files`): the thread, the file that a rewind
# began, and the place in it.
_PLACE = re.compile(r"([^/@#]+)(?:/([^/@#]+))?@(\d{1,15})#")
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)


class LinePlace(NamedTuple):
    """Where a line of a rollout is: the thread, which of its files, and the bytes before it."""

    thread: str
    file: str
    offset: int


def place_of(id: str) -> LinePlace | None:
    """The place of the line that the record `id` holds; None if it is no line of a rollout."""
    found = _PLACE.match(id)
    return LinePlace(found[1], found[2] or "", int(found[3])) if found else None


def row_id(id: str, thread: str) -> str:
    """The row id for the server's or the client's `id`: itself if it is unique everywhere, else scoped to `thread`."""
    return id if _UNIQUE.fullmatch(id) else scoped_id(id, thread)


def is_older(id: str, thread: str) -> bool:
    """Whether `id` was made before `thread`. Both say when they were made, or nothing is known."""
    one, other = _UUID7.fullmatch(id), _UUID7.fullmatch(thread)
    return bool(one and other and one.groups() < other.groups())


def spent(usage: TokenUsage | None) -> Spent | None:
    """The tokens of a response: what the cache had is a part of the input, reasoning is a part of the output."""
    if usage is None or usage.input_tokens is None:
        return None
    read, write = usage.cached_input_tokens, usage.cache_write_input_tokens
    prompt = max(0, usage.input_tokens - (read or 0) - (write or 0))
    return Spent(prompt, usage.output_tokens, usage.reasoning_output_tokens, read, write)


def patched_files(patch: str) -> list[str]:
    """The files that a patch adds, changes or deletes, as it names them."""
    return [path.strip() for path in _PATCHED.findall(patch)]


def plan_in(session: str, at: int, rank: int, arguments: object) -> list[Change]:
    """The to-do list in the arguments of the tool that replaces it."""
    plan = arguments.get("plan") if isinstance(arguments, dict) else None
    if not isinstance(plan, list):
        return []
    steps = [one for one in plan if isinstance(one, dict) and isinstance(one.get("step"), str)]
    todos = [Todo(one["step"], status if isinstance(status := one.get("status"), str) else None) for one in steps]
    return [TodosSeen(session, SOURCE, at, rank, todos)]


def parsed(text: object) -> object:
    """The JSON in `text`; None if it is none."""
    try:
        return decode(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
