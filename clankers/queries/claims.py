"""What recorded calls say about a commit: that they made it, made one that it was rewritten from, or wrote its lines.

How sure a claim is:

- certain: the call printed this commit's hash and subject, and ran when it was made.
- likely: the call made a commit of the same change, author time or message, as before a rebase, an amend or a squash;
  or it ran a command with the subject in that second; or the session's calls wrote half of the added lines.
- possible: the session's calls wrote fewer lines, or only edited the same files since their last commit; or a call ran
  git in that second.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from clankers.queries.commits import RecordedCommit, makes_commit
from clankers.queries.dialect import Database, listed
from clankers.queries.projects import project_places
from clankers.system.git import Change, Commit, Repository

_SLACK = 1_000  # milliseconds: git counts in seconds
_BEFORE_SQUASH = 90 * 86_400_000  # milliseconds in which the commits of a squash are looked for
_TRIED = 200  # commits that are compared with a squash
_FILES = 200  # of a commit that are compared with calls
_MOST = 0.5  # share of the added lines that is most of them
_CONTAINED = 0.8  # share of a commit's lines in another that makes it a part of that
_USUAL_HASH = 7  # digits that git prints at least, unless it is told otherwise
_TELLING = 4  # characters of a line that few others have, too
_IN_COMMAND = 8  # characters of a line that is looked for within those of a command

_COLUMNS = "t.id, t.session_id, t.message_id, coalesce(t.model, s.model), s.project_path, s.git_branch"
_EDITS = f"""
SELECT {_COLUMNS}, coalesce(e.edited_at, t.created_at, 0) AS at, e.file_path, t.tool_input
FROM file_edits AS e JOIN tools AS t ON t.id = e.tool_id JOIN sessions AS s ON s.id = t.session_id
WHERE e.file_path IN {listed("paths")} ORDER BY at, e.id
"""
_CALLS = f"""
SELECT {_COLUMNS}, coalesce(t.created_at, 0) AS at, NULL, t.tool_input
FROM tools AS t JOIN sessions AS s ON s.id = t.session_id
WHERE t.session_id IN {listed("sessions")} AND t.edits_file = 0 AND t.created_at BETWEEN :since AND :until
ORDER BY at, t.id
"""
_RUNNING = f"""
SELECT {_COLUMNS}, t.created_at, NULL, t.tool_input
FROM sessions AS s JOIN tools AS t ON t.session_id = s.id
WHERE t.created_at < :until AND coalesce(t.completed_at, t.created_at) >= :since AND coalesce(t.success, 1) <> 0
"""


class Sure(StrEnum):
    """How sure it is that a session made something, the surest first."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"
    NONE = "none"


class Claim(NamedTuple):
    """That a call made a commit or a line, or a part of it.

    Attributes:
        what: it did, in words.
        lines: added lines that it wrote.
        at: epoch milliseconds.
        quote: a line of its input or output that shows it.
    """

    sure: Sure
    what: str
    tool: str
    session: str
    message: str | None
    model: str | None
    lines: int
    at: int | None
    quote: str | None = None


class WrittenCall:
    """A call that may have written lines of a file.

    Attributes:
        project: of its session.
        branch: on which its session began.
        path: of the file that it edited; None: that is not known.
        at: epoch milliseconds.
    """

    def __init__(self, row: tuple[Any, ...]) -> None:
        self.tool, self.session, self.message, self.model, self.project, self.branch, self.at, self.path, given = row
        self.given: str | None = given

    @cached_property
    def _lines(self) -> frozenset[str]:
        try:
            found = msgspec.json.decode(self.given or "null")
        except (msgspec.DecodeError, RecursionError):
            found = self.given
        lines = (line.strip() for text in _texts(found) for line in text.split("\n"))
        # In a patch lines have a sign before them.
        return frozenset(form for line in lines for form in (line, line[1:].strip() if line[:1] in "+-" else line))

    @cached_property
    def _text(self) -> str:
        return "\n".join(self._lines)

    def says(self, text: str) -> bool:
        """Whether the text is in the call's input."""
        return bool(text) and text in self._text

    def wrote(self, line: str) -> bool:
        """Whether the line is one of the call's input, or stands in the command of a call that edited no known file."""
        text = line.strip()
        if self.path is None:
            return len(text) >= _IN_COMMAND and text in self._text
        return len(text) >= _TELLING and text in self._lines

    def claim(self, sure: Sure, lines: int, what: str, quote: str | None = None) -> Claim:
        """A claim of this call."""
        return Claim(sure, what, self.tool, self.session, self.message, self.model, lines, self.at, quote)


class Written:
    """The calls that may have written files of `repository`."""

    def __init__(self, db: Database, repository: Repository) -> None:
        self._db = db
        self._repository = repository

    @cached_property
    def _roots(self) -> dict[str, str]:
        """The projects in the repository, or around it, and the path of its top as each project writes it."""
        tops = [os.path.realpath(top) for top in self._repository.worktrees]
        found = {str(top): str(top) for top in (*self._repository.worktrees, *tops)}
        for project, real in project_places(self._db).items():
            for top in tops:
                if _is_within(real, top):
                    found[project] = _without_end(project, os.path.relpath(real, top))
                elif _is_within(top, real):
                    found[project] = os.path.normpath(os.path.join(project, os.path.relpath(top, real)))
        return found

    def is_here(self, project: str | None) -> bool:
        """Whether a session with this project worked in the repository."""
        return project in self._roots

    def of_path(self, path: str) -> list[WrittenCall]:
        """The calls that edited the file at `path`, from the repository's top; the first first."""
        named = [os.path.join(root, path) for root in set(self._roots.values())]
        rows = self._db.execute(_EDITS, _json(paths=[*named, path]))
        return [call for row in rows if (call := WrittenCall(row)).path != path or self.is_here(call.project)]

    def of_sessions(self, sessions: Sequence[str], since: int, until: int) -> list[WrittenCall]:
        """The calls of some sessions, but for those that edit a file, in a time in epoch milliseconds."""
        rows = self._db.execute(_CALLS, {**_json(sessions=list(sessions)), "since": since, "until": until})
        return [WrittenCall(row) for row in rows]

    def committing(self, second: int) -> list[WrittenCall]:
        """The calls that ran a command in the repository that makes commits, at that second of the epoch."""
        rows = self._db.execute(_RUNNING, {"since": second * 1000, "until": (second + 1) * 1000})
        return [call for row in rows if self.is_here((call := WrittenCall(row)).project) and makes_commit(call.given)]


def commit_claims(
    repository: Repository,
    written: Written,
    made: Commit,
    changes: Mapping[str, Change],
    recorded: Sequence[RecordedCommit],
    known: Mapping[str, Commit],
) -> list[Claim]:
    """Who made a commit.

    Args:
        repository: that has it.
        written: the calls that may have written its lines.
        made: the commit.
        changes: what it changes, by path.
        recorded: all commits that calls made.
        known: those of them that the repository has, by the hash as it was recorded.
    """
    claims = (
        list(_printed(made, recorded))
        or list(_rewritten(repository, written, made, recorded, known))
        or list(_squashed(repository, written, made, changes, recorded, known))
        or list(_ran_then(written, made, recorded))
    )
    return [*claims, *_wrote(repository, written, made, changes, claims)]


def printed_claim(one: RecordedCommit, sure: Sure, what: str) -> Claim:
    """A claim of the call that made a recorded commit."""
    at = one.completed_at or one.created_at
    return Claim(sure, what, one.tool_id, one.session_id, one.message_id, one.model, 0, at, one.printed)


def _printed(made: Commit, recorded: Sequence[RecordedCommit]) -> Iterator[Claim]:
    for one in recorded:
        if made.hash.startswith(one.hash) and _may_have_made(one, made):
            if one.subject == made.subject:
                yield printed_claim(one, Sure.CERTAIN, f"made {one.hash}")
            elif len(one.hash) >= _USUAL_HASH:
                yield printed_claim(one, Sure.LIKELY, f"made {one.hash}, with another subject")


def _may_have_made(one: RecordedCommit, made: Commit) -> bool:
    """Whether the call ran when the commit was made: one that ran later has only read what was printed of it."""
    if one.created_at is None or one.completed_at is None:
        return True
    return one.created_at - _SLACK <= made.committed_at * 1000 <= one.completed_at + _SLACK


def _rewritten(
    repository: Repository,
    written: Written,
    made: Commit,
    recorded: Sequence[RecordedCommit],
    known: Mapping[str, Commit],
) -> Iterator[Claim]:
    """The calls whose commit was amended or rebased into this one."""
    found = []
    for one in recorded:
        old = known.get(one.hash)
        same_subject = one.subject == made.subject
        same_time = _authored_alike(one, old, made)
        if not same_subject and not (same_time and old is not None and written.is_here(one.project_path)):
            continue
        same_change = old is not None and repository.patch_id(old) == repository.patch_id(made) != ""
        if (same_time or same_change) and not (old is not None and _follow(repository, old, made)):
            found.append((one, same_time, same_subject, same_change))
    best = max((sum(alike) for _, *alike in found), default=0)
    for one, *alike in found:
        if sum(alike) == best:
            names = [name for name, same in zip(("author time", "subject", "change"), alike, strict=True) if same]
            yield printed_claim(one, Sure.LIKELY, f"made {one.hash}, which has the same {_listed(names)}")


def _follow(repository: Repository, one: Commit, other: Commit) -> bool:
    """Whether one of two commits is in the history of the other, so that neither replaces the other."""
    return repository.is_ancestor(one.hash, other.hash) or repository.is_ancestor(other.hash, one.hash)


def _authored_alike(one: RecordedCommit, old: Commit | None, made: Commit) -> bool:
    """Whether both commits have one author time; if the repository has lost the old one, whether its call ran then."""
    if old is not None:
        return (old.authored_at, old.author) == (made.authored_at, made.author)
    if one.created_at is None or one.completed_at is None:
        return False
    return one.created_at - _SLACK < made.authored_at * 1000 < one.completed_at + _SLACK


def _squashed(
    repository: Repository,
    written: Written,
    made: Commit,
    changes: Mapping[str, Change],
    recorded: Sequence[RecordedCommit],
    known: Mapping[str, Commit],
) -> Iterator[Claim]:
    """The calls whose commits were put together into this one."""
    until = made.committed_at * 1000 + _SLACK
    since = until - _BEFORE_SQUASH
    here = [one for one in recorded if written.is_here(one.project_path) and since < (one.created_at or 0) <= until]
    if not here:
        return
    history = repository.history(made.hash, since // 1000)
    here = [one for one in here if (old := known.get(one.hash)) is None or old.hash not in history]
    named = {line.strip(" *-") for line in made.message.split("\n")[1:]}
    for one in here[-_TRIED:]:
        old = known.get(one.hash)
        if old is not None and _is_part(repository.changes(old), changes):
            yield printed_claim(one, Sure.LIKELY, f"made {one.hash}, whose changes are in this commit")
        elif old is not None and old.hash in made.message:
            yield printed_claim(one, Sure.LIKELY, f"made {one.hash}, which the message names")
        elif len(one.subject) > _TELLING and one.subject in named:
            yield printed_claim(one, Sure.POSSIBLE, f"made {one.hash}, whose subject the message has")


def _ran_then(written: Written, made: Commit, recorded: Sequence[RecordedCommit]) -> Iterator[Claim]:
    """The calls that ran a command for commits in the second of this one, and printed none."""
    named = {one.tool_id for one in recorded}
    for call in written.committing(made.committed_at):
        if call.tool not in named:
            sure = Sure.LIKELY if call.says(made.subject) else Sure.POSSIBLE
            yield call.claim(sure, 0, "ran git in the second of this commit")


def _is_part(part: Mapping[str, Change], whole: Mapping[str, Change]) -> bool:
    """Whether most lines that `part` adds are added in `whole` too, and one of them is telling."""
    added = sum(change.added.total() for change in part.values())
    same = [change.added & whole[path].added for path, change in part.items() if path in whole and change.added]
    return sum(lines.total() for lines in same) >= _CONTAINED * added > 0 and any(
        len(line) >= _TELLING for lines in same for line in lines
    )


def _wrote(
    repository: Repository, written: Written, made: Commit, changes: Mapping[str, Change], claims: Sequence[Claim]
) -> Iterator[Claim]:
    """The calls that wrote the commit's lines, and if there is no other claim, those that edited its files."""
    until = max(made.committed_at, made.authored_at) * 1000 + _SLACK - 1
    parents = repository.commits(made.parents[:1]).values()
    parent_at = min((min(one.authored_at, one.committed_at) for one in parents), default=0) * 1000
    beside = written.of_sessions(list({one.session for one in claims}), parent_at, until)
    lines: Counter[WrittenCall] = Counter()
    quotes: dict[WrittenCall, str] = {}
    paths: dict[WrittenCall, str] = {}
    edited: dict[WrittenCall, str] = {}
    for path, change in islice(changes.items(), _FILES):
        calls = written.of_path(path)
        if calls:
            begin = repository.last_changed(path, made.hash) * 1000
            calls = [call for call in calls if begin <= call.at <= until]
            # One in that second may be what the last commit has.
            edited |= {call: path for call in calls if call.at >= begin + 1000}
            paths |= dict.fromkeys(calls, path)
        calls += beside
        for line, times in change.added.items():
            if wrote := [call for call in calls if call.wrote(line)]:
                last = max(wrote, key=lambda call: call.at)
                lines[last] += times
                quotes.setdefault(last, line)
    total = sum(change.added.total() for change in changes.values())
    of_session: Counter[str] = Counter()
    for call, count in lines.items():
        of_session[call.session] += count
    for call, count in lines.items():
        sure = Sure.LIKELY if of_session[call.session] >= _MOST * total else Sure.POSSIBLE
        where = f" in {paths[call]}" if call in paths else ""
        yield call.claim(sure, count, f"wrote {count:,} of the {total:,} added lines{where}", quotes[call])
    if not lines and not claims and edited:
        branches = repository.branches(made.hash)
        for call, path in edited.items():
            if call.branch is None or not branches or call.branch in branches:
                yield call.claim(Sure.POSSIBLE, 0, f"edited {path}, which this commit changes")


def _texts(value: Any) -> Iterator[str]:
    """All texts in a decoded JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _is_within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(os.path.join(directory, ""))


def _without_end(path: str, end: str) -> str:
    return path if end == os.curdir else path.removesuffix(os.sep + end)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _json(**values: list[str]) -> dict[str, str]:
    return {name: msgspec.json.encode(texts).decode() for name, texts in values.items()}
