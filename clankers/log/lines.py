"""Complete lines out of chunks of bytes. Imported on the append path: nothing heavy here."""

from __future__ import annotations  # typing is a third of what a hook would import


class LineBuffer:
    r"""Joins chunks of bytes and cuts them at each `\n`; the time is linear in the bytes, however long a line is.

    Attributes:
        size: bytes of the line that has no newline yet.
    """

    __slots__ = ("_parts", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def lines(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their newlines."""
        *complete, rest = chunk.split(b"\n")
        if complete:
            complete[0] = self._joined(complete[0])
        self._keep(rest)
        return complete

    def block(self, chunk: bytes) -> bytes:
        """The same lines as one string, each with its newline, to search many at once; empty where there is none."""
        cut = chunk.rfind(b"\n") + 1
        complete = self._joined(chunk[:cut]) if cut else b""
        self._keep(chunk[cut:])
        return complete

    def rest(self) -> bytes:
        """The line that has no newline yet, which the buffer then forgets."""
        return self._joined(b"")

    def _joined(self, end: bytes) -> bytes:
        joined = b"".join((*self._parts, end)) if self._parts else end
        self._parts.clear()
        self.size = 0
        return joined

    def _keep(self, part: bytes) -> None:
        if part:
            self._parts.append(part)
            self.size += len(part)
