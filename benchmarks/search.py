"""What searching costs: `python -m benchmarks.search [MESSAGES]`, a million if nothing is said.

The database is written directly, with words that are as often as in any language and tool outputs of very different
lengths. Compared is with what one would do without an index: a look at every text.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

import apsw

from clankers.queries.filters import filters
from clankers.queries.search import best_matches, match_expression
from projector.search.index import index_bytes, query_index
from projector.store.sqlite_file import open_database

SESSION = 100  # messages
SYLLABLES = [a + b for a, b in zip("bcdfghjklmnpqrstvwxz", "aeiou" * 4, strict=True)]
SCAN = (
    "SELECT count(*) FROM messages WHERE text_content LIKE ?1",
    "SELECT count(*) FROM tools WHERE tool_input LIKE ?1 OR tool_output LIKE ?1",
)


def make(path: str, messages: int, vocabulary: list[str]) -> int:
    """A database of that many messages and six calls for ten of them; returns the characters in it."""
    rng = random.Random(7)
    pool = rng.choices(vocabulary, cum_weights=list(accumulate(1 / (i + 1) for i in range(len(vocabulary)))), k=10**6)

    def words(count: int) -> str:
        start = rng.randrange(len(pool) - count)
        return " ".join(pool[start : start + count])

    def rows(numbers: range) -> Iterator[tuple[str, str, str, int, str, str | None, str | None]]:
        for i in numbers:
            given = json.dumps({"command": words(rng.randint(3, 30))}) if i % 10 in range(1, 7) else None
            said = words(rng.randint(5, 100))
            printed = words(int(min(4000, rng.paretovariate(1.1) * 60)))
            yield (
                f"{rng.getrandbits(64):016x}",
                f"ses_{i // SESSION}",
                "user" if i % 10 else "assistant",
                i,
                said,
                given,
                printed,
            )

    characters = 0
    db = open_database(path, durable=False)
    for start in range(0, messages, SESSION * 100):
        some = list(rows(range(start, min(messages, start + SESSION * 100))))
        calls = [(f"c{id}", session, id, at, given, printed) for id, session, _, at, _, given, printed in some if given]
        with db:
            ids = sorted({row[1] for row in some})
            db.executemany(
                "INSERT INTO sessions (id, source, project_name) VALUES (?1, 'opencode', ?1)", [(i,) for i in ids]
            )
            db.executemany("INSERT INTO changes VALUES (?, ?)", [(id, start) for id in ids])
            db.executemany(
                "INSERT INTO messages (id, session_id, role, created_at, source, text_content) "
                "VALUES (?, ?, ?, ?, 'opencode', ?)",
                [row[:5] for row in some],
            )
            db.executemany(
                "INSERT INTO tools (id, session_id, message_id, created_at, source, tool_input, tool_output) "
                "VALUES (?, ?, ?, ?, 'opencode', ?, ?)",
                calls,
            )
        characters += sum(len(row[4]) for row in some) + sum(len(call[4]) + len(call[5] or "") for call in calls)
    db.pragma("journal_mode", "WAL")
    db.close()
    return characters


def timed(what: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    begun, cpu = time.perf_counter(), time.process_time()
    what()
    return time.perf_counter() - begun, time.process_time() - cpu


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 10**6
    rng = random.Random(1)
    vocabulary = list({"".join(rng.choices(SYLLABLES, k=rng.randint(1, 5))): None for _ in range(60_000)})
    with tempfile.TemporaryDirectory(prefix="clankers-bench-") as folder:
        path = str(Path(folder, "clankers.db"))
        characters = make(path, messages, vocabulary)
        wall, cpu = timed(lambda: query_index(path, lambda _: None, progress=lambda _: None))
        size = index_bytes(path)
        print(f"{messages:,} messages, {characters / 1e6:.0f} MB of text; its index: {size / 1e6:.0f} MB, ", end="")
        print(f"{size / characters:.2f}x, made in {wall:.1f} s ({characters / 1e6 / cpu:.1f} MB a second of processor)")
        wall, _ = timed(lambda: query_index(path, lambda _: None, progress=lambda _: None))
        print(f"nothing new: {wall * 1000:.1f} ms\n\n| words | found in | search | a look at every text | ratio |")
        print("|---|---|---|---|---|")
        for words, project in (
            ([vocabulary[30_000]], None),
            (vocabulary[100:102], None),
            ([" ".join(vocabulary[:2])], None),
            (vocabulary[:1], None),
            (vocabulary[:1], "ses_1"),
        ):
            measure(path, words, project)


def measure(path: str, words: list[str], project: str | None) -> None:
    query, asked = match_expression(words), filters(project=project)
    count = "SELECT count(*) FROM texts WHERE texts MATCH ?"
    found = query_index(path, lambda db: db.execute(count, (query,)).get, progress=lambda _: None)
    wall, _ = timed(lambda: query_index(path, lambda db: best_matches(db, query, asked, 20), progress=lambda _: None))
    db = apsw.Connection(path)
    scan, _ = timed(lambda: [db.execute(sql, (f"%{words[0]}%",)).get for sql in SCAN])
    db.close()
    where = f" in {project}" if project else ""
    print(f"| {' '.join(words)}{where} | {found:,} | {wall:.3f} s | {scan:.3f} s | {wall / scan:.3f}x |", flush=True)


if __name__ == "__main__":
    main()
