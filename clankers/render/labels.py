"""The words that all forms of a conversation share: who speaks, what a call was about, how it ended."""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple

from clankers.formatting import (
    clean,
    counted,
    local_time,
    session_title,
    short_cost,
    short_duration,
    short_number,
    sum_of_costs,
)
from clankers.queries.conversation import Compaction, Conversation, Failure, Message, Part, Session, ToolCall
from clankers.queries.tool_calls import patch, subject

_CODE = frozenset({"command", "cmd"})  # members of a call's input that are code
_REPLACED = (("old_string", "new_string"), ("oldString", "newString"))
_DIFFED = 4000  # lines of a replacement that are compared; more are shown without a comparison
_SILENT = frozenset(
    {"step-start", "step-finish", "snapshot", "patch", "compaction"}
)  # parts that say nothing to people
# What a terminal does for show: colours. All else that could steer one is made visible.
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_LINES = re.compile(r"\r*\n|\r")
_TAB = 8
_LONG = 80  # characters of what stands in one line with a call's name

Outcome = Literal["ok", "failed", "open"]


class Given(NamedTuple):
    """An argument of a call.

    Attributes:
        name: of the argument; `change` for what is replaced by what.
        text: its value.
        language: what it is written in, as a file name or a Pygments alias; empty where that is not known.
    """

    name: str
    text: str
    language: str


TAKEN_BACK = "taken back"  # of what the client removed: it was said all the same


def plain(text: str) -> str:
    r"""`text` without colours, with other control characters made visible, as `\x1b`; its lines stay lines."""
    return "\n".join(clean(line.expandtabs(_TAB)) for line in _LINES.split(_COLOURS.sub("", text)))


def facts(session: Session, inner: Sequence[Session]) -> list[str]:
    """The facts about a session, whose subagents are `inner`, each in a few words."""
    said = [
        session.source,
        session.agent,
        session.project_path,
        session.git_branch,
        local_time(session.created_at),
        *sums(session, inner),
        "its cost is included in its parent's" if session.cost_source == "parent" else "",
        f"forked from {session.forked_from}" if session.forked_from else "",
        f"deleted {local_time(session.deleted_at)}" if session.deleted_at is not None else "",
    ]
    return [clean(one) for one in said if one]


def sums(session: Session, inner: Sequence[Session]) -> list[str]:
    """Model, duration, amounts and cost of a session with its subagents `inner`, and how much of it was theirs."""
    ends = [at for at in (session.updated_at, session.ended_at) if at is not None]
    lasted = max(ends) - session.created_at if ends and session.created_at is not None else 0
    said = [
        session.model,
        short_duration(lasted),
        *_amounts([session, *inner]),
        f"of which {count(len(inner), 'subagent')}: {', '.join(_amounts(inner))}" if inner else "",
    ]
    return [clean(one) for one in said if one]


def _amounts(sessions: Sequence[Session]) -> list[str]:
    """The sums over sessions."""
    failed = sum(s.failed_calls for s in sessions)
    tokens = sum(s.prompt_tokens + s.completion_tokens + s.cache_read_tokens + s.cache_write_tokens for s in sessions)
    said = [
        count(sum(s.message_count for s in sessions), "message"),
        count(sum(s.tool_call_count for s in sessions), "tool call") + (f" ({failed:,} failed)" if failed else ""),
        count(sum(s.error_count for s in sessions), "error"),
        f"{short_number(tokens)} tokens" if tokens else "",
        _cost(*sum_of_costs((s.cost, s.cost_source) for s in sessions)),
    ]
    return [one for one in said if one]


def _cost(dollars: float | None, source: str | None) -> str:
    if source == "unknown":
        known = f"{short_cost(dollars, source)} and " if dollars else ""
        return f"{known}an unknown cost"
    return short_cost(dollars, source) + " estimated" * (source == "prices")


def count(n: int, what: str) -> str:
    """`n` things; empty for none."""
    return counted(n, what) if n else ""


def speaker(message: Message) -> str:
    """Who speaks: a person, the model, or the client."""
    if message.role == "user":
        return "The client" if message.synthetic else "You"
    return clean(message.model or message.role or "?")


def outcome(tool: ToolCall) -> Outcome:
    """How a call ended."""
    return "open" if tool.success is None else "ok" if tool.success else "failed"


def ended(tool: ToolCall) -> str:
    """How a call ended, and after how long."""
    status = clean(tool.status or "")
    said = [
        f"exit {tool.exit_code}" if tool.exit_code is not None else "",
        "" if status == "completed" or (status == "error" and tool.exit_code) else status,
        short_duration(tool.duration_ms),
    ]
    return ", ".join(one for one in said if one)


def about(tool: ToolCall) -> str:
    """What a call was about, in one line; empty if its input does not say."""
    found = subject(tool.tool_input, tool.file_path)
    return clean(found[1].strip()) if found else ""


def given(tool: ToolCall, *, full: bool) -> Iterator[Given]:
    """The input of a call without what `about` says; with `full` that too if it is long."""
    arguments = tool.tool_input
    if (patched := patch(arguments)) is not None:
        yield Given("change", plain(patched).removesuffix("\n"), "diff")
        return
    if not isinstance(arguments, dict):
        if arguments is not None:
            yield Given("", plain(arguments) if isinstance(arguments, str) else _json(arguments), "")
        return
    name = (subject(arguments, tool.file_path) or ("",))[0]
    left = dict(arguments)
    if name and not (full and _is_long(left[name])):
        left.pop(name)
    if name in _CODE and not full:
        left.pop("description", None)  # of the code, which stands there
    edits = left.get("edits")
    changes = [change for edit in edits if (change := _replacement(edit))] if isinstance(edits, list) else []
    if changes and len(changes) == len(left["edits"]):
        del left["edits"]
        yield from (_change(*change) for change in changes)
    if replaced := _replacement(left):
        for key in (key for pair in _REPLACED for key in pair):
            left.pop(key, None)
        yield _change(*replaced)
    for key, value in left.items():
        if isinstance(value, str):
            of_file = key in ("content", "new_source") and tool.file_path
            language = tool.file_path or "" if of_file else "bash" if key in _CODE else ""
            yield Given(clean(key), plain(value).removesuffix("\n"), clean(language))
        elif value is not None and value is not False:
            yield Given(clean(key), _json(value), "json" if isinstance(value, dict | list) else "")


def _is_long(value: Any) -> bool:
    """Whether a member says more than one line can show."""
    return not isinstance(value, str) or "\n" in value.strip() or len(value) > _LONG


def notes(message: Message) -> list[str]:
    """What a reader must know of a message beside its text."""
    return ["copied"] * bool(message.copied) + [TAKEN_BACK] * (message.deleted_at is not None)


def is_taken_back(message: Message, part: Part) -> bool:
    """Whether a part was taken back alone, and not with its message."""
    return part.deleted_at is not None and message.deleted_at is None


def result(tool: ToolCall) -> str:
    """The output of a call, and its error if the output does not contain it."""
    output, error = plain(tool.tool_output or "").strip("\n"), plain(tool.error_message or "").strip("\n")
    return output if error in output else "\n".join(one for one in (error, output) if one)


def said(part: Part) -> str:
    """What a part of a message says to a person; may be empty."""
    if part.text is not None:
        return plain(part.text).strip("\n")
    if part.type in _SILENT or not isinstance(part.data, dict):
        return f"[{clean(part.type or '?')}]" if part.type not in _SILENT and part.type != "tool" else ""
    named = next((v for k in ("filename", "url", "name") if isinstance(v := part.data.get(k), str) and v), "")
    return clean(f"[{part.type}{': ' * bool(named)}{named[:200]}]")


def failure(error: Failure) -> str:
    """A failure in one or more lines."""
    code = f" ({error.status_code})" if error.status_code is not None else ""
    again = ", tried again" if error.will_retry else ""
    return f"{clean(error.error_type or 'error')}{code}{again}: {plain(error.error_message or '')}"


def compacted(one: Compaction) -> str:
    """A compaction in one line."""
    sizes = [short_number(n) for n in (one.pre_tokens, one.post_tokens) if n is not None]
    became = f", {' → '.join(sizes)} tokens" if sizes else ""
    return f"Compacted{f' ({clean(one.trigger)})' if one.trigger else ''}{became}"


def repeated_by_error(message: Message, text: str) -> bool:
    """Whether a text of a message is the text of its error."""
    return any(plain(error.error_message or "").strip("\n") == text for error in message.errors)


def of_subagent(inner: Conversation) -> str:
    """A subagent's name, in one line."""
    title, agent = session_title(inner.session.title), inner.session.agent
    return f"{title}{f' ({clean(agent)})' if agent and agent not in title else ''}"


def shortened(text: str, lines: int, width: int) -> tuple[str, str]:
    """The first lines, and a note on what was left out; empty if nothing was."""
    all_lines = text.split("\n")
    shown = [line if len(line) <= width else line[:width] + "…" for line in all_lines[:lines]]
    left = len(all_lines) - len(shown)
    if left:
        return "\n".join(shown), f"… {count(left, 'more line')}"
    cut = sum(max(len(line) - width, 0) for line in all_lines)
    return "\n".join(shown), f"… {count(cut, 'more character')}" if cut else ""


def _replacement(edit: Any) -> tuple[str, str] | None:
    """The old and the new text of an edit."""
    if isinstance(edit, dict):
        for old, new in _REPLACED:
            if isinstance(edit.get(old), str) and isinstance(edit.get(new), str):
                return edit[old], edit[new]
    return None


def _change(old: str, new: str) -> Given:
    return Given("change", "\n".join(_diff(plain(old).split("\n"), plain(new).split("\n"))), "diff")


def _diff(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    if len(old) + len(new) > _DIFFED:
        yield from (f"-{line}" for line in old)
        yield from (f"+{line}" for line in new)
        return
    diff = islice(difflib.unified_diff(old, new, n=3, lineterm=""), 2, None)  # behind the files' names
    yield from (line for line in diff if not line.startswith("@@"))


def _json(value: Any) -> str:
    return plain(json.dumps(value, ensure_ascii=False, indent=2))
