"""Prompts: what a person asks most often of the history, as a start for the agent."""

from collections.abc import Mapping
from typing import NamedTuple

from clankers.mcp.paging import ToolError


class HistoryPrompt(NamedTuple):
    """A prompt.

    Attributes:
        argument: its only one, and what that is.
        text: with the argument as `{}`.
    """

    name: str
    title: str
    argument: tuple[str, str]
    text: str


PROMPTS = (
    HistoryPrompt(
        "continue_session",
        "Continue a session",
        ("session", "The session's id, the beginning of one, or last."),
        "Read the session {} with the tool read_session, to its end. Sum up what was to be done, what is done and what "
        "is left, as far as the record shows it, compare that with the files as they are now, and go on with what is "
        "left.",
    ),
    HistoryPrompt(
        "what_did_i_do",
        "What did I do on a day?",
        ("day", "Such as yesterday, monday or 2026-11-20."),
        "What did I do on this day: {}? List the day's sessions with the tool list_sessions (since and until are that "
        "day), read what you need with read_session, and answer by project: what was done, what was decided, what is "
        "left. Name the session's id behind each statement.",
    ),
    HistoryPrompt(
        "why_this_file",
        "Why does this file look so?",
        ("path", "A file, or the end of its path."),
        "Why does {} look as it does? Find who edited it with the tool files, read the prompts and calls behind the "
        "edits with read_session and read_tool_call, and answer with the reasons that stand in the record. Name the "
        "session's id behind each statement, and say what the record does not tell.",
    ),
)


def prompt(name: str, arguments: Mapping[str, str]) -> str:
    """The text of the prompt `name`.

    Raises:
        ToolError: there is none, or its argument is missing.
    """
    for one in PROMPTS:
        if one.name == name:
            given = arguments.get(one.argument[0], "").strip()
            if not given:
                raise ToolError(f"the prompt {name} needs the argument {one.argument[0]}: {one.argument[1]}")
            return one.text.format(given)
    raise ToolError(f"there is no prompt {name!r}; there are {', '.join(one.name for one in PROMPTS)}")
