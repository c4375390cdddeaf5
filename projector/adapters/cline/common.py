"""What the adapters of Cline's session files and hooks share."""

import re
from typing import NamedTuple

from clankers.log.reader import Event
from projector.adapters.base import Tools
from projector.model.evidence import HookReport
from projector.model.naming import HOOK_PREFIX, text_key

SOURCE = "cline"
PATCH = "apply_patch"  # the tool whose input is a patch of several files
TOOLS = Tools(
    editing=frozenset({"editor", PATCH}),
    subtask=frozenset({"spawn_agent"}),
    path_keys=("path", "file_path", "filePath"),
)
ERROR = "error"  # the type of every error: the record has only its text
MANIFEST, COMPACTION = "manifest", "compaction"

# How the id of a record from a file begins (`clankers.harnesses.cline.session_files`).
_PLACE = re.compile(r"([^/@\[#]+)(?:/([^/@\[#]+))?[\[#]")
_TEAM_TASK = "__teamtask__"
_NOTICE = re.compile(r"<mode_notice>.*?</mode_notice>\s*", re.DOTALL)
# How text begins that the client puts in the user's place.
BY_CLIENT = ("[TASK RESUMPTION]", "The user approved switching to act mode.")
_INPUT = re.compile(r"<user_input\b[^>]*>(.*)</user_input>", re.DOTALL)


class FilePlace(NamedTuple):
    """Where a record of a file is.

    Attributes:
        root: the session in whose directory it is.
        part: `manifest`, `compaction`, `db:...` or the name of a subagent's file; empty for the session's messages.
    """

    root: str
    part: str


def place_of(event: Event) -> FilePlace | None:
    """Where the record `event` is; None for an event that is not of a file."""
    found = _PLACE.match(event.id)
    return FilePlace(found[1], found[2] or "") if found else None


def subagent_session(agent: str, root: str) -> str:
    """The session of the subagent `agent`, as the client names it."""
    return f"{root}__{agent}"


def owner(event: Event) -> str | None:
    """The session in whose files a record is; None for an event that is not of a file."""
    if (place := place_of(event)) is None:
        return None
    if place.part.startswith("db:"):
        return place.part.removeprefix("db:")
    if place.part in ("", MANIFEST, COMPACTION):
        return place.root
    agent, separator, task = place.part.rpartition("__")
    return f"{place.root}{_TEAM_TASK}{agent}__{task}" if separator else subagent_session(place.part, place.root)


def typed(text: str) -> tuple[str | None, str]:
    """What a person typed in `text`, None where the client marks nothing as typed; and what stands around it."""
    found = _INPUT.search(text)
    if not found:
        return None, text
    notices = "".join(_NOTICE.findall(found[1]))
    around = text[: found.start()] + notices + text[found.end() :]
    return _NOTICE.sub("", found[1]), around.strip()


def prompt_report(session: str, prompt: str, at: int) -> HookReport:
    """A prompt that the messages should hold too: they do not where the client was killed before its answer.

    The manifest and a hook report the first prompt at different times, so the time is not in the id.
    """
    key = text_key(prompt)
    return HookReport(f"{HOOK_PREFIX}prompt:{session}:{key}", session, SOURCE, "prompt", key, prompt, at)
