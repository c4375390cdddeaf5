"""What recording needs to know of a harness. What its payloads mean is the replay's matter (`projector.adapters`).

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os

from clankers.log.envelope import ERROR, INFO, WARN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from clankers.harnesses.installer import Installer
    from clankers.ingest.live import Announcer
    from clankers.ingest.source import Source
    from clankers.log.writer import Log
    from clankers.restore.files import Restorer

UNKNOWN = "unknown"  # a document that does not say what it is
MAX_KIND = 200  # characters of a type that are kept

# Where harnesses put an event's name: hooks, a bus of events, named hooks of a plugin, JSON-RPC.
_NAME_KEYS = ("hook_event_name", "type", "hook", "method")

# By the names of Claude Code's hooks, which many harnesses have adopted.
_TURN_ENDS = frozenset({"Stop", "StopFailure", "SessionEnd"})
_LEVELS = {"StopFailure": ERROR, "PostToolUseFailure": WARN, "PermissionDenied": WARN}


class Harness:
    """A harness. This class itself serves unknown sources: their events are logged, and nothing else is done.

    Attributes:
        name: the `source` of its records.
        title: for people.
        program: the client's command.
        folders: directories, besides those on the PATH, where the program may be.
        resumes_with: the program's arguments before the id of a session that it resumes; empty if it cannot by the id.
        starts_with: its arguments before the first prompt of a session for a person; None if it takes no such prompt.
        imports_with: its arguments before a restored file that it imports, where its store is a database; empty: files
            are restored where they were.
        turn_ends: events after which a turn or a session has ended, so that there is nothing more to wait for.
        levels: of events that are not of level `info`, whatever is in them.
        hooks_may_fail: the client goes on after a hook that fails. If it does not, a hook exits 0 whatever happened.
        session_variable: the environment variable that names the session to the processes that the client starts.
        mcp_session_key: the member of `_meta` that names the session in a call of a tool over MCP.
        mcp_call_key: the same for the id of the call, as the client records it.
    """

    name = ""
    title = ""
    program = ""
    folders: tuple[str, ...] = ()
    resumes_with: tuple[str, ...] = ()
    starts_with: tuple[str, ...] | None = None
    imports_with: tuple[str, ...] = ()
    turn_ends = _TURN_ENDS
    levels = _LEVELS
    hooks_may_fail = True
    session_variable = ""
    mcp_session_key = ""
    mcp_call_key = ""

    def kind(self, document: Any) -> str:
        """The harness's own name for the event in `document`."""
        if isinstance(document, dict):
            for key in _NAME_KEYS:
                name = document.get(key)
                if isinstance(name, str) and name:
                    return name[:MAX_KIND]
        return UNKNOWN

    def level(self, kind: str, _document: Any) -> str:
        """`error` for what the harness or a reader would call one, `warn` for failed tools and retries, else `info`."""
        return self.levels.get(kind, INFO)

    def announcer(self) -> Announcer | None:
        """Finds the sources that an event announces; None where no event announces one."""
        return None

    def payload(self, raw: bytes, _document: Any) -> bytes:
        """What is logged of the event `raw`: all of it, but for members that must not be recorded, which are elided."""
        return raw

    def follow(self, log: Log, documents: list[Any]) -> None:
        """Ingest what the events in `documents`, which were just logged, announce, and what is new in open sessions.

        Raises:
            OSError: a file cannot be read or written.
            SourceError: what is announced cannot be read.
        """
        if announce := self.announcer():
            from clankers.harnesses import source_of
            from clankers.ingest.live import read_announced

            read_announced(log, documents, announce, source_of(log.root))

    def source_at(self, _session: str, _path: str) -> Source | None:
        """The source of a session at a path, as a cursor names it; None where the harness has none with a cursor.

        Raises:
            SourceError: there can be none at that path.
        """
        return None

    def sources(self) -> Iterator[Source]:
        """The sessions in the harness's own stores, the newest first."""
        return iter(())

    def has(self, session: str) -> bool:
        """Whether the session is in the harness's own stores."""
        return any(source.session == session for source in self.sources())

    def watched(self, _root: str) -> Iterator[Source]:
        """Those of `sources` that are looked at whenever the database is brought up to date, the last changed first.

        Args:
            _root: the data root, which knows sources that were read before.
        """
        return self.sources()

    def watched_files(self) -> list[str]:
        """Files of which one changes with each change of what `watched` looks at; empty if there are none such."""
        return []

    def count(self) -> int:
        """How many `sources` there are, about."""
        return 0

    def stores(self) -> list[str]:
        """The directories in which `sources` looks for sessions, whether they are there or not."""
        return []

    def resume(self, session: str) -> list[str] | None:
        """The command that resumes `session`, to be run in the session's own directory; None where there is none.

        Ids are untrusted: for one that would be read as an option there is none.
        """
        if not self.resumes_with or not session or session.startswith("-"):
            return None
        return [self.program, *self.resumes_with, session]

    def start(self, prompt: str) -> list[str] | None:
        """The command that starts a session with its first prompt; None where there is none."""
        return None if self.starts_with is None else [self.program, *self.starts_with, prompt]

    def restorer(self) -> Restorer | None:
        """Makes a session's files from the log, for a client that has lost them; None where that cannot be done."""
        return None

    def installer(self) -> Installer | None:
        """Puts our entry into the client's configuration; None where the client has nothing of the kind."""
        return None

    def mcp_installers(self) -> list[Installer]:
        """Put our MCP server into the client's settings, and a skill where it reads some; none if it has no MCP."""
        return []


def unreadable(harness: Harness) -> list[str]:
    """The directories of the harness's stores that cannot be read: `sources` finds nothing in them, silently."""
    found = []
    for store in harness.stores():
        try:
            inside = [entry.path for entry in os.scandir(store) if entry.is_dir()]
        except FileNotFoundError:
            continue
        except OSError:
            found.append(store)
            continue
        found += [path for path in inside if not os.access(path, os.R_OK | os.X_OK)]
    return found


def nested(value: Any, *keys: str) -> Any:
    """The value at `keys` in nested objects; None if one of them is missing or not an object."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value
