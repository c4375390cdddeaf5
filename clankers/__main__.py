"""The `clankers` command. What clients run all the time goes its own way before anything heavy is imported."""

import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    argv = sys.argv[1:]
    if argv[:1] == ["append"] and argv[1:] not in (["--help"], ["-h"]):
        import gc

        gc.disable()  # one event is logged before a collection would pay
        from clankers.append import main as append

        return append(argv[1:])
    if argv == ["statusline"]:
        from clankers.statusline import main as statusline

        return statusline()
    if argv == ["catch-up"]:
        from clankers.system.detached import wait_turn

        if not wait_turn():
            return 0
    from clankers.cli import main as cli

    return cli()


if __name__ == "__main__":
    sys.exit(main())
