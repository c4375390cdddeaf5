"""Adds our hooks to the text of a client's settings, finds them and removes them.

The hooks stand in it as `{"hooks": {EVENT: [{"matcher": ..., "hooks": [{"type": "command", "command": ...}]}]}}`:
events with lists of groups, and groups with lists of definitions. Ours are known by their command (`is_ours`). Nothing
else is changed. `remove_hooks` restores the text that `add_hooks` was given, except that text of nothing but
whitespace becomes an empty object. A group that has only definitions of ours is removed with its matcher and comments.

A list or object that becomes empty is removed, unless it was there before. A space right after its bracket marks one
that was: `add_hooks` puts it into an empty list or object. If a formatter removes the space, the list or object is
removed with the last of our definitions.
"""

from collections.abc import Iterator, Mapping

from clankers.harnesses.hook_command import is_ours
from clankers.system.jsonc_edit import Item, JSONCError, Value, append_element, delete, insert_member, parse

_EVERY_TOOL = (None, "", "*")  # matchers that leave no event of the hook out

# From the outermost inwards, a list or object and the item of it that leads to the definition: the settings and their
# hooks, the hooks and an event, the event's groups and a group, the group's definitions and the definition.
_Path = list[tuple[Value, Item]]


def add_hooks(text: str, hooks: Mapping[str, Mapping[str, object]], source: str) -> str:
    """`text` with each definition once, in a group of its own at the end of its event's list, and no other of ours.

    Args:
        text: the settings.
        hooks: the definitions by the event's name.
        source: the harness in their commands.

    Returns:
        `text` itself where all are there already, wherever in the lists.

    Raises:
        JSONCError: the text is malformed, or something that we have to add to is of another type.
    """
    if _in_place(text, hooks, source):
        return text
    _check_targets(text, hooks)
    text = remove_hooks(text, source)
    for event, hook in hooks.items():
        text = _appended(text, event, {"hooks": [dict(hook)]})
    return text


def remove_hooks(text: str, source: str) -> str:
    """`text` without our hooks of `source`.

    Raises:
        JSONCError: the text is malformed, or not an object, or has `hooks` twice.
    """
    # The last one first: so the commas fall as they came.
    while paths := list(_ours(text, source)):
        *outer, (definitions, definition) = paths[-1]
        if len(definitions.items) > 1:
            text = delete(text, definition)
            continue
        while len(outer) > 1 and falls_with(text, *outer[-1]):
            outer.pop()
        text = delete(text, outer[-1][1])
    return text


def our_hooks(text: str, source: str) -> dict[str, list[dict[str, object]]]:
    """Our definitions of `source` by the event's name.

    Raises:
        JSONCError: the text is malformed, or not an object, or has `hooks` twice.
    """
    found: dict[str, list[dict[str, object]]] = {}
    for _, (_, event), _, (_, definition) in _ours(text, source):
        found.setdefault(str(event.key), []).append(definition.value.plain)
    return found


def _in_place(text: str, hooks: Mapping[str, Mapping[str, object]], source: str) -> bool:
    narrowed = any(group.value.plain.get("matcher") not in _EVERY_TOOL for _, _, (_, group), _ in _ours(text, source))
    return not narrowed and our_hooks(text, source) == {event: [dict(hook)] for event, hook in hooks.items()}


def _check_targets(text: str, events: Mapping[str, object]) -> None:
    # Before anything is removed: later, reported positions would not be those in the user's file.
    hooks = _hooks(text, settings_object(text))
    if hooks is None:
        return
    if not isinstance(hooks.value.plain, dict):
        raise JSONCError(text, hooks.value.start, '"hooks" is not an object')
    for name in events:
        event = member(hooks.value, name)
        if event and not isinstance(event.value.plain, list):
            raise JSONCError(text, event.value.start, f'"{name}" is not a list')


def _appended(text: str, name: str, group: Mapping[str, object]) -> str:
    settings = settings_object(text)
    hooks = _hooks(text, settings)
    if hooks is None:
        return insert_member(text, settings, "hooks", {name: [group]}, levels=2)
    event = member(hooks.value, name)
    if event is None:
        return marked(hooks.value, insert_member(text, hooks.value, name, [group], levels=1))
    return marked(event.value, append_element(text, event.value, group))


def marked(target: Value, text: str) -> str:
    """`text`, in which `target` was added to, with the sign for one that was empty before."""
    inner = target.start + 1
    # With a comment in it, it stays without a sign.
    return text[:inner] + " " + text[inner:] if target.tail == inner else text


def falls_with(text: str, container: Value, item: Item) -> bool:
    """Whether `container` is ours and has nothing in it but `item`, no comment either."""
    inner = container.start + 1
    around = text[inner : item.start] + text[item.value.end : container.end - 1].replace(",", "")
    return not around.strip() and not text.startswith(" ", inner)


def _ours(text: str, source: str) -> Iterator[_Path]:
    """Where our definitions are, in the order of the text; of another shape than the hooks' is nothing of ours."""
    settings = settings_object(text)
    hooks = _hooks(text, settings)
    if hooks is None or not isinstance(hooks.value.plain, dict):
        return
    for event in hooks.value.items:
        for group in _elements(event):
            definitions = member(group.value, "hooks")
            for definition in _elements(definitions):
                hook = definition.value.plain
                command = hook.get("command") if isinstance(hook, dict) else None
                if definitions and isinstance(command, str) and is_ours(command, source):
                    inner = (event.value, group), (definitions.value, definition)
                    yield [(settings, hooks), (hooks.value, event), *inner]


def settings_object(text: str) -> Value:
    """The settings.

    Raises:
        JSONCError: the text is malformed, or not an object.
    """
    settings = parse(text)
    if not isinstance(settings.plain, dict):
        raise JSONCError(text, settings.start, "the settings are not an object")
    return settings


def _hooks(text: str, settings: Value) -> Item | None:
    found = [item for item in settings.items if item.key == "hooks"]
    if len(found) > 1:
        raise JSONCError(text, found[1].start, '"hooks" is there twice')
    return found[0] if found else None


def member(target: Value, key: str) -> Item | None:
    """The last of the name, as Claude Code reads it."""
    return next((item for item in reversed(target.items) if item.key == key), None)


def _elements(item: Item | None) -> tuple[Item, ...]:
    return item.value.items if item and isinstance(item.value.plain, list) else ()
