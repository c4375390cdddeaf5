"""The help of `clankers statusline`. The command itself is `clankers.statusline`, which imports none of this."""


def command() -> None:
    """Print a status line for a harness, whose JSON is on stdin.

    The model, the cost of the session and of today, what is left of the 5-hour
    block, how much of the context is used, and budgets that are half spent.
    `clankers install claude-code --statusline` sets it up. It prints no errors.
    """
    raise AssertionError("`statusline` runs in clankers.statusline, never here")  # pragma: no cover
