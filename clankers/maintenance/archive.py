"""Compresses closed days. Nothing is lost or counted twice, whenever it is killed and whoever writes meanwhile.

Writers take no lock and open a day's file by its name. So the file is renamed before it is removed:

1. `D.jsonl` is compressed into `D.jsonl.gz`, by a temporary file, fsync and rename. Both begin with the same bytes:
   readers use the plain one.
2. `D.jsonl` is renamed to `D.jsonl.archiving`, a name that no writer opens. A later writer makes a new `D.jsonl`, which
   continues the day for readers.
3. Writers that opened the file before are waited for. Linux refuses a lease for reading while anybody has the file open
   for writing. Elsewhere the file must not have changed for a second.
4. The archive is decompressed and compared byte for byte with the file. If a late line made the file longer than the
   archive, it is compressed again. The file is removed only if the archive holds every byte.

A day that was continued after it was archived is merged: `.archiving`, which begins where the archive ends, is replaced
by one file with the bytes of both, which is then compressed as above. After each of these steps
`clankers.log.segments` reads the same bytes in the same order, and the next run can go on from there.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from clankers.log.reader import log_files
from clankers.log.segment_file import DamagedError, SegmentFile, is_copy
from clankers.log.segments import ARCHIVING, COMPRESSED, list_segments
from clankers.log.writer import file_name
from clankers.maintenance.gzip_writer import ArchiveError, compress, damaged_error, join
from clankers.system.atomic_write import TEMPORARY
from clankers.system.durable import sync_directory

_AT_ONCE = 16  # days: most of the time of a small one goes by while the disk syncs, and it syncs several at once
_TRIES = 4  # compressions of a day, each after a late line or with a failing disk
_POLL = 0.05  # seconds between two checks of a file that is open for writing
_QUIET = 1.0  # seconds in which nothing is appended, where the system does not say whether a file is open for writing
_PATIENCE = 5.0  # seconds to wait for writers: an append takes milliseconds


class InUseError(ArchiveError):
    """Another program has the day's file open for writing: the next run will archive it."""


def due(root: str, before: str) -> list[str]:
    """The names of the days in `root` before the day `before` (`YYYY-MM-DD`) that need to be archived or merged.

    Raises:
        OSError: a file cannot be read.
    """
    days = [file.name for file in log_files(root)]
    found = list_segments(root) if days else {}
    return [
        name
        for name in days
        for ends in [found.get(name, [COMPRESSED])]
        if name < file_name(before) and (ends != [COMPRESSED] or not _is_ours(os.path.join(root, name + COMPRESSED)))
    ]


def remove_unfinished(root: str) -> None:
    """Remove the unfinished files of killed archivers. `in_place_edit.lock` must be held."""
    for entry in os.listdir(root):
        if entry.startswith("clankers-") and ".jsonl" in entry and entry.endswith(TEMPORARY):
            os.unlink(os.path.join(root, entry))


def archive_all(
    root: str, names: Sequence[str], *, progress: Callable[[int], object]
) -> Iterator[tuple[str, ArchiveError]]:
    """Archive the days `names` as `archive` does, several at a time; yields those that were not archived, and why.

    Raises:
        OSError: a file cannot be read or written; days that were begun are finished, no more are begun.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = {name: pool.submit(archive, root, name, progress=progress) for name in names}
        try:
            for name, one in running.items():
                try:
                    one.result()
                except ArchiveError as e:
                    yield name, e
        finally:
            pool.shutdown(cancel_futures=True)


def archive(root: str, name: str, *, progress: Callable[[int], object]) -> None:
    """Archive the day `name` in `root`, or finish what a killed run began. `in_place_edit.lock` must be held.

    Args:
        root: the data root.
        name: the day's, `clankers-YYYY-MM-DD.jsonl`.
        progress: called with the number of bytes compressed since the last call.

    Raises:
        InUseError: another program has the file open for writing.
        ArchiveError: the archive is damaged_error, or is another day's, or the disk does not keep what is written.
        OSError: a file cannot be read or written.
    """
    path = os.path.join(root, name)
    if os.path.exists(path + ARCHIVING):
        _finish(path, progress)
    if os.path.exists(path):
        with SegmentFile(path, compressed=False) as plain:
            if _open_for_writing(plain.fd):
                raise InUseError(
                    f"{name} is left unchanged: another program has it open for writing; "
                    "run `clankers archive` again later"
                )
        if not os.path.exists(path + COMPRESSED):
            compress(path, "", progress)
        os.replace(path, path + ARCHIVING)
        _finish(path, progress)
    if not _is_ours(path + COMPRESSED):  # made by another program: it does not state its size
        join(path)
        _finish(path, progress)


def _finish(path: str, progress: Callable[[int], object]) -> None:
    """Bring the renamed file of the day at `path` into its archive."""
    for _ in range(_TRIES):
        with SegmentFile(path + ARCHIVING, compressed=False) as plain:
            _wait_for_writers(plain.fd, path)
            state = _compare(path, plain)
        if state == _HELD:
            sync_directory(os.path.dirname(path))
            os.unlink(path + ARCHIVING)
            sync_directory(os.path.dirname(path))
            return
        if state == _BEHIND:
            compress(path, ARCHIVING, progress)
        else:
            join(path)
    raise ArchiveError(
        f"the disk did not keep {path}{COMPRESSED} as it was written; "
        f"{path}{ARCHIVING} is kept: check the disk, then archive again"
    )


_HELD = "the archive holds every byte"
_BEHIND = "the archive is missing, or lacks something at its end, or is not ours, or is damaged: compress it again"
_APART = "the file goes on where the archive ends"


def _compare(path: str, plain: SegmentFile) -> str:
    """How much of `plain` the archive of the day at `path` holds, byte by byte.

    Raises:
        ArchiveError: they begin alike and differ later, or the archive is damaged and holds more.
    """
    if not os.path.exists(path + COMPRESSED):
        return _BEHIND
    with SegmentFile(path + COMPRESSED, compressed=True) as compressed:
        if not is_copy(compressed, plain):
            return _APART
        at = 0
        try:
            for chunk in compressed.read(0, compressed.size):
                part = b"".join(plain.read(at, at + len(chunk)))
                if part != chunk[: len(part)]:
                    raise ArchiveError(
                        f"{path}{COMPRESSED} and the plain file of the day begin alike and differ after byte {at}: "
                        "one was edited; compare them (zcat), and remove the wrong one"
                    )
                at += len(part)
        except DamagedError as e:
            if plain.size >= compressed.size:
                return _BEHIND
            raise damaged_error(path, e) from None
        size = os.fstat(plain.fd).st_size
        return _HELD if at == size and (compressed.states_size or size < compressed.size) else _BEHIND


def _is_ours(path: str) -> bool:
    with SegmentFile(path, compressed=True) as archive:
        return archive.states_size


def _wait_for_writers(fd: int, path: str) -> None:
    """Wait until nobody can append to the file any more; nobody opens its name.

    Raises:
        InUseError: another program does not close it.
    """
    deadline = time.monotonic() + _PATIENCE
    size = -1
    while (writing := _open_for_writing(fd)) is not False:
        if writing is None and size == (size := os.fstat(fd).st_size):
            return
        if time.monotonic() > deadline:
            raise InUseError(f"{path}{ARCHIVING} is left for the next run: another program has it open for writing")
        time.sleep(_POLL if writing else _QUIET)


def _open_for_writing(fd: int) -> bool | None:
    """Whether anybody has the file behind `fd`, itself open for reading, open for writing; None: the system cannot say.

    Linux grants no lease for reading then (fcntl(2), F_SETLEASE). The lease is returned at once. A program that opens
    the file in that moment waits for it, and we get a signal, for which one is chosen that does nothing.
    """
    try:
        import fcntl

        lease, note, quiet = fcntl.F_SETLEASE, fcntl.F_SETSIG, signal.SIGURG
    except (ImportError, AttributeError):
        return None
    try:
        fcntl.fcntl(fd, note, quiet)
        fcntl.fcntl(fd, lease, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None  # a file system without leases, or a file of another user's
    fcntl.fcntl(fd, lease, fcntl.F_UNLCK)
    return False
