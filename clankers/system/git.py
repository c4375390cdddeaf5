"""What a git repository says: its commits, what they change, and who last changed a line.

Git runs as a process with fixed arguments, reads only, and runs no program that the repository's configuration names.
Its output is untrusted: text that is not UTF-8 is replaced, and control characters are still in it.
"""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from clankers.errors import ClankersError

_SECONDS = 60.0  # for one answer of git
_MOST = 64 << 20  # bytes of one answer
_AT_ONCE = 50  # commits whose patches are read together

# No programs of the repository's choice, no locks, no questions, no downloads: a partial clone would fetch what it
# lacks, and GIT_NO_LAZY_FETCH is only known to versions from 2024 on.
_SETTINGS = ("core.fsmonitor=false", "core.quotePath=true", "log.showSignature=false")
_SAFE = ("--no-pager", "--literal-pathspecs", *(word for setting in _SETTINGS for word in ("-c", setting)))
_ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",
    "LC_ALL": "C",
}
_FORMAT = "%H%x00%P%x00%at%x00%ct%x00%an%x00%B%x00"
_FIELDS = 6
_DIFF = (
    *("-U0", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--submodule=short"),
    *("--src-prefix=a/", "--dst-prefix=b/"),
)
_HASH = re.compile(r"[0-9a-f]{4,64}")
_NOT_COMMITTED = re.compile(r"0+")
_PATCH_OF = re.compile(r"(?:^|(?<=\n))([0-9a-f]{40}|[0-9a-f]{64})\n")
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_NO_FILTER = ("clean=", "process=", "required=false")
_NO_FILE = "/dev/null"
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


class GitError(ClankersError):
    """Git did not answer; the message says what it said."""


class Commit(NamedTuple):
    """A commit.

    Attributes:
        parents: their hashes.
        authored_at: epoch seconds; a rebase and `--amend` keep it.
        committed_at: epoch seconds.
        message: the complete one.
    """

    hash: str
    parents: tuple[str, ...]
    authored_at: int
    committed_at: int
    author: str
    message: str

    @property
    def subject(self) -> str:
        """The message's first paragraph in one line, as `git commit` prints it."""
        return " ".join(self.message.strip().split("\n\n", 1)[0].split("\n"))


class LineOrigin(NamedTuple):
    """Where `git blame` found a line.

    Attributes:
        number: of the line in the file, from 1.
        commit: its hash; None: the line is not committed.
        path: of the file in that commit, from the top of the repository.
        text: of the line.
    """

    number: int
    commit: str | None
    path: str
    text: str


class Change(NamedTuple):
    """What a commit changes in one file: its lines, without the blanks around them."""

    added: Counter[str]
    removed: Counter[str]


class Repository:
    """The repository that `directory` is in.

    Raises:
        GitError: it is in none, or git cannot be run.

    Attributes:
        top: the top directory of its working tree.
        worktrees: those of all its working trees.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._commits: dict[str, Commit] = {}
        self._changes: dict[str, dict[str, Change]] = {}
        self._patch_ids: dict[str, str] = {}
        self._last_changed: dict[tuple[str, str], int] = {}
        self.top = Path(self._ask("rev-parse", "--show-toplevel").removesuffix("\n"))
        listed = self._ask("worktree", "list", "--porcelain").split("\n")
        named = (Path(line.removeprefix("worktree ")) for line in listed if line.startswith("worktree "))
        self.worktrees = list(dict.fromkeys((self.top, *named)))

    def resolve(self, revision: str) -> str | None:
        """The hash of the commit that `revision` names; None: there is none."""
        try:
            return self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
        except GitError:
            return None

    def commits(self, hashes: Iterable[str]) -> dict[str, Commit]:
        """The commits, as far as the repository has them, by the hashes, which may be shortened."""
        asked = {one for one in hashes if _HASH.fullmatch(one)}
        full = {one: one for one in asked & self._commits.keys()}
        if unknown := sorted(asked - full.keys()):
            checked = self._ask(
                "cat-file",
                "--batch-check=%(objectname) %(objecttype)",
                text="".join(f"{one}^{{commit}}\n" for one in unknown),
            )
            for one, line in zip(unknown, checked.split("\n"), strict=False):
                name, _, kind = line.partition(" ")
                if kind == "commit":
                    full[one] = name
        if unread := [name for name in full.values() if name not in self._commits]:
            self._commits |= {one.hash: one for one in self._log("\n".join(unread) + "\n")}
        return {one: self._commits[name] for one, name in full.items() if name in self._commits}

    def read_ahead(self, commits: Collection[Commit], paths: Iterable[str]) -> None:
        """Read at once what is then asked of `commits`, and of the files at `paths`, which they change.

        Git starts a few times, not several times a commit.
        """
        self.commits(parent for one in commits for parent in one.parents[:1])
        unread = [one for one in commits if one.hash not in self._changes]
        for first in range(0, len(unread), _AT_ONCE):
            with suppress(GitError):  # too much at once: they are read one by one
                self._read_changes(unread[first : first + _AT_ONCE])
        tips = "".join(f"{one.hash}\n" for one in commits)
        for path in paths:
            # With --parents, those that changed the file before.
            listed = self._ask("log", "--parents", "--format=%H %ct %P", "--stdin", "--", path, text=tips)
            rows = [line.split(" ") for line in listed.split("\n") if line]
            times = {hash: int(at or 0) for hash, at, *_ in rows}
            for hash, _, parent, *_ in rows:
                self._last_changed[path, hash] = times.get(parent, 0)

    def changes(self, commit: Commit) -> dict[str, Change]:
        """What `commit` changes against its first parent, by the path from the top."""
        if commit.hash not in self._changes:
            self._read_changes([commit])
        return self._changes[commit.hash]

    def patch_id(self, commit: Commit) -> str:
        """A hash of what `commit` changes, equal for the same change elsewhere; empty where it changes nothing."""
        if commit.hash not in self._patch_ids:
            patch = self._patches([commit]).get(commit.hash, "")
            self._patch_ids[commit.hash] = self._ask("patch-id", "--stable", text=patch).partition(" ")[0]
        return self._patch_ids[commit.hash]

    def last_changed(self, path: str, before: str) -> int:
        """When the commit was made that last changed the file at `path` before the commit `before`, epoch seconds."""
        if (path, before) not in self._last_changed:
            try:
                at = self._ask("log", "-1", "--format=%ct", "--end-of-options", f"{before}^", "--", path).strip()
            except GitError:  # it is the first one
                at = ""
            self._last_changed[path, before] = int(at or 0)
        return self._last_changed[path, before]

    def history(self, commit: str, since: int) -> set[str]:
        """The hashes of the commits that `commit` contains and that were made since then, in epoch seconds."""
        return set(self._ask("rev-list", f"--since={since}", "--end-of-options", commit).split())

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Whether `of` contains `commit`."""
        try:
            self._ask("merge-base", "--is-ancestor", commit, of)
        except GitError:
            return False
        return True

    def branches(self, commit: str) -> list[str]:
        """The local branches that contain `commit`."""
        return self._ask("for-each-ref", f"--contains={commit}", "--format=%(refname:lstrip=2)", "refs/heads").split(
            "\n"
        )[:-1]

    def blame(self, path: str, line: int | None) -> list[LineOrigin]:
        """Which commit each line of the file at `path`, or one line of it, is from.

        Raises:
            GitError: there is no such file or line.
        """
        only = () if line is None else ("-L", f"{line},{line}")
        found = []
        commit, number, name = "", 0, path
        for text in self._blame(*only, "--", path).split("\n"):
            if text.startswith("\t"):
                hash = None if _NOT_COMMITTED.fullmatch(commit) else commit
                found.append(LineOrigin(number, hash, name, text[1:]))
                commit = ""
            elif not commit:
                commit, _, rest = text.partition(" ")
                number = int(rest.split()[1]) if rest else 0
            elif text.startswith("filename "):
                name = _unquoted(text.removeprefix("filename "))
        return found

    def _blame(self, *arguments: str) -> str:
        """What `git blame` prints, without the filters that it would run on the file in the working tree."""
        keys = self._ask("config", "--list", "--name-only", "-z").split("\0")
        filters = {key.rpartition(".")[0] for key in keys if key.startswith("filter.")}
        if strange := [name for name in filters if "=" in name or "\ufffd" in name]:
            raise GitError(f"git's settings have {strange[0]!r}, a filter whose name cannot be given to git; rename it")
        settings = [word for name in filters for value in _NO_FILTER for word in ("-c", f"{name}.{value}")]
        return _run(self._directory, ("blame", "--no-textconv", "--line-porcelain", *arguments), "", settings)

    def _log(self, hashes: str) -> list[Commit]:
        """The commits with these hashes, one a line."""
        fields = self._ask("log", f"--format={_FORMAT}", "--no-walk=unsorted", "--stdin", text=hashes).split("\0")
        commits = []
        for at in range(0, len(fields) - _FIELDS, _FIELDS):
            hash, parents, authored, committed, author, message = fields[at : at + _FIELDS]
            times = (int(authored or 0), int(committed or 0))  # git prints nothing of one that it cannot read
            commits.append(Commit(hash.strip(), tuple(parents.split()), *times, author, message))
        return commits

    def _read_changes(self, commits: Sequence[Commit]) -> None:
        patches = self._patches(commits)
        self._changes |= {one.hash: _changes(patches.get(one.hash, "")) for one in commits}

    def _patches(self, commits: Sequence[Commit]) -> dict[str, str]:
        """What commits change against their first parents, by hash; without those that change nothing."""
        asked = "".join(" ".join((one.hash, *one.parents[:1])) + "\n" for one in commits)
        # Before each patch there is the hash; a line within one never looks like that.
        _, *found = _PATCH_OF.split(self._ask("diff-tree", "--stdin", "--root", "-r", "-p", *_DIFF, text=asked))
        return dict(zip(found[::2], found[1::2], strict=True))

    def _ask(self, command: str, *arguments: str, text: str = "") -> str:
        return _run(self._directory, (command, *arguments), text)


def _run(directory: Path, arguments: Sequence[str], text: str, settings: Sequence[str] = ()) -> str:
    """What git prints; `settings` are options before the command.

    Raises:
        GitError: it fails, prints too much or takes too long.
    """
    try:
        done = subprocess.run(
            ["git", *_SAFE, *settings, *arguments],
            cwd=directory,
            env=os.environ | _ENVIRONMENT,
            input=text.encode("utf-8", "surrogateescape"),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError as e:
        what = "git is not installed" if directory.is_dir() else f"{directory} is not a directory"
        raise GitError(f"{what}; `clankers blame` asks it who changed a line") from e
    except subprocess.TimeoutExpired:
        raise GitError(f"git {arguments[0]} did not answer within {_SECONDS:g} s in {directory}") from None
    except (OSError, ValueError) as e:  # a NUL in an argument
        raise GitError(f"git cannot be run in {directory}: {e}") from e
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ").partition("\n")[0]
        raise GitError(f"git {arguments[0]} failed in {directory}: {said or f'exit code {done.returncode}'}")
    if len(done.stdout) > _MOST:
        raise GitError(f"git {arguments[0]} printed more than {_MOST >> 20} MB in {directory}")
    return done.stdout.decode("utf-8", "replace")


def _changes(patch: str) -> dict[str, Change]:
    """What a patch without context changes, by path."""
    found: dict[str, Change] = {}
    change = Change(Counter(), Counter())
    left = 0  # lines of a hunk: a line in it may look like a heading
    for line in patch.split("\n"):
        if left and line[:1] in ("+", "-"):
            left -= 1
            if text := line[1:].strip():
                (change.added if line[0] == "+" else change.removed)[text] += 1
        elif hunk := _HUNK.match(line):
            left = sum(1 if count is None else int(count) for count in hunk.groups())
        elif line.startswith("diff --git "):
            change = Change(Counter(), Counter())
        elif line.startswith(("--- ", "+++ ")) and (path := _unquoted(line[4:])) != _NO_FILE:
            found[path.partition("/")[2]] = change
    return found


def _unquoted(name: str) -> str:
    """A path as git prints it: in quotes, with its bytes escaped, if it is not plain."""
    name = name.removesuffix("\t")  # behind a name with blanks in it
    if not name.startswith('"'):
        return name
    data = re.sub(rb"\\([0-7]{3}|.)", _unescaped, name.strip('"').encode("ascii", "replace"))
    return data.decode("utf-8", "replace")


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else _ESCAPES.get(code, code)
