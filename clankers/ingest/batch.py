"""Where an import writes: the log, and behind it the cursors of the sessions whose records are on the disk.

A sync for each of many small sessions would take most of an import's time: several share one.
"""

import time
from collections.abc import Collection
from contextlib import ExitStack
from typing import Self

from clankers.harnesses.claude_code import after_hook, line_fields
from clankers.harnesses.claude_code.transcript_files import SessionFiles
from clankers.ingest.cursor import Cursor
from clankers.log.writer import Log

_PATIENCE = 0.25  # seconds to wait for a hook that is at work on a session
# What is written between two syncs. A hook of a session that is held so long leaves to the next what we did not see.
_BYTES = 16 << 20
_SESSIONS = 64


class Intake:
    """What is appended in groups: `with Intake(log) as intake: intake.take_in(...); intake.settle_if_much()`.

    Raises:
        OSError: from every method, and at the end, when the log cannot be written.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self._held: list[SessionFiles] = []
        self._locks = ExitStack()  # their cursors
        self._size = 0  # bytes since the last sync

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.settle()

    def write(self, day: str, lines: list[bytes]) -> None:
        """Append `lines`, each with its newline, to the file of `day`."""
        self.log.write(day, lines)
        self._size += sum(map(len, lines))

    def take_in(
        self,
        session: str,
        path: str,
        *,
        is_new: bool = False,
        afresh: bool = False,
        forgotten: Collection[str] | None = None,
    ) -> int:
        """Append all that is new in the transcript of `session` at `path` and in its subagents'.

        Args:
            session: its id.
            path: of its transcript.
            is_new: the caller knows that the log holds no record of it, which saves looking.
            afresh: read from the first byte, however far the cursor says that the files were read.
            forgotten: the sessions whose past is not to come back, where the caller knows them.

        Returns:
            how many records that made.

        Raises:
            OSError: a file cannot be read or written.
            TranscriptError: it is not a transcript of that session, or a file is not to be read; the session's other
                files were taken in all the same.
        """
        path = after_hook.checked(session, path)
        with ExitStack() as stack:
            cursor = stack.enter_context(Cursor(self.log.root, session, patience=_PATIENCE))
            if not cursor.locked:
                return 0  # a hook is at work on it and takes it in
            is_new = is_new and not cursor.known and not cursor.busy  # nor has a hook come before us
            if afresh:
                cursor.forget()
            cursor.move_to(path)
            known = () if afresh else forgotten
            files = SessionFiles(session, cursor, is_new=is_new, forgotten=known, parse=line_fields.parse)
            if time.time() - files.changed_at() < after_hook.FORGOTTEN:
                cursor.open()  # it may still be going on
            new = files.append_new(self.log, None)
            self._size += files.taken
            self._held.append(files)
            self._locks.push(stack.pop_all())
        if files.failure:
            raise files.failure
        return new

    def settle_if_much(self) -> None:
        """`settle`, where enough has come together."""
        if self._size > _BYTES or len(self._held) >= _SESSIONS:
            self.settle()

    def settle(self) -> None:
        """Bring what was written to the disk, and then the sessions' cursors up to date."""
        held, self._held, self._size = self._held, [], 0
        with self._locks.pop_all():
            self.log.sync()
            for files in held:
                files.settle()
