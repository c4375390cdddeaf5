"""One error root, and the exit codes that `clankers` gives. Imported on the append path: nothing heavy here.

One code stands for one kind of mistake, in every command; `clankers docs exit-codes` is the same table.
"""

EX_OK = 0
EX_FAIL = 1  # the command ran and the answer is no: `verify` found damage, the SQL was wrong, a package is missing
EX_USAGE = 64  # the command line makes no sense. Never 2: that exit code of a hook blocks a harness
EX_DATA = 65  # the input of `append` was not one JSON document; it is kept in the log as a line of type `invalid`
EX_IO = 74  # a file cannot be read or written: the log, the database, an output
EX_BUSY = 75  # another process holds the lock, or a server is away; trying again later may work
EX_CONFIG = 78  # a setting is wrong or missing; trying again does not help
EX_INTERRUPTED = 130  # Ctrl-C stopped it


class ClankersError(Exception):
    """A failure for the user to see: the message says what is wrong, where, and what to do.

    Attributes:
        exit_code: what the process exits with, one of the constants above.
    """

    exit_code = EX_FAIL


class UsageError(ClankersError):
    """The command line does not make sense."""

    exit_code = EX_USAGE


class BusyError(ClankersError):
    """Another process holds a lock that this command needs."""

    exit_code = EX_BUSY


class NoHomeError(ClankersError):
    """There is no home directory, so that there is no place for the log."""

    exit_code = EX_IO


class VariableError(ClankersError):
    """An environment variable holds what cannot be meant."""

    exit_code = EX_CONFIG


def advice(error: OSError) -> str:
    """What a person can do about `error`, as the end of a message."""
    import errno  # only when something went wrong

    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "raise the limit of open files (`ulimit -n`), or close other programs"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room on its disk"
    if error.errno == errno.EROFS:
        return "its file system is read-only: set CLANKERS_DATA_PATH to a directory elsewhere"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "check the directory's owner and permissions"
    return "check its owner, its directory's, and the free space"
