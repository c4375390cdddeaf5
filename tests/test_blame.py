"""`clankers blame`: who made a commit or a line, in repositories that a recorded session worked in."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from jsonschema import Draft202012Validator

from clankers.cli.blame import Blame
from clankers.errors import EX_USAGE
from clankers.queries.blame import Evidence
from clankers.queries.log_places import find_places
from clankers.system.git import Change, GitError, Repository
from tests.commands import HOSTILE, NOW, RAW, Result, call, event, session
from tests.feeding import append
from tests.golden import SCHEMAS, assert_file, schema_of
from tests.test_files import said

IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "dev"), ("EMAIL", "dev@example.org"))
}


class Work:
    """A repository, and a session that works in it: what it runs is run, and recorded as OpenCode would."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "data"
        self.top = folder / "work"
        self.top.mkdir()
        self.calls = 0
        self.clock = NOW
        self.git("init", "-q", "-b", "main")
        self.git("commit", "-q", "--allow-empty", "-m", "begin")
        self.begin("a")

    def begin(self, id: str) -> None:
        self.session = id
        append(self.root, [session(id, title=f"session {id}", directory=str(self.top), created=self.now())])

    def now(self) -> int:
        """Epoch milliseconds; each action takes one second."""
        self.clock += 1000
        return self.clock

    def environment(self) -> dict[str, str]:
        """Of a command that runs now."""
        date = f"{self.clock // 1000} +0000"
        return os.environ | IDENTITY | {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}

    def git(self, *arguments: str) -> str:
        """By hand, some minutes later."""
        self.clock += 600_000
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.top,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").strip()

    def says(self, text: str) -> None:
        append(self.root, said(f"msg_{self.session}_{text}", self.session, self.now(), text))

    def runs(self, command: str) -> str:
        begun = self.now()
        env = self.environment()
        done = subprocess.run(command, shell=True, cwd=self.top, env=env, capture_output=True, text=True, check=True)
        self._record("bash", {"command": command}, done.stdout, begun)
        return self.head()

    def writes(self, path: str, text: str) -> None:
        begun = self.now()
        (self.top / path).write_text(text)
        self._record("write", {"filePath": str(self.top / path), "content": text}, "", begun)

    def _record(self, tool: str, given: dict[str, Any], output: str, begun: int) -> None:
        self.calls += 1
        message = f"msg_{self.session}_{self.calls}"
        time = {"start": begun, "end": self.now()}
        info = {"id": message, "sessionID": self.session, "role": "assistant", "modelID": "m-1", "providerID": "p"}
        state = {"status": "completed", "input": given, "output": output, "title": "", "metadata": {}, "time": time}
        part = {"id": f"prt_{self.session}_{self.calls}", "messageID": message, "sessionID": self.session}
        append(
            self.root,
            [
                event("message.updated", info=info | {"time": {"created": begun, "completed": begun}}),
                event(
                    "message.part.updated",
                    part=part | {"type": "tool", "tool": tool, "callID": f"call_{self.calls}", "state": state},
                ),
            ],
        )

    def blame(self, *arguments: str) -> Result:
        here = Path.cwd()
        os.chdir(self.top)
        try:
            return call(self.root, "blame", *arguments)
        finally:
            os.chdir(here)

    def asked(self, what: str) -> dict[str, Any]:
        done = self.blame(what, "--json")
        assert done.code == 0, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    def of(self, commit: str = "HEAD") -> tuple[str, list[tuple[str, str | None]]]:
        """How sure the answer is, and the session and prompt of each origin."""
        (found,) = self.asked(commit)["commits"]
        return found["sure"], [(o["session_id"], o["prompt"] and o["prompt"]["text"]) for o in found["origins"]]

    def line(self, path: str, number: int) -> tuple[str, list[tuple[str, str | None]]]:
        (found,) = self.asked(f"{path}:{number}")["lines"]
        return found["sure"], [(o["session_id"], o["prompt"] and o["prompt"]["text"]) for o in found["origins"]]


def changes(repository: Repository, hash: str) -> dict[str, Change]:
    return repository.changes(repository.commits([hash])[hash])


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


def test_a_commit_of_a_call_is_certain_with_its_prompt_and_log_line(work: Work) -> None:
    work.says("write the parser")
    work.writes("parser.py", "def parse(text):\n    return text.split()\n")
    work.says("commit it")
    made = work.runs("git add -A && git commit -m 'Add the parser'")
    assert work.of(made[:9]) == ("certain", [("a", "commit it"), ("a", "write the parser")])
    (commit,) = work.asked(made)["commits"]
    by, wrote = commit["origins"]
    assert (by["sure"], by["source"], by["model"], by["title"]) == ("certain", "opencode", "m-1", "session a")
    assert (wrote["sure"], wrote["lines"], commit["added_lines"]) == ("likely", 2, 2)
    for evidence, text in ((by["evidence"][0], f"{made[:7]}] Add the parser"), (wrote["evidence"][0], "def parse")):
        assert text in (work.root / evidence["file"]).read_text("utf-8").splitlines()[evidence["line"] - 1]
    assert work.line("parser.py", 2) == ("likely", [("a", "write the parser")])
    assert work.of("HEAD^") == ("none", [])
    assert f"commit {made[:7]}  Add the parser" in call(work.root, "show").out
    (shown,) = json.loads(call(work.root, "show", "--json").out)["commits"]
    assert (shown["hash"], shown["branch"], shown["subject"]) == (made[:7], "main", "Add the parser")


def test_a_commit_by_hand_is_none_and_one_of_a_session_s_lines_is_not(work: Work) -> None:
    work.says("write it")
    work.writes("a.txt", "first line\nsecond line\n")
    work.runs("git add -A && git commit -m 'By the session'")
    (work.top / "a.txt").write_text("first line\nby hand\n")
    work.git("commit", "-qam", "By hand")
    assert work.of() == ("none", [])
    assert work.line("a.txt", 2) == ("none", [])
    assert work.line("a.txt", 1) == ("likely", [("a", "write it")])
    assert "No recorded session made it" in work.blame("HEAD").out
    work.writes("a.txt", "first line\nby hand\nby the session again\n")
    assert work.line("a.txt", 3)[0] == "likely"  # before it is committed
    work.git("commit", "-qam", "The session's line, by hand")
    assert work.of() == ("likely", [("a", "write it")])


def test_a_rewritten_commit_is_likely_of_the_session_that_made_the_first_one(work: Work) -> None:
    work.says("one")
    work.writes("one.txt", "the first file\n")
    work.runs("git checkout -q -b topic && git add -A && git commit -m 'One'")
    work.begin("b")
    work.says("two")
    work.writes("two.txt", "the second file\n")
    work.runs("git add -A && git commit -m 'Two'")
    before = [work.git("rev-parse", "HEAD^").strip(), work.head()]
    work.git("checkout", "-q", "main")
    (work.top / "other.txt").write_text("by hand\n")
    work.git("add", "-A")
    work.git("commit", "-qm", "Other")
    work.git("merge", "-q", "--squash", "topic")
    work.git("commit", "-qm", "Both")
    sure, origins = work.of()
    assert (sure, sorted(origins)) == ("likely", [("a", "one"), ("b", "two")])
    work.git("reset", "-q", "--hard", "HEAD^")
    work.git("checkout", "-q", "topic")
    work.git("rebase", "-q", "main")
    assert work.head() not in before
    assert work.of("HEAD^") == ("likely", [("a", "one")])
    assert work.of() == ("likely", [("b", "two")])
    work.git("commit", "-q", "--amend", "-m", "Another subject")
    assert work.of() == ("likely", [("b", "two")])
    work.git("reflog", "expire", "--expire=now", "--all")
    work.git("gc", "-q", "--prune=now")
    assert work.of("HEAD^") == ("likely", [("a", "one")])  # although the old one is gone
    assert work.of(before[0][:9]) == ("certain", [("a", "one")])  # as recorded


def test_a_quiet_commit_is_likely_of_the_call_that_ran_then(work: Work) -> None:
    work.says("quietly")
    work.runs("echo something > q.txt; git add -A; git commit -q -m Quiet")
    assert work.of()[0] == "likely"
    assert "ran git in the second of this commit" in work.blame("HEAD").out


def test_what_only_looks_like_a_session_s_commit_is_not(work: Work) -> None:
    work.says("look busy")
    work.runs("git checkout -q -b empty && git commit --allow-empty -m 'Empty commit'")
    work.git("checkout", "-q", "main")
    work.git("commit", "-q", "--allow-empty", "-m", "Empty commit")
    assert work.of() == ("none", [])
    work.writes("another.txt", "a line in two files\n")
    (work.top / "by-hand.txt").write_text("a line in two files\n")
    work.git("add", "by-hand.txt")
    work.git("commit", "-qm", "By hand")
    assert work.of() == ("none", [])
    (work.top / "tests-run").write_text("x")
    work.runs("git add tests-run && git commit -q -F tests-run")  # while a person commits, for all that can be known
    assert work.of()[0] == "possible"
    work.runs("echo '[main abcdef1] Not a commit'")
    assert work.blame("abcdef1").code == EX_USAGE
    made = work.git("rev-parse", "HEAD^").strip()
    for subject in ("By hand", "Another subject"):
        work.runs(f"echo '[main {made[:7]}] {subject}' # git commit, which somebody made before")
        assert work.of(made) == ("none", [])
    work.runs(
        "git commit -q --allow-empty -m One; printf '[main %s] Another subject' $(git rev-parse --short HEAD)",
    )
    assert work.of()[0] == "likely"


def test_a_person_and_a_session_in_one_file(work: Work) -> None:
    work.says("add it")
    work.writes("f.txt", "the line of the session\n")
    work.runs("git add -A && git commit -m Add")
    work.clock -= 1_201_000  # in the second of that commit
    (work.top / "f.txt").write_text("the line of the session\nby hand in that second\n")
    work.git("commit", "-qam", "By hand")
    assert work.of() == ("none", [])
    work.writes("f.txt", "the line of the session\nby hand in that second\nand more\n")
    assert work.line("f.txt", 2) == ("none", [])  # the session wrote it again, but it was there
    (work.top / "f.txt").write_text("")
    work.git("commit", "-qam", "Empty it by hand")
    (work.top / "f.txt").write_text("the line of the session\n")
    work.git("commit", "-qam", "Add it again, by hand")
    assert work.of() == ("none", [])
    work.writes("draft.txt", "a line in a draft\n")
    (work.top / "g.txt").write_text("a line in a draft\n")
    work.runs("git add g.txt && git commit -m 'What a person wrote'")
    (found,) = work.asked("HEAD")["commits"]
    assert [len(origin["evidence"]) for origin in found["origins"]] == [
        1
    ]  # it made the commit, but wrote nothing in it


def test_a_whole_file_is_a_table_of_lines(work: Work) -> None:
    work.says("start")
    work.writes("f.txt", "alpha line\nbeta line\n")
    work.runs("git add -A && git commit -m Start")
    (work.top / "f.txt").write_text("alpha line\nbeta line\ngamma by hand\n")
    done = work.blame("f.txt")
    assert [line.split()[:1] for line in done.out.splitlines()[2:]] == [["1-2"], ["3"]]
    assert "start" in done.out
    assert work.blame("f.txt:4").code != 0


def test_what_is_read_ahead_of_many_commits_is_what_is_asked_of_each(work: Work) -> None:
    (work.top / "f.txt").write_text("one\n")
    work.git("add", "-A")
    work.git("commit", "-qm", "One")
    work.git("checkout", "-qb", "aside")
    (work.top / "f.txt").write_text("one\ntwo\n")
    work.git("commit", "-qam", "Two")
    work.git("checkout", "-q", "main")
    (work.top / "g.txt").write_text("alone\n" + "0" * 40 + "\n")
    work.git("add", "-A")
    work.git("commit", "-qm", "Another file")
    work.git("merge", "-q", "--no-ff", "-m", "Merge", "aside")
    (work.top / "f.txt").write_text("two\n")
    work.git("commit", "-qam", "Three")
    ahead, alone = Repository(work.top), Repository(work.top)
    commits = ahead.commits(work.git("rev-list", "HEAD").split()).values()
    ahead.read_ahead(list(commits), ["f.txt"])
    with mock.patch("clankers.system.git.subprocess.run", side_effect=AssertionError):
        found = {one.hash: ahead.changes(one) for one in commits}
        times = {
            one.hash: ahead.last_changed("f.txt", one.hash) for one in commits if one.subject in ("One", "Two", "Three")
        }
    assert found == {one.hash: alone.changes(one) for one in commits}
    assert times == {hash: alone.last_changed("f.txt", hash) for hash in times}
    assert sorted(map(bool, times.values())) == [False, True, True]
    assert [sorted(found[one.hash]) for one in commits if one.subject == "Merge"] == [["f.txt"]]


def test_a_partial_clone_fetches_nothing(work: Work, tmp_path: Path) -> None:
    (work.top / "f.txt").write_text("one\n")
    work.git("add", "-A")
    work.git("commit", "-qm", "One")
    work.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    work.git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{work.top}", str(clone))
    with pytest.raises(GitError):
        changes(Repository(clone), work.head())


def test_hostile_messages_paths_and_arguments_reach_no_terminal_and_no_shell(work: Work) -> None:
    name = 'a "b"\t\x1b[31m\u202eü.txt'
    work.says(HOSTILE)
    work.writes(name, f"{HOSTILE}\n++ b/other.txt\n-- a/other.txt\n")
    work.runs("git add -A")
    made = work.runs("printf 'Evil \\033]0;owned\\007 [main deadbeef] not me' | git commit -F -")
    assert work.of(made)[0] == "certain"
    assert list(changes(Repository(work.top), made)) == [name]
    for what in ("HEAD", name, f"{name}:1"):
        done = work.blame(what)
        assert done.code == 0, done.err
        assert not RAW.search(done.out), what
    (work.top / "evil").write_text("touch owned")
    work.git("config", "core.fsmonitor", "touch owned; false")
    work.git("config", "diff.external", "touch owned; false")
    (work.top / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for key in ("filter.evil.clean", "filter.evil.process", "diff.evil.textconv"):
        work.git("config", key, f"touch {work.top}/owned; cat")
    work.git("config", "filter.evil.required", "true")
    assert work.of()[0] == "certain"
    assert work.blame(name).code == 0
    assert not (work.top / "owned").exists()
    work.git("config", "filter.a=b.clean", "touch owned")
    assert "rename it" in work.blame(name).err
    assert not (work.top / "owned").exists()
    for what in ("--output=owned", "$(touch owned)", "HEAD;touch owned", "x" * 9999, "deadbeef" * 5):
        assert work.blame("--", what).code == EX_USAGE, what
    assert not (work.top / "owned").exists()


def test_a_submodule_s_programs_do_not_run(work: Work) -> None:
    within = work.top / "within"
    within.mkdir()
    work.git("-C", "within", "init", "-q", "-b", "main")
    for text in ("one\n", "two\n"):
        (within / "f").write_text(text)
        work.git("-C", "within", "add", "f")
        work.git("-C", "within", "commit", "-qm", "x")
        work.git("add", "within")
        work.git("commit", "-qm", "A submodule")
    work.git("config", "diff.submodule", "diff")
    work.git("-C", "within", "config", "diff.external", f"touch {work.top}/owned; false")
    assert list(changes(Repository(work.top), work.head())) == ["within"]
    assert not (work.top / "owned").exists()


def test_a_commit_without_a_readable_time(work: Work) -> None:
    raw = work.git("cat-file", "commit", "HEAD").replace("dev@example.org> ", "dev@example.org> x")
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        cwd=work.top,
        input=raw,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (found,) = Repository(work.top).commits([made]).values()
    assert (found.authored_at, found.committed_at) == (0, 0)
    assert work.of(made) == ("none", [])


def test_a_project_that_is_no_path_costs_only_itself(work: Work) -> None:
    append(work.root, [session("nul", directory="/src/a\0b", created=work.now())])
    work.writes("x", "some text\n")
    work.git("add", "x")
    assert work.line("x", 1)[0] == "likely"


def test_without_evidence_the_log_is_not_read(tmp_path: Path) -> None:
    append(tmp_path, [session("a")])
    read: list[int] = []
    find_places(str(tmp_path), [], read.append)
    assert read == []
    find_places(str(tmp_path), [Evidence(what="", tool_id="t", session_id="a", at=1, quote=None)], read.append)
    assert len(read) == 1


def test_without_a_repository_what_is_recorded_is_shown(work: Work, tmp_path: Path) -> None:
    work.says("x")
    work.writes("x", "x\n")
    made = work.runs("git add -A && git commit -m 'x y'")
    work.top = tmp_path
    assert work.of(made) == ("certain", [("a", "x")])
    assert "not a git repository" in work.blame(made).err
    assert work.blame("HEAD").code != 0


def test_json_is_as_published(work: Work) -> None:
    assert_file(SCHEMAS / "blame.json", schema_of(Blame, "What `clankers blame --json` prints"))
    schema = Draft202012Validator(json.loads((SCHEMAS / "blame.json").read_text("utf-8")))
    work.says("x")
    work.writes("x", "some text\n")
    work.runs("git add -A && git commit -m 'x y'")
    schema.validate(work.asked("HEAD"))
    schema.validate(work.asked("x:1"))
    with pytest.raises(Exception, match="is a required property"):
        schema.validate({"commits": [{}], "lines": []})
