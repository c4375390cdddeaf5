"""The command line: a command is a file with its options, a call, and printing. May import everything else."""

import os
import sys
from importlib import import_module
from typing import Any

import apsw
import typer

from clankers import __version__
from clankers.cli.output import say
from clankers.cli.standard_streams import finish_streams, prepare_streams
from clankers.errors import EX_BUSY, EX_FAIL, EX_INTERRUPTED, EX_IO, EX_OK, EX_USAGE, ClankersError, advice
from projector.store.sqlite_file import UNWRITABLE

# In the order of the help; each with its group there, its module, and its function, or Typer where it has commands of
# its own. Only the one that is asked for is imported. Without a group a command is for clankers alone, and hidden.
COMMANDS = {
    "install": ("Record", "install", "command"),
    "uninstall": ("Record", "uninstall", "command"),
    "backfill": ("Record", "backfill", "command"),
    "append": ("Record", "append", "command"),
    "web": ("Look", "web", "commands"),
    "sessions": ("Look", "sessions", "command"),
    "show": ("Look", "show", "command"),
    "search": ("Look", "search", "command"),
    "stats": ("Look", "stats", "command"),
    "budget": ("Look", "budget", "commands"),
    "statusline": ("Look", "statusline", "command"),
    "tail": ("Look", "tail", "command"),
    "blame": ("Look", "blame", "command"),
    "mcp": ("Look", "mcp", "command"),
    "export": ("Take out", "export", "command"),
    "query": ("Take out", "query", "command"),
    "resume": ("Continue", "resume", "command"),
    "handoff": ("Continue", "handoff", "command"),
    "restore": ("Continue", "restore", "command"),
    "archive": ("Keep", "archive", "command"),
    "forget": ("Keep", "forget", "command"),
    "scrub": ("Keep", "scrub", "command"),
    "sync": ("Send", "sync", "commands"),
    "serve": ("Send", "serve", "command"),
    "config": ("Send", "config", "commands"),
    "doctor": ("Maintain", "doctor", "command"),
    "project": ("Maintain", "project", "command"),
    "verify": ("Maintain", "verify", "command"),
    "repair": ("Maintain", "repair", "command"),
    "demo": ("Learn", "demo", "command"),
    "docs": ("Learn", "docs", "command"),
    "help": ("Learn", "help", "command"),
    "catch-up": ("", "database", "catch_up"),
}

SUMMARY = """Record the sessions of AI coding agents on this machine, and query them.

Start with `clankers install`. `clankers help COMMAND` shows the help of a
command, `clankers docs` the reference."""

_CLICK_USAGE = 2  # what typer exits with for a wrong command line; ours is EX_USAGE, everywhere
_VERSION = ("--version", "-V")
_COMPLETE = "_CLANKERS_COMPLETE"  # set by the shell functions that `clankers --install-completion` writes


def _root(version: bool = typer.Option(False, *_VERSION, help="Show the version.")) -> None:
    if version:
        typer.echo(f"clankers {__version__}")
        raise typer.Exit


def application(asked: str | None = None) -> typer.Typer:
    """The command line with the command `asked`, or with all. Each call makes another: Typer would keep them all."""
    app = typer.Typer(
        name="clankers",
        help=SUMMARY,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_root)
    for name, (group, module, function) in COMMANDS.items():
        if asked in (name, None):
            found = getattr(import_module(f"clankers.cli.{module}"), function)
            shown: dict[str, Any] = {"name": name, "rich_help_panel": group or None, "hidden": not group}
            if isinstance(found, typer.Typer):
                app.add_typer(found, **shown)
            else:
                app.command(**shown)(found)
    return app


def _words() -> list[str]:
    """The command line; where a shell asks for completions, the words so far."""
    if _COMPLETE in os.environ:
        return (os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS", "")).split()  # bash: the latter
    return sys.argv


def main() -> int:
    """Run the command line; returns the exit code."""
    prepare_streams()
    code = _run()
    lost = finish_streams()
    return code or lost


def _run() -> int:
    """Run the command; the one place that turns errors into messages and codes."""
    words = _words()
    asked = words[1] if len(words) > 1 and words[1] in {*COMMANDS, *_VERSION} else None
    try:
        application(asked)(prog_name="clankers")
    except ClankersError as e:
        say(e)
        return e.exit_code
    except (apsw.BusyError, apsw.LockedError) as e:
        say(f"another program holds the database: {e}; close it, or try again later")
        return EX_BUSY
    except UNWRITABLE as e:
        say(
            f"the database cannot be written: {e}; check its directory and free space, or set "
            "CLANKERS_DB_PATH to a file elsewhere"
        )
        return EX_IO
    except apsw.Error as e:
        say(f"a database cannot be used: {e}; `clankers doctor` says which, and what to do")
        return EX_IO
    except KeyboardInterrupt:
        return EX_INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough
        return EX_FAIL
    except UnicodeEncodeError:  # Python keeps such bytes of arguments and paths, SQLite takes nothing but UTF-8
        say("an argument is not UTF-8; type it again")
        return EX_USAGE
    except OSError as e:
        say(f"{e.filename}: {e.strerror}; {advice(e)}" if e.filename else f"{e.strerror or e}; {advice(e)}")
        return EX_IO
    except SystemExit as e:
        if e.code == _CLICK_USAGE:
            return EX_USAGE
        return e.code if isinstance(e.code, int) else EX_FAIL if e.code else EX_OK
    return EX_OK
