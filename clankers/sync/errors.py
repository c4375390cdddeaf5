"""The errors of sending. Nothing heavy here: catching them must not import the HTTP client."""

from clankers.errors import EX_BUSY, EX_CONFIG, ClankersError


class SendError(ClankersError):
    """A body was not acknowledged.

    Attributes:
        status: of the server's answer; None where there was none.
        brief: what is wrong, without where and what to do: "API error 401: Unauthorized".
    """

    def __init__(self, message: str, *, brief: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.brief = brief or message
        self.status = status


class RefusedError(SendError):
    """The server will never accept this body."""


class DeniedError(SendError):
    """The server accepts nothing until the settings, or the server, are fixed."""

    exit_code = EX_CONFIG


class UnavailableError(SendError):
    """It did not work, retries included; later it may.

    Attributes:
        wait: seconds for which the server asks to be left alone; 0: it does not say.
    """

    exit_code = EX_BUSY

    def __init__(self, message: str, *, brief: str = "", status: int | None = None, wait: float = 0) -> None:
        super().__init__(message, brief=brief, status=status)
        self.wait = wait


class StoppedError(SendError):
    """The process was stopped before the server had acknowledged."""

    exit_code = EX_BUSY
