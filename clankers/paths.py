"""Where things are, and making them private. Imported on the append path: nothing heavy here."""

import os
import sys

from clankers.errors import NoHomeError, VariableError

DATA_ENV = "CLANKERS_DATA_PATH"
DB_ENV = "CLANKERS_DB_PATH"


def data_root() -> str:
    """The directory that holds the logs: `CLANKERS_DATA_PATH`, else the platform's data directory for `clankers`.

    Raises:
        VariableError: the variable holds no path.
        NoHomeError: it is not set, and there is no home directory.
    """
    if root := _from_environment(DATA_ENV):
        return root
    if sys.platform == "darwin":
        return os.path.join(home(), "Library", "Application Support", "clankers")
    return os.path.join(xdg_directory("XDG_DATA_HOME", ".local/share"), "clankers")


def database_path() -> str:
    """The SQLite database: `CLANKERS_DB_PATH`, else `clankers.db` in the data root.

    Raises:
        VariableError: as `data_root`, or the path is not UTF-8, which SQLite needs.
        NoHomeError: as `data_root`.
    """
    path = _from_environment(DB_ENV) or os.path.join(data_root(), "clankers.db")
    if any("\ud800" <= c <= "\udfff" for c in path):  # what Python makes of such bytes
        raise VariableError(f"the path of the database is not UTF-8; set {DB_ENV} to a path that is")
    return path


def home() -> str:
    """The user's home directory: `HOME`, else what the list of users says.

    Raises:
        NoHomeError: neither is an absolute path, as for a container's user id without an entry in that list.
    """
    path = os.environ.get("HOME", "")
    if not path:
        import pwd  # which a hook does not need: its client has a home

        try:
            path = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            path = ""
    if not os.path.isabs(path):
        raise NoHomeError(f"no home directory is known; set HOME to its absolute path, or {DATA_ENV} to a directory")
    return path


def xdg_directory(variable: str, default: str) -> str:
    """The directory that `variable` names, else `default` in the home directory.

    By the XDG base directory specification, a relative path in the variable must be ignored.
    """
    base = os.environ.get(variable, "")
    return base if os.path.isabs(base) else os.path.join(home(), default)


def named_directory(variable: str) -> str:
    """The directory that the environment's `variable` names, as an absolute path; empty if it names none.

    A `~` in it is the home directory: a file of settings may have it, which no shell expands.
    """
    named = os.environ.get(variable)
    return os.path.abspath(os.path.expanduser(named)) if named else ""


def _from_environment(variable: str) -> str:
    """The path in an environment variable; empty if it is not set.

    A relative path is relative to the project: Claude Code runs hooks in any directory, and passes the project's.
    """
    path = os.environ.get(variable, "")
    if problem := _no_path(path):
        raise VariableError(f"{variable} {problem}; set it to the path of a {_KINDS[variable]}, or unset it")
    if path.startswith("~"):  # from a file of settings, which no shell expands
        path = home() + path[1:]
    project = os.environ.get("CLAUDE_PROJECT_DIR", "")
    return os.path.join(project, path) if path and os.path.isabs(project) else path


_KINDS = {DATA_ENV: "directory", DB_ENV: "file"}


def _no_path(text: str) -> str:
    """Why the value of a variable is no path that a person can mean; empty if it is one. Never repeats the value."""
    if "://" in text or text.startswith(("file:", "sqlite:")):
        return "holds a URL"
    if text.startswith(":"):  # SQLite's names for databases that are no files
        return "begins with a colon"
    if text.startswith("~") and text[1:2] not in ("", "/"):
        return "begins with ~ and a user's name, which only shells expand"
    if text.startswith(("$", '"', "'")):
        return f"begins with {text[0]}, which no shell has expanded or removed"
    if text != text.strip() or any(c < " " for c in text):
        return "holds control characters or spaces around the path"
    return ""


def make_private(directory: str) -> None:
    """Make `directory`, and missing parents, for its owner alone (0700).

    Raises:
        OSError: it cannot be made.
    """
    make_directory(directory, 0o700)


def make_directory(directory: str, mode: int) -> None:
    """Make `directory`, and missing parents, with the permissions that the umask leaves of `mode`.

    What root makes belongs to the owner of the directory that it is in.

    Raises:
        OSError: it cannot be made.
    """
    if os.path.isdir(directory):
        return
    parent = os.path.dirname(directory.rstrip(os.sep))
    if parent:
        make_directory(parent, mode)
    try:
        os.mkdir(directory, mode)
    except FileExistsError:
        if not os.path.isdir(directory):
            raise
        return
    if _is_root():
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            give_to_owner(fd, parent)
        finally:
            os.close(fd)


def open_private(path: str, flags: int) -> int:
    """Open the file at `path`; create it as `create_private` does if it is missing. Links are not followed.

    Raises:
        OSError: it cannot be opened or made.
    """
    while True:
        try:
            return os.open(path, flags | _FLAGS)
        except FileNotFoundError:
            pass
        try:
            return create_private(path, flags)
        except FileExistsError:  # made by another process just now
            continue


def create_private(path: str, flags: int = os.O_WRONLY) -> int:
    """Create the file at `path`, for the owner of its directory alone (0600), and open it.

    Raises:
        FileExistsError: it is there.
        OSError: it cannot be made.
    """
    fd = os.open(path, flags | _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    give_to_owner(fd, os.path.dirname(path))
    return fd


_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


def give_to_owner(fd: int, directory: str) -> None:
    """Give what was just created in `directory` to the owner of that, if root has created it.

    Else a command that root runs once, with the home of a user, would leave files that the user cannot open.
    Only for what is new: another user's directory may hold links to anything.
    """
    if not _is_root():
        return
    try:
        owner = os.stat(directory or os.curdir)
        if owner.st_uid:
            os.fchown(fd, owner.st_uid, owner.st_gid)
    except OSError:  # a user id that is not mapped here, or a file system without owners
        pass


def _is_root() -> bool:
    return os.geteuid() == 0
