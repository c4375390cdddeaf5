"""Standard output for what rich prints. Imports rich, which takes longer than most commands need: import this late."""

from rich.console import Console


class OutputConsole(Console):
    """Standard output for rich; a pager that was left ends printing as it does for `print`."""

    def on_broken_pipe(self) -> None:
        """Raise `BrokenPipeError`, where rich would end the process."""
        raise BrokenPipeError
