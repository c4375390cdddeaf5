"""Changing files that are not ours alone: atomically, with a backup, and never what somebody else changed meanwhile."""

import contextlib
import difflib
import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

from clankers.errors import ClankersError
from clankers.paths import make_directory
from clankers.system.atomic_write import atomic_write
from clankers.system.durable import sync_file

BACKUP = ".before-clankers"  # behind the name of a file that we changed: what it was before


class FileError(ClankersError):
    """A file that cannot be changed; the message says which, why, and what to do."""


class Edit(NamedTuple):
    """A change of one file, from its content `before` to `after`; None: there is no such file.

    Attributes:
        keep: whether what it was is kept beside it.
        mode: the permissions of a file that is new.
        folder: whether its directory goes with it, if there is nothing else in it.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    keep: bool = False
    mode: int = 0o644
    folder: bool = False

    @property
    def target(self) -> Path:
        """The file itself, where `path` is a link to it."""
        return self.path.resolve()

    @property
    def backup(self) -> Path:
        """Where the content is kept that the file had before we changed it."""
        return self.path.with_name(self.path.name + BACKUP)


def content(path: Path) -> bytes | None:
    """The content of the file at `path`; None where there is none.

    Raises:
        FileError: it is there, and cannot be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(fd, "rb") as f:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise FileError(f"{path} is not a regular file; move it away first")
            return f.read()
    except FileNotFoundError:
        return None
    except OSError as e:
        raise FileError(f"{path} cannot be read: {e.strerror}") from e


def exposure(mode: int) -> str:
    """What others can do with a file of these permissions, as a message goes on; empty: nothing."""
    if os.name == "nt":  # where they say nothing
        return ""
    if mode & 0o022:
        return f"can be changed by others (mode {stat.S_IMODE(mode):04o})"
    return f"can be read by others (mode {stat.S_IMODE(mode):04o})" if mode & 0o077 else ""


def difference(edit: Edit) -> str:
    """The change in the format of `diff -u`; empty where there is none."""

    def lines(text: bytes | None) -> list[str]:
        return (text or b"").decode("utf-8", "replace").splitlines(keepends=True)

    before, after = (str(edit.path) if text is not None else os.devnull for text in (edit.before, edit.after))
    return "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(lines(edit.before), lines(edit.after), before, after)
    )


def check(edit: Edit) -> int:
    """The permissions of the file, or those that it will have.

    Raises:
        FileError: it is read-only.
    """
    try:
        mode = stat.S_IMODE(edit.target.stat().st_mode)
    except FileNotFoundError:
        return edit.mode
    if edit.before != edit.after and not mode & stat.S_IWUSR:
        raise FileError(f"{edit.target} is read-only; make it writable (chmod u+w), or make the change by hand")
    return mode


def apply(edit: Edit) -> None:
    """Make the change: the file has its old content or the new one at any moment, and keeps its mode and its links.

    A file that is itself a mount point cannot be replaced, so it is overwritten.

    Raises:
        FileError: it is read-only, was changed by somebody else meanwhile, or cannot be written.
    """
    target = edit.target
    mode = check(edit)
    if content(edit.path) != edit.before:
        raise FileError(f"{edit.path} was changed by another program just now; nothing was done, try again")
    try:
        if edit.after is None:
            target.unlink()
            if edit.folder:
                with contextlib.suppress(OSError):  # not empty
                    target.parent.rmdir()
        else:
            make_directory(str(target.parent), 0o777)
            if edit.keep and edit.before is not None:
                _write(edit.backup, edit.before, mode)
            _write(target, edit.after, mode)
    except OSError as e:
        raise FileError(f"{e.filename or target} cannot be written: {e.strerror}") from e


def drop_backup(edit: Edit) -> None:
    """Remove the backup, once nothing of ours is in the file any more."""
    with contextlib.suppress(FileNotFoundError):
        edit.backup.unlink()


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        with atomic_write(str(path), mode=mode) as f:
            f.write(data)
            _keep_owner(f.fileno(), path)
    except OSError as e:
        if e.errno != errno.EBUSY:
            raise
        with path.open("r+b") as f:
            f.write(data)
            f.truncate()
            f.flush()
            sync_file(f.fileno())


def _keep_owner(fd: int, path: Path) -> None:
    """Give the file behind `fd` the owner of the one at `path`, which it replaces: root, too, installs for others."""
    with contextlib.suppress(FileNotFoundError):
        old, new = path.stat(), os.fstat(fd)
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            os.fchown(fd, old.st_uid, old.st_gid)
