"""Editing somebody's JSON with comments: what is read and refused, and that taking out leaves what was there before."""

import json
import random
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clankers.harnesses import hooks_json
from clankers.harnesses.claude_code.install import hooks_disabled
from clankers.harnesses.hook_command import hook_command, is_ours
from clankers.system.jsonc_edit import JSONCError, Value, append_element, delete, insert_member, parse

HOOK: dict[str, object] = {"type": "command", "command": "clankers append claude-code", "timeout": 10}
MOVED: dict[str, object] = {**HOOK, "command": "trap '' TERM; /new/bin/clankers append claude-code"}
GROUP = '{"hooks": [{"type": "command", "command": "clankers append claude-code", "timeout": 10}]}'
THEIRS = '{"matcher": "Bash", "hooks": [{"type": "command", "command": "say done"}]}'
HOOKS = {"PreToolUse": HOOK, "Stop": {**HOOK, "timeout": 5}}
EVENTS = ("PreToolUse", "Stop", "SessionEnd")

SOURCE = "claude-code"
add_hooks = partial(hooks_json.add_hooks, source=SOURCE)
remove_hooks = partial(hooks_json.remove_hooks, source=SOURCE)
our_hooks = partial(hooks_json.our_hooks, source=SOURCE)

# Documents in every formatting

SPACES = ("", "", "", " ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "\n  ", "\r\n\t", " \n    ")
COMMENTS = (
    "/**/",
    "/* c */",
    "/* two\n   lines */",
    '/* { "a": [1, */',
    "// c\n",
    '  // "k": [1],\r\n',
    "//\r",
    "//*\n",
)


class Format:
    """Writes values with whitespace, comments and commas as `seed` says."""

    def __init__(self, seed: int, *, comments: bool) -> None:
        self.random = random.Random(seed)
        self.comments = comments
        self.wild = self.random.random() < 0.5
        self.newline = self.random.choice(("\n", "\r\n", ""))
        self.unit = self.random.choice(("  ", "    ", "\t", ""))
        self.colon = self.random.choice((":", ": ", " : "))

    def text(self, value: Any) -> str:
        bom = "\ufeff" if self.comments and self.random.random() < 0.2 else ""
        return bom + self.gap("") + self.value(value, self.newline) + self.gap(self.newline)

    def gap(self, usual: str) -> str:
        parts = [self.random.choice(SPACES)] if self.wild else [usual]
        while self.comments and self.random.random() < 0.15:
            parts += [self.random.choice(COMMENTS), self.random.choice(SPACES) if self.wild else usual]
        return "".join(parts)

    def value(self, value: Any, newline: str) -> str:
        inner = newline + self.unit if newline else newline
        if isinstance(value, dict):
            colon = self.gap("") + self.colon + self.gap("")
            return self.items("{}", [json.dumps(k) + colon + self.value(v, inner) for k, v in value.items()], newline)
        if isinstance(value, list):
            return self.items("[]", [self.value(v, inner) for v in value], newline)
        return json.dumps(value, ensure_ascii=self.random.random() < 0.5)

    def items(self, brackets: str, items: list[str], newline: str) -> str:
        inner = newline + self.unit if newline else newline
        if not items:
            return brackets[0] + self.gap("") + brackets[1]
        rows = [self.gap(inner) + item + self.gap("") for item in items]
        trailing = "," if self.comments and self.random.random() < 0.3 else ""
        return brackets[0] + ",".join(rows) + trailing + self.gap(newline) + brackets[1]


SEEDS = st.integers(0, 2**32)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
    max_leaves=12,
)
NOT_OURS = st.one_of(
    st.fixed_dictionaries({"type": st.just("command"), "command": st.sampled_from(("say done", "echo clankers"))}),
    VALUES,
)
GROUPS = st.one_of(
    st.fixed_dictionaries(
        {"hooks": st.lists(NOT_OURS, max_size=3)}, optional={"matcher": st.sampled_from(("Bash", "", 1))}
    ),
    VALUES,
)
EVENT_LISTS = st.fixed_dictionaries({}, optional={event: st.lists(GROUPS, max_size=3) for event in EVENTS})
SETTINGS = st.builds(
    lambda before, hooks, after: {**before, **hooks, **after},
    st.dictionaries(st.text(max_size=3), VALUES, max_size=3),
    st.fixed_dictionaries({}, optional={"hooks": EVENT_LISTS}),
    st.dictionaries(st.text(max_size=3), VALUES, max_size=3),
)


def containers(value: Value) -> Iterator[Value]:
    if isinstance(value.plain, (dict, list)):
        yield value
    for item in value.items:
        yield from containers(item.value)


def at_start(text: str, start: int) -> Value:
    return next(value for value in containers(parse(text)) if value.start == start)


# Reading


@settings(deadline=None)
@given(VALUES, SEEDS)
def test_a_document_means_the_same_in_every_formatting(value: Any, seed: int) -> None:
    assert parse(Format(seed, comments=True).text(value)).plain == value


@settings(deadline=None)
@given(VALUES, SEEDS, st.data())
def test_what_json_reads_is_read_and_what_it_refuses_is_refused(value: Any, seed: int, data: st.DataObject) -> None:
    text = Format(seed, comments=False).text(value)
    at = data.draw(st.integers(0, len(text)))
    text = (
        text[:at]
        + data.draw(st.sampled_from(("", *'{}[]:"\\0-.e\x00\n,')))
        + text[at + data.draw(st.sampled_from((0, 1))) :]
    )
    if not text.strip(" \t\r\n") or re.search(r",\s*[\]}]|/", text):
        return  # where the two differ on purpose
    try:
        expected = json.loads(text)
    except json.JSONDecodeError:
        with pytest.raises(JSONCError):
            parse(text)
    else:
        assert parse(text).plain == expected


@settings(deadline=None)
@given(st.one_of(st.text(), st.text(alphabet='{}[],:"\\/* \n\r\tu0a1-.eE\ufeff\ud800')))
def test_any_text_is_a_document_or_a_jsonc_error(text: str) -> None:
    places = []
    for read in (parse, our_hooks, remove_hooks, hooks_disabled, lambda t: add_hooks(t, HOOKS)):
        try:
            read(text)
        except JSONCError as e:
            places.append((e.line, e.column))
    assert all(1 <= line <= len(text) + 1 and 1 <= column <= len(text) + 1 for line, column in places)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n  "a": 1,\n  "b" 2\n}', "line 3, column 7: expected ':'"),
        ('{\r\n\t"a": 1\r\n\t"b": 2}', "line 3, column 2: expected ',' or '}'"),
        ('\ufeff{"a": 1;}', "line 1, column 8: expected ',' or '}'"),
        ("[1\r2]", "line 2, column 1: expected ',' or ']'"),
        ("[1, 2", "line 1, column 6: expected ',' or ']'"),
        ("[01]", "line 1, column 3: expected ',' or ']'"),
        ("[,]", "line 1, column 2: expected a value"),
        ("[1,,]", "line 1, column 4: expected a value"),
        ("[NaN]", "line 1, column 2: expected a value"),
        ("-Infinity", "line 1, column 1: expected a value"),
        ("\n// nothing\n", "line 3, column 1: expected a value"),
        ("{a: 1}", "line 1, column 2: expected a key in double quotes or '}'"),
        ("{,}", "line 1, column 2: expected a key in double quotes or '}'"),
        ("{}\n}", "line 2, column 1: expected nothing more"),
        ("{} \ufeff", "line 1, column 4: expected nothing more"),
        ("{ /* x", "line 1, column 3: the comment has no end"),
        ('["a\n"]', "line 1, column 4: the string has no end"),
        ('["a', "line 1, column 4: the string has no end"),
        ('["\\x"]', "line 1, column 3: not an escape that JSON knows"),
        ('["\\u12"]', "line 1, column 3: not an escape that JSON knows"),
        ('["\t"]', "line 1, column 3: a control character in a string"),
        ("[" * 201 + "]" * 201, "line 1, column 201: nested deeper than 200"),
        ('{"a":' * 100_000, "line 1, column 1001: nested deeper than 200"),
    ],
)
def test_what_is_malformed_is_reported_with_its_place(text: str, told: str) -> None:
    with pytest.raises(JSONCError) as e:
        parse(text)
    assert str(e.value) == told
    assert told.startswith(f"line {e.value.line}, column {e.value.column}: ")


def test_what_is_large_but_right_is_read() -> None:
    assert [len(parse("[" * 200 + "]" * 200).plain), parse("1e999").plain] == [1, float("inf")]
    assert isinstance(parse("1" * 5000).plain, float)


# Inserting and deleting


@settings(deadline=None, max_examples=500)
@given(VALUES, SEEDS, VALUES, st.integers(0, 3), st.data())
def test_deleting_is_the_exact_inverse_of_inserting(
    value: Any, seed: int, new: Any, levels: int, data: st.DataObject
) -> None:
    text = Format(seed, comments=True).text([value])
    target = data.draw(st.sampled_from(list(containers(parse(text)))))
    if isinstance(target.plain, dict):
        after = insert_member(text, target, "new key", new, levels)
        assert at_start(after, target.start).plain == {**target.plain, "new key": new}
    else:
        after = append_element(text, target, new, levels)
        assert at_start(after, target.start).plain == [*target.plain, new]
    assert delete(after, at_start(after, target.start).items[-1]) == text


@settings(deadline=None, max_examples=500)
@given(VALUES, SEEDS, st.data())
def test_deleting_any_item_leaves_the_others_and_the_comments_around_it(
    value: Any, seed: int, data: st.DataObject
) -> None:
    text = Format(seed, comments=True).text([value])
    target = data.draw(st.sampled_from([one for one in containers(parse(text)) if one.items]))
    index = data.draw(st.integers(0, len(target.items) - 1))
    item = target.items[index]
    after = delete(text, item)
    left = at_start(after, target.start)
    assert [(one.key, one.value.plain) for one in left.items] == [
        (one.key, one.value.plain) for i, one in enumerate(target.items) if i != index
    ]
    outside = text[: item.start] + text[item.value.end :]
    assert re.sub(r"[\s,]", "", after) == re.sub(r"[\s,]", "", outside)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{"k": 1}'),
        ("{ }", '{"k": 1 }'),
        ("{\n}\n", '{\n  "k": 1\n}\n'),
        ("{ /* x */ }", '{ /* x */ "k": 1 }'),
        ("{ // x\n}", '{ // x\n  "k": 1\n}'),
        ('{"a": 1}', '{"a": 1, "k": 1}'),
        ('{ "a": 1, }', '{ "a": 1, "k": 1, }'),
        ('{\n  "a": 1 // x\n}', '{\n  "a": 1, // x\n  "k": 1\n}'),
        ('{\n  "a": 1,\n  // "b": 2\n}', '{\n  "a": 1,\n  // "b": 2\n  "k": 1,\n}'),
        ('{\n\t"a": 1\n}', '{\n\t"a": 1,\n\t"k": 1\n}'),
        ('{\r\n    "a": 1}', '{\r\n    "a": 1,\r\n    "k": 1}'),
        ('\ufeff{\n   "a": {}\n}', '\ufeff{\n   "a": {},\n   "k": 1\n}'),
        ('{ // x\r"a": 1}', '{ // x\r"a": 1,\n"k": 1}'),
    ],
)
def test_a_new_member_looks_like_its_neighbours(before: str, after: str) -> None:
    assert insert_member(before, parse(before), "k", 1) == after
    assert delete(after, parse(after).items[-1]) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "k": 1\n}\n'),
        (" \t", '{\n  "k": 1\n}\n'),
        ("\ufeff\r\n", '\ufeff{\r\n  "k": 1\r\n}\r\n'),
    ],
)
def test_nothing_but_whitespace_becomes_an_object_and_not_whitespace_again(before: str, after: str) -> None:
    assert insert_member(before, parse(before), "k", 1) == after
    assert delete(after, parse(after).items[-1]) == re.sub(r' +"k": 1\r?\n', "", after)


def test_levels_are_spread_over_lines_in_the_indent_of_the_file() -> None:
    text = '{\r\n\t"a": {\r\n\t\t"b": 1\r\n\t}\r\n}'
    after = insert_member(text, parse(text).items[0].value, "k", {"x": [[1, 2]], "y": {}}, levels=2)
    assert after == (
        '{\r\n\t"a": {\r\n\t\t"b": 1,\r\n\t\t"k": {\r\n\t\t\t"x": [\r\n\t\t\t\t[1, 2]\r\n\t\t\t],'
        '\r\n\t\t\t"y": {}\r\n\t\t}\r\n\t}\r\n}'
    )


def test_deleting_does_not_pull_the_next_item_into_a_comment() -> None:
    text = '{ // x\n  "k": 1, "a": 2 }'
    assert delete(text, parse(text).items[0]) == '{ // x\n   "a": 2 }'


# Claude Code's settings


def merged(value: dict[str, Any]) -> dict[str, Any]:
    """What adding HOOKS must mean."""
    events = dict(value.get("hooks", {}))
    for event, hook in HOOKS.items():
        events[event] = [*events.get(event, []), {"hooks": [hook]}]
    return {**value, "hooks": events}


@settings(deadline=None, max_examples=200)
@given(SETTINGS, SEEDS)
def test_removing_gives_back_every_byte_of_what_adding_was_given(value: dict[str, Any], seed: int) -> None:
    text = Format(seed, comments=True).text(value)
    after = add_hooks(text, HOOKS)
    assert parse(after).plain == merged(value)
    assert remove_hooks(after) == text
    assert remove_hooks(text) == text
    assert add_hooks(after, HOOKS) == after
    assert our_hooks(after) == {event: [hook] for event, hook in HOOKS.items()}
    moved = add_hooks(after, {"Stop": MOVED, "SessionEnd": MOVED})
    assert our_hooks(moved) == {"Stop": [MOVED], "SessionEnd": [MOVED]}
    assert remove_hooks(moved) == text


@settings(deadline=None)
@given(SETTINGS, SEEDS)
def test_json_without_comments_stays_json(value: dict[str, Any], seed: int) -> None:
    assert json.loads(add_hooks(Format(seed, comments=False).text(value), HOOKS)) == merged(value)


@settings(deadline=None)
@given(SETTINGS, SEEDS, st.data())
def test_ours_are_taken_out_from_between_theirs(value: dict[str, Any], seed: int, data: st.DataObject) -> None:
    events = merged(value)["hooks"]
    for groups in events.values():
        for one in data.draw(st.lists(st.just(HOOK), max_size=2)):
            mixed = {"hooks": [{"command": "a"}, one, {"command": "b"}, one]}
            groups.insert(data.draw(st.integers(0, len(groups))), mixed)
    text = Format(seed, comments=True).text({**value, "hooks": events})

    def without(groups: list[Any]) -> list[Any]:
        left = [
            {**g, "hooks": [d for d in g["hooks"] if not (isinstance(d, dict) and "clankers append" in str(d))]}
            if isinstance(g, dict) and isinstance(g.get("hooks"), list)
            else g
            for g in groups
        ]
        return [g for g, was in zip(left, groups, strict=True) if g == was or g["hooks"]]

    after = parse(remove_hooks(text)).plain
    kept = {event: left for event, groups in events.items() if (left := without(groups)) or not groups}
    found = after.pop("hooks", {})
    assert {event: groups for event, groups in found.items() if groups} == {e: g for e, g in kept.items() if g}
    assert after == {key: one for key, one in value.items() if key != "hooks"}
    assert our_hooks(remove_hooks(text)) == {}


def test_hooks_are_written_an_event_a_group_and_a_definition_in_the_files_style() -> None:
    text = '{\n    "model": "opus" // mine\n}\n'
    assert add_hooks(text, {"PreToolUse": HOOK, "Stop": HOOK}) == (
        '{\n    "model": "opus", // mine\n    "hooks": {\n'
        f'        "PreToolUse": [\n            {GROUP}\n        ],\n'
        f'        "Stop": [\n            {GROUP}\n        ]\n    }}\n}}\n'
    )


def test_one_line_and_crlf_and_tabs_keep_their_style() -> None:
    assert add_hooks('{"a": 1}', {"Stop": HOOK}) == (f'{{"a": 1, "hooks": {{\n  "Stop": [\n    {GROUP}\n  ]\n}}}}')
    assert add_hooks('\ufeff{\r\n\t"a": 1\r\n}', {"Stop": HOOK}) == (
        f'\ufeff{{\r\n\t"a": 1,\r\n\t"hooks": {{\r\n\t\t"Stop": [\r\n\t\t\t{GROUP}\r\n\t\t]\r\n\t}}\r\n}}'
    )


def test_an_empty_file_gets_settings_and_keeps_an_empty_object() -> None:
    after = add_hooks("", {"Stop": HOOK})
    assert after == f'{{\n  "hooks": {{\n    "Stop": [\n      {GROUP}\n    ]\n  }}\n}}\n'
    assert remove_hooks(after) == "{\n}\n"
    assert add_hooks("{\n}\n", {"Stop": HOOK}) == after


@pytest.mark.parametrize(
    "empty", ["{}", '{"hooks": {}}', '{"hooks": {\n}}', '{"hooks": {"Stop": [ ]}}', '{"hooks": {"Stop": [\n]}}']
)
def test_what_was_empty_before_stays_and_only_a_formatter_makes_us_forget(empty: str) -> None:
    after = add_hooks(empty, {"Stop": HOOK})
    assert remove_hooks(after) == empty
    for formatted in (json.dumps(json.loads(after), indent=2), json.dumps(json.loads(after))):
        assert json.loads(remove_hooks(formatted)) == {}


def test_a_comment_keeps_the_list_that_it_is_in() -> None:
    text = '{"hooks": {"Stop": [ // ask me\n%s]}}'
    assert remove_hooks(text % f"  {GROUP}\n") == text % ""
    assert remove_hooks(add_hooks(text % "", HOOKS)) == text % ""


def test_our_list_with_a_comma_at_its_end_goes_too() -> None:
    assert remove_hooks(f'{{"a": 1, "hooks": {{"Stop": [{GROUP},],}},}}') == '{"a": 1,}'


def test_of_an_event_that_is_there_twice_the_one_that_counts_is_added_to() -> None:
    twice = '{"hooks": {"Stop": null, "Stop": []}}'
    assert parse(add_hooks(twice, {"Stop": HOOK})).plain == {"hooks": {"Stop": [{"hooks": [HOOK]}]}}
    assert remove_hooks(add_hooks(twice, {"Stop": HOOK})) == twice


def test_theirs_behind_ours_stay_as_they_are() -> None:
    text = '{\n  "hooks": {\n    "Stop": [\n      %s\n    ]\n  }\n}\n'
    added = add_hooks(text % THEIRS, {"Stop": HOOK})
    assert added == text % f"{THEIRS},\n      {GROUP}"
    later = added.replace(GROUP, f"{GROUP}, // then mine\n      {THEIRS}")
    assert add_hooks(later, {"Stop": HOOK}) == later
    assert remove_hooks(later) == text % f"{THEIRS}, // then mine\n      {THEIRS}"


def test_doubled_moved_narrowed_and_unwanted_hooks_are_put_right() -> None:
    right = add_hooks("{}", {"Stop": HOOK})
    doubled = right.replace(GROUP, f"{GROUP}, {GROUP}")
    narrowed = right.replace('{"hooks": [', '{"matcher": "Bash", "hooks": [')
    assert len({right, doubled, narrowed}) == 3
    for wrong in (doubled, narrowed, add_hooks("{}", {"Stop": MOVED}), add_hooks("{}", HOOKS)):
        assert add_hooks(wrong, {"Stop": HOOK}) == right
    assert add_hooks(right, {}) == "{}"
    anywhere = right.replace('{"hooks": [', '{"matcher": "*", "hooks": [')
    assert add_hooks(anywhere, {"Stop": HOOK}) == anywhere


def test_from_a_group_with_theirs_only_our_definition_goes() -> None:
    mixed = '{"hooks": {"Stop": [{"matcher": "x", "hooks": [{"command": "a"}, /* b */%s {"command": "c"}]}]}}'
    text = mixed % f" {json.dumps(HOOK)},"
    assert our_hooks(text) == {"Stop": [HOOK]}
    assert remove_hooks(text) == mixed % ""


@pytest.mark.parametrize(
    "command",
    [
        hook_command("claude-code"),
        "clankers append claude-code",
        "/p/bin/clankers append claude-code",
        "trap '' TERM; '/p q/bin/clankers' append claude-code",
        "trap '' TERM; exec /v/bin/python -IS -c 'from clankers.__main__ import main; main()' append claude-code",
        "/v/bin/python3 -P -m clankers append claude-code",
    ],
)
def test_our_command_is_known(command: str) -> None:
    assert is_ours(command, SOURCE)


@pytest.mark.parametrize(
    "command",
    [
        hook_command("opencode"),
        hook_command("claude-code") + " # mine",
        "echo clankers",
        "my-clankers-thing run",
        "my-clankers append claude-code",
        "clankers-thing append claude-code",
        "clankers append claude-code2",
        "clankers append claude-code-next",
        "clankers append opencode",
        "append claude-code; clankers",
        "redact-secrets | clankers append claude-code",
        "clankers append claude-code >/dev/null",
        "cd ~/src/clankers && ./notify.sh; make append claude-code",
        "PATH=/opt/clankers\n./run append  claude-code",
        "clankers append claude-code '",
    ],
)
def test_another_command_is_not_ours(command: str) -> None:
    assert not is_ours(command, SOURCE)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "line 1, column 1: the settings are not an object"),
        ('{\n  "hooks": []\n}', 'line 2, column 12: "hooks" is not an object'),
        ('{\n  "hooks": {"Stop": {}}\n}', 'line 2, column 21: "Stop" is not a list'),
        ('{"hooks": {},\n "hooks": {}}', 'line 2, column 2: "hooks" is there twice'),
        (f'{{"hooks": {{"PreToolUse": [\n{GROUP}],\n "Stop": null}}}}', 'line 3, column 10: "Stop" is not a list'),
    ],
)
def test_where_hooks_cannot_be_added_is_reported(text: str, told: str) -> None:
    with pytest.raises(JSONCError) as e:
        add_hooks(text, HOOKS)
    assert str(e.value) == told


@pytest.mark.parametrize("read", [our_hooks, remove_hooks, hooks_disabled])
def test_settings_that_are_no_object_are_refused_by_all(read: Callable[[str], object]) -> None:
    with pytest.raises(JSONCError):
        read("null")


def test_odd_shapes_that_are_not_in_the_way_are_left_alone() -> None:
    for odd in ('{"hooks": []}', '{"hooks": {"Stop": {}, "X": [1, {"hooks": 2}, {"hooks": [3, {"command": 4}]}]}}'):
        assert our_hooks(odd) == {}
        assert remove_hooks(odd) == odd
    aside = '{"hooks": {"Notification": 1}}'
    assert remove_hooks(add_hooks(aside, HOOKS)) == aside


def test_disabled_is_reported() -> None:
    assert hooks_disabled('{"disableAllHooks": true, // for now\n}')
    assert not hooks_disabled('{"disableAllHooks": 1}')
    assert not hooks_disabled("")
