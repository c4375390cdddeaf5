"""Adds our hooks to the text of a YAML file, finds them and removes them, line by line: all other lines stay.

The hooks stand in it as events below the key `hooks`, each with a list of items. No YAML is parsed, so comments stay.
A text is changed only if its lines show what they are: at the left margin are keys, comments and items of lists, and
below `hooks` are blocks of events with blocks of items.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

_MARGIN = re.compile(r"""(?:[#\s]|-[ ]|(?:[A-Za-z_][\w.-]*|"[^"\\]*"|'[^']*'):(?:\s|$))""")
_HOOKS = re.compile(r"""(?:hooks|"hooks"|'hooks'):(?P<value>[^#]*)""")
_EVENT = re.compile(r"""[ ]+["']?(\w+)["']?:(?:[ ]+(?P<value>[^#\s]))?""")
_ITEM = re.compile(r"([ ]+)- ")
_EMPTY = ("", "{}", "~", "null")  # how no hooks are written


class YAMLError(ValueError):
    """The text is of a form that is not changed; the message says where and why."""


@dataclass
class _Event:
    """An event with its items, and the lines between them: comments and blank ones, or what is no list.

    Attributes:
        inline: it has a value in its own line.
    """

    name: str
    header: str
    inline: bool = False
    groups: list[list[str]] = field(default_factory=list)

    def items(self) -> list[list[str]]:
        return [lines for lines in self.groups if _ITEM.match(lines[0])]

    def go_on(self, line: str) -> None:
        """Add a line of the last item, to which the comments before it belong too; without one, of what is no list."""
        at = max((n for n, lines in enumerate(self.groups) if _ITEM.match(lines[0])), default=0)
        self.groups[at:] = [[*chain(*self.groups[at:]), line]]


@dataclass
class _Text:
    """A text around its hooks.

    Attributes:
        head: the line of the key `hooks`; empty if there is none.
        loose: comments and blank lines before the first event.
    """

    before: list[str]
    head: str = ""
    loose: list[str] = field(default_factory=list)
    events: list[_Event] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        events = [line for event in self.events for lines in ([event.header], *event.groups) for line in lines if line]
        return "".join([*self.before, self.head, *self.loose, *events, *self.after])


def add_hooks(text: str, hooks: Mapping[str, Mapping[str, str | int]]) -> str:
    """`text` with each definition at the end of its event's list.

    Raises:
        YAMLError: as the class says.
    """
    found = _parsed(text)
    if not found.head and found.before and not found.before[-1].endswith("\n"):
        found.before[-1] += "\n"
    found.head = "hooks:\n"
    by_name = {event.name: event for event in found.events}
    indent = _indent(found.events[0].header) if found.events else 2
    for name, hook in hooks.items():
        if name not in by_name:
            by_name[name] = _Event(name, f"{' ' * indent}{name}:\n")
            found.events.append(by_name[name])
        event = by_name[name]
        items = event.items()
        if event.inline or (not items and any(map(_content, chain(*event.groups)))):
            raise YAMLError(f"{name} has no list of lines below it")
        margin = _indent(items[0][0]) if items else indent + 2
        keys = [f"{key}: {json.dumps(value)}\n" for key, value in hook.items()]
        item = [" " * margin + ("  " if n else "- ") + key for n, key in enumerate(keys)]
        last = max((n for n, lines in enumerate(event.groups) if lines in items), default=-1)
        event.groups.insert(last + 1, item)
    return str(found)


def remove_hooks(text: str, command: str) -> str:
    """`text` without the items that run `command`, and with them the keys that become empty.

    Raises:
        YAMLError: as the class says.
    """
    found = _parsed(text)
    if not any(_runs(item, command) for event in found.events for item in event.items()):
        return text
    for event in found.events:
        if any(_runs(item, command) for item in event.items()):
            event.groups = [lines for lines in event.groups if not _runs(lines, command)]
            event.header = event.header if event.items() else ""
    if not any(event.header for event in found.events):
        found.head = ""
    return str(found)


def events_that_run(text: str, command: str) -> set[str]:
    """The events that have an item which runs `command`; none if the text is of a form that is not changed."""
    try:
        events = _parsed(text).events
    except YAMLError:
        return set()
    return {event.name for event in events if any(_runs(item, command) for item in event.items())}


def _runs(item: Iterable[str], command: str) -> bool:
    """Whether an item runs `command`, however YAML quotes and folds it: quotes, backslashes and blanks do not count."""
    return _bare(command) in _bare("".join(item))


def _bare(text: str) -> str:
    return re.sub(r"[\\\"'\s]+", "", text)


def _parsed(text: str) -> _Text:
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    heads = []
    for n, line in enumerate(lines):
        if line.rstrip() == "---" and not any(map(_content, lines[:n])):
            continue
        if not _MARGIN.match(line) or "\t" in line[: len(line) - len(line.lstrip())]:
            raise YAMLError(f"line {n + 1}: neither a key, a comment nor an item of a list")
        if _HOOKS.match(line):
            heads.append(n)
    if not heads:
        return _Text(lines)
    if len(heads) > 1:
        raise YAMLError(f"line {heads[1] + 1}: `hooks` is there twice")
    head = heads[0]
    value = _HOOKS.match(lines[head])
    if value and value["value"].strip() not in _EMPTY:
        raise YAMLError(f"line {head + 1}: the hooks are not a block of lines")
    end = next((n for n in range(head + 1, len(lines)) if _content(lines[n]) and not _indent(lines[n])), len(lines))
    while end > head + 1 and not _content(lines[end - 1]):
        end -= 1  # what stands before the next key belongs to it
    found = _Text(lines[:head], lines[head], after=lines[end:])
    _read_events(found, lines[head + 1 : end], head + 2)
    return found


def _read_events(found: _Text, block: list[str], first: int) -> None:
    """Add the events in `block`, whose first line is line `first` of the text."""
    margin = next((_indent(line) for line in block if _content(line)), 0)
    for n, line in enumerate(block, first):
        event = found.events[-1] if found.events else None
        if not _content(line):
            (event.groups if event else []).append([line])
            if not event:
                found.loose.append(line)
        elif _indent(line) == margin and (name := _EVENT.match(line)):
            found.events.append(_Event(name[1], line, bool(name["value"])))
        elif event and _ITEM.match(line) and _indent(line) == _indent((event.items() or [[line]])[0][0]) >= margin:
            event.groups.append([line])
        elif event and _indent(line) > margin:
            event.go_on(line)
        else:
            raise YAMLError(f"line {n}: neither an event nor an item of its list")


def _content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
