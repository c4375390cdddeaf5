"""`clankers config`: reads and writes the configuration file of `clankers sync`. The key is never printed."""

import os
import stat
import sys
from codecs import BOM_UTF8
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

import typer

from clankers import paths
from clankers.cli.output import print_json, print_table, say
from clankers.errors import EX_FAIL, UsageError
from clankers.formatting import clean
from clankers.sync.settings import MASK, SETTINGS, Secret, SettingsError, config_path, entries, read, unknown
from clankers.system.config_files import Edit, apply, content, exposure

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The setting, such as SESSION_API_URL.", autocompletion=lambda: list(SETTINGS)),
]

commands = typer.Typer(
    no_args_is_help=True,
    help="Show or change the settings of `sync`.\n\n"
    "An environment variable overrides config.toml in the data root, which\n"
    "overrides the default.",
)


@commands.command("list")
def list_all(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the settings, with value and origin; a key is shown as ***."""
    root = paths.data_root()
    found = entries(root)
    if json:
        print_json(
            [{"name": name, "value": _shown(entry.value), "from": entry.origin} for name, entry in found.items()]
        )
    else:
        rows = [(name, _text(entry.value), entry.origin, SETTINGS[name].meaning) for name, entry in found.items()]
        print_table(("setting", "value", "from", "meaning"), rows)
    path = config_path(root)
    if os.path.exists(path) and (exposed := exposure(os.stat(path).st_mode)):
        say(f"{path} {exposed}; `chmod 600` it before you write a key to it")


@commands.command()
def get(name: Name) -> None:
    """Print a setting; exit code 1 if it is not set."""
    value = entries(paths.data_root())[_known(name)].value
    if value in ("", Secret("")):
        raise typer.Exit(EX_FAIL)
    typer.echo(clean(_text(value)))


@commands.command("set")
def set_one(
    name: Name,
    value: Annotated[str | None, typer.Argument(help="The value; leave it out for a key.")] = None,
) -> None:
    """Write a setting to config.toml.

    A key is asked for, or read from stdin, because others can see a command line.
    """
    _known(name)
    if isinstance(SETTINGS[name].default, Secret):
        if value is not None:
            raise UsageError(
                f"{name} is a secret, and others can see a command line: `clankers config set {name}` asks for it, or "
                "reads it from stdin. Take another one if this machine has other users"
            )
        value = _ask(name)
    if value is None:
        raise UsageError(f"{name} needs a value: {SETTINGS[name].meaning}")
    new = read(name, value, name)
    _change(name, new.reveal() if isinstance(new, Secret) else new)


@commands.command()
def unset(name: Name) -> None:
    """Remove a setting from config.toml."""
    _change(_known(name), None)


def _known(name: str) -> str:
    if name not in SETTINGS:
        raise UsageError(unknown(name))
    return name


def _shown(value: Any) -> Any:
    """The value as `--json` prints it; null: there is none."""
    return (MASK if isinstance(value, Secret) else value) if value != "" and value != Secret("") else None


def _text(value: Any) -> str:
    shown = _shown(value)
    return "" if shown is None else str(shown).lower() if isinstance(shown, bool) else str(shown)


def _ask(name: str) -> str:
    """A secret: typed where nobody sees it, or the one line of stdin."""
    text = getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.read(1 << 16)
    if not text.strip():
        raise UsageError(f"there is nothing on stdin; write `clankers config set {name} < a-file-with-it`")
    return text.strip()


def _change(name: str, value: Any) -> None:
    """Set the value of `name` in the file, or take it out for None; the rest stays as it is, comments included."""
    import tomlkit
    from tomlkit.exceptions import ParseError

    root = paths.data_root()
    paths.make_private(root)
    path = Path(config_path(root))
    before = content(path)
    try:
        document = tomlkit.parse((before or b"").removeprefix(BOM_UTF8))
    except (ParseError, UnicodeDecodeError) as e:
        raise SettingsError(f"{path} is not TOML: {e}; fix it by hand") from None
    if value is not None:
        document[name] = value
        done = f"{name} is set"
    elif name in document:
        del document[name]
        done = f"{name} is removed"
    else:
        done = f"{name} is not there"
    if before is not None and (exposed := exposure(path.stat().st_mode)):
        os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
        say(f"{path} {exposed}; this is fixed now. Use a new key if someone may have seen this one")
    if before is not None or value is not None:
        apply(Edit(path, before, tomlkit.dumps(document).encode(), mode=0o600))
    typer.echo(f"{done}: {path}")
    if os.environ.get(name):
        say(f"the environment variable {name} overrides it")
