"""One statement in a process of its own, which ends at the deadline and whose memory is limited, whatever it computes.

SQLite looks at the clock between two steps only, and one step may take minutes and all memory.
"""

import resource
import subprocess
import sys
from contextlib import suppress

import msgspec

from clankers import paths
from clankers.errors import ClankersError
from clankers.queries.connect import open_for_reading
from clankers.queries.statement import NotReadingError, QueryError, QueryResult, TookTooLongError, plain, run_statement
from clankers.system import detached

_MEMORY = 512 << 20  # bytes of the process
_ROOM = 8 << 20  # characters of all values, after which no further row is read
_LONGEST = 32 << 20  # bytes of an answer: its last row may be long
_START = 2.0  # seconds in which the process starts and sends what it has
_ERRORS = {kind.__name__: kind for kind in (QueryError, NotReadingError, TookTooLongError)}


class _Question(msgspec.Struct):
    database: str
    sql: str
    limit: int
    seconds: float


class _Answer(msgspec.Struct):
    """What `QueryResult` has, with values that JSON can hold; or the name of an error, and its text."""

    columns: list[str] = []
    rows: list[tuple[object, ...]] = []
    more: bool = False
    error: str = ""
    problem: str = ""


def run_apart(sql: str, *, limit: int, seconds: float) -> QueryResult:
    """The answer to the one statement in `sql`, asked of the database in another process.

    Args:
        sql: the statement.
        limit: rows that are read, at most; fewer are where they are long.
        seconds: that it may take.

    Raises:
        QueryError: it cannot be run.
        NotReadingError: it would change something.
        TookTooLongError: it took too long.
        ClankersError: the database cannot be read.
    """
    question = msgspec.json.encode(_Question(paths.database_path(), sql, limit, seconds))
    command = detached.command(module=__name__)
    try:
        done = subprocess.run(command, input=question, capture_output=True, timeout=seconds + _START, check=False)
    except subprocess.TimeoutExpired:
        raise TookTooLongError(f"stopped after {seconds:g} s") from None
    if done.returncode:
        raise ClankersError(f"The statement was not answered: {done.stderr.decode('utf-8', 'replace')[-500:].strip()}")
    answer = msgspec.json.decode(done.stdout, type=_Answer)
    if answer.error:
        raise _ERRORS.get(answer.error, ClankersError)(answer.problem)
    return QueryResult(answer.columns, answer.rows, answer.more)


def _answer(question: _Question) -> bytes:
    db = open_for_reading(question.database)
    result = run_statement(db, question.sql, limit=question.limit, room=_ROOM, timeout=question.seconds)
    rows = [tuple(plain(value) for value in row) for row in result.rows]
    encoded = msgspec.json.encode(_Answer(result.columns, rows, result.more))
    if len(encoded) > _LONGEST:
        raise MemoryError
    return encoded


def main() -> None:
    """Answer the question on stdin, on stdout."""
    with suppress(ValueError, OSError):  # a lower limit is set, or the system has none
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=_Question)
    try:
        answer = _answer(question)
    except MemoryError:
        answer = _failure(QueryError("the answer needs too much memory; ask for fewer or shorter values"))
    except ClankersError as e:
        answer = _failure(e)
    sys.stdout.buffer.write(answer)


def _failure(error: ClankersError) -> bytes:
    return msgspec.json.encode(_Answer(error=type(error).__name__, problem=str(error)))


if __name__ == "__main__":
    main()
