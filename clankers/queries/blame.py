"""Which session, prompt and model made a commit or a line of a file: what is recorded, compared with what git says."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from msgspec import Struct

from clankers.queries.claims import Claim, Sure, Written, WrittenCall, commit_claims, printed_claim
from clankers.queries.commits import RecordedCommit, recorded_commits
from clankers.queries.dialect import Database
from clankers.queries.prompts import Prompt, prompt_before
from clankers.system.git import Commit, LineOrigin, Repository

_SURENESS = list(Sure)
_SHOWN = 10  # calls of one prompt that are named


class Evidence(Struct, kw_only=True):
    """A recorded call that says who made a commit or line.

    Attributes:
        what: it did.
        tool_id: the call's row in `tools`.
        session_id: its session.
        at: epoch milliseconds.
        quote: a line of the call's input or output that shows it; None: there is none in particular.
        file: of the log, where the call is; None: it was not found.
        line: in that file, from 1.
    """

    what: str
    tool_id: str
    session_id: str
    at: int | None
    quote: str | None
    file: str | None = None
    line: int | None = None


class Origin(Struct, kw_only=True):
    """A session and prompt that made a commit or a line, or some of its lines.

    Attributes:
        sure: how sure it is.
        lines: added lines that its calls wrote.
        session_id: may be a subagent.
        message_id: the response that made the call of the first evidence.
        prompt: that led to it; None: none is recorded.
        evidence: the surest first; at most 10 calls.
    """

    sure: Sure
    lines: int
    session_id: str
    title: str | None
    source: str
    model: str | None
    message_id: str | None
    prompt: Prompt | None
    evidence: list[Evidence]


class BlamedCommit(Struct, kw_only=True):
    """A commit, and who made it.

    Attributes:
        hash: the complete one; if the repository does not have the commit, as it was recorded.
        author: None: the repository does not have it.
        authored_at: epoch milliseconds.
        added_lines: without blank ones; so are the next.
        removed_lines: of these no call is evidence.
        sure: of the first origin.
        origins: the surest first.
    """

    hash: str
    subject: str
    author: str | None
    authored_at: int | None
    added_lines: int
    removed_lines: int
    sure: Sure
    origins: list[Origin]


class BlamedLines(Struct, kw_only=True):
    """Lines of a file, one below the other, from one commit and one prompt.

    Attributes:
        first: number of the first, from 1.
        last: number of the last.
        text: of the first.
        commit: its hash; None: they are not committed.
        sure: of the first origin.
        origins: the surest first.
    """

    first: int
    last: int
    text: str
    commit: str | None
    subject: str | None
    sure: Sure
    origins: list[Origin]


class Blamer:
    """Finds who made the commits and lines of `repository`. What is recorded is read once.

    Methods raise `GitError` where the repository cannot be read.

    Args:
        db: the database.
        repository: where the commits are.
    """

    def __init__(self, db: Database, repository: Repository) -> None:
        self._db = db
        self._repository = repository
        self._written = Written(db, repository)
        self._recorded = recorded_commits(db)
        self._blamed: dict[str, BlamedCommit] = {}
        self._known = repository.commits(one.hash for one in self._recorded)

    def commit(self, hash: str) -> BlamedCommit:
        """Who made the commit with this complete hash."""
        return self._commit(self._repository.commits([hash])[hash])

    def lines(self, path: Path, line: int | None) -> list[BlamedLines]:
        """Who made each line of the file at `path`, which is in the repository's directory; or one line, from 1."""
        found = self._repository.blame(path.name, line)
        commits = self._repository.commits(one.commit for one in found if one.commit)
        written = {name: self._written.of_path(name) for name in {one.path for one in found}}
        self._repository.read_ahead(list(commits.values()), [name for name, calls in written.items() if calls])
        return [
            _joined(list(same), commits)
            for _, same in groupby(
                ((one, self._of_line(one, written[one.path], commits)) for one in found),
                key=lambda pair: (pair[0].commit, [(o.session_id, o.prompt, o.sure) for o in pair[1]]),
            )
        ]

    def _commit(self, made: Commit) -> BlamedCommit:
        if made.hash not in self._blamed:
            self._blamed[made.hash] = self._find(made)
        return self._blamed[made.hash]

    def _find(self, made: Commit) -> BlamedCommit:
        changes = self._repository.changes(made)
        claims = commit_claims(self._repository, self._written, made, changes, self._recorded, self._known)
        origins = origins_of(self._db, claims)
        return BlamedCommit(
            hash=made.hash,
            subject=made.subject,
            author=made.author,
            authored_at=made.authored_at * 1000,
            added_lines=sum(change.added.total() for change in changes.values()),
            removed_lines=sum(change.removed.total() for change in changes.values()),
            sure=origins[0].sure if origins else Sure.NONE,
            origins=origins,
        )

    def _of_line(self, line: LineOrigin, calls: Sequence[WrittenCall], commits: dict[str, Commit]) -> list[Origin]:
        """The last call before the line's commit that wrote it; else who made the commit."""
        made = commits[line.commit] if line.commit else None
        wrote = [
            call
            for call in calls
            if call.wrote(line.text) and (made is None or call.at // 1000 <= max(made.committed_at, made.authored_at))
        ]
        if wrote:
            return origins_of(self._db, [wrote[-1].claim(Sure.LIKELY, 1, "wrote this line", line.text)])
        return self._commit(made).origins if made else []


def recorded_as(db: Database, hash: str) -> list[BlamedCommit]:
    """The recorded commits whose hash begins with `hash`, or is the beginning of it, without asking a repository."""
    found: dict[tuple[str, str], list[RecordedCommit]] = {}
    for one in recorded_commits(db):
        if one.hash.startswith(hash) or hash.startswith(one.hash):
            found.setdefault((one.hash, one.subject), []).append(one)
    return [
        BlamedCommit(
            hash=hash,
            subject=subject,
            author=None,
            authored_at=None,
            added_lines=0,
            removed_lines=0,
            sure=Sure.CERTAIN,
            origins=origins_of(db, [printed_claim(one, Sure.CERTAIN, "made this commit") for one in same]),
        )
        for (hash, subject), same in found.items()
    ]


def origins_of(db: Database, claims: Iterable[Claim]) -> list[Origin]:
    """The claims by session and prompt, the surest first, of those the one with the most lines."""
    found: dict[tuple[str, str | None], Origin] = {}
    for claim in sorted(claims, key=lambda one: (_SURENESS.index(one.sure), -one.lines)):
        prompt = None if claim.at is None else prompt_before(db, claim.session, claim.at)
        key = (claim.session, prompt.id if prompt else None)
        if key not in found:
            found[key] = _origin(db, claim, prompt)
        one = found[key]
        one.lines += claim.lines
        if len(one.evidence) < _SHOWN:
            one.evidence.append(
                Evidence(what=claim.what, tool_id=claim.tool, session_id=claim.session, at=claim.at, quote=claim.quote)
            )
    return sorted(found.values(), key=lambda one: (_SURENESS.index(one.sure), -one.lines))


def _origin(db: Database, claim: Claim, prompt: Prompt | None) -> Origin:
    title, source = db.execute("SELECT title, source FROM sessions WHERE id = :id", {"id": claim.session}).fetchone()
    return Origin(
        sure=claim.sure,
        lines=0,
        session_id=claim.session,
        title=title,
        source=source,
        model=claim.model,
        message_id=claim.message,
        prompt=prompt,
        evidence=[],
    )


def _joined(same: list[tuple[LineOrigin, list[Origin]]], commits: dict[str, Commit]) -> BlamedLines:
    (first, origins), (last, _) = same[0], same[-1]
    return BlamedLines(
        first=first.number,
        last=last.number,
        text=first.text,
        commit=first.commit,
        subject=commits[first.commit].subject if first.commit else None,
        sure=origins[0].sure if origins else Sure.NONE,
        origins=origins,
    )
