"""One error root, and the exit codes that `clankers` gives. Imported on the append path: nothing heavy here."""

EX_OK = 0
EX_FAIL = 1  # the command ran and the answer is no: `verify` found damage, the query was wrong
EX_USAGE = 64  # sysexits(3). Never 2 on the append path: exit code 2 from a hook blocks the harness
EX_DATA = 65  # the input was not one JSON document; it is kept in the log as a line of type `invalid`
EX_IO = 74  # the log, or the database, cannot be written
EX_BUSY = 75  # somebody else holds the lock; trying again later may work
EX_CONFIG = 78  # a setting is wrong or missing; trying again will not help


class ClankersError(Exception):
    """A failure to be told to the user: the message says what is wrong, where, and what to do.

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
