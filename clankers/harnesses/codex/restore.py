"""A thread's rollouts, made from their records."""

from clankers.harnesses.base import nested
from clankers.harnesses.codex.history import home
from clankers.harnesses.codex.rollout_files import INDEX, PLAIN, SESSIONS, located, thread_of
from clankers.ingest.source import SourceError
from clankers.restore.files import RestoredFiles
from clankers.restore.lines import lines_file
from clankers.restore.names import elsewhere, inner, moment
from clankers.restore.records import LoggedRecord, LoggedSession


def files(session: LoggedSession) -> RestoredFiles:
    """The rollout, those that rewinds began, and the thread's titles."""
    found = RestoredFiles(str(home()))
    named = _named(session, found)
    rollouts: dict[str, list[LoggedRecord]] = {}
    for record in session.records:
        if not (place := record.place):
            continue
        if record.kind == INDEX:
            found.list_lines[(INDEX + PLAIN,)] = place[1], record.payload
        else:
            rollouts.setdefault(place[0].partition("/")[2], []).append(record)
    for rewound, records in rollouts.items():
        path = named.get(rewound) or _dated(_name(session, rewound, records[0]))
        found.add(path, lines_file(records, found.lacking, session.parts.get(path[-1].removesuffix(PLAIN))))
    return found


def _named(session: LoggedSession, found: RestoredFiles) -> dict[str, tuple[str, ...]]:
    """The paths of rollouts that events name, by what began them."""
    named: dict[str, tuple[str, ...]] = {}
    for path in session.paths("transcript_path", "agent_transcript_path"):
        try:
            at, name, _ = located(path, [session.id])
        except SourceError:
            continue
        rewound = name.partition(session.id)[2].removeprefix("_")
        if rewound not in named and (names := inner(path, at)):
            named[rewound] = (*names[:-1], name + PLAIN)
            found.aside = found.aside or elsewhere(at, found.root)
    for name in session.parts:
        if thread_of(name) == session.id:
            named.setdefault(name.partition(session.id)[2].removeprefix("_"), _dated(name))
            found.aside = found.aside or elsewhere(session.place, found.root)
    return named


def _name(session: LoggedSession, rewound: str, first: LoggedRecord) -> str:
    """The name of a rollout by the time of its first line: the client takes the local time."""
    meta = first.value()
    at = moment(nested(meta, "payload", "timestamp") or nested(meta, "timestamp"), session.id).astimezone()
    return f"rollout-{at:%Y-%m-%dT%H-%M-%S}-{session.id}{'_' * bool(rewound)}{rewound}"


def _dated(name: str) -> tuple[str, ...]:
    """The path of the rollout `name`, in the directory of its day."""
    year, month, day = name.removeprefix("rollout-").split("T", 1)[0].split("-")
    return (SESSIONS, year, month, day, name + PLAIN)
