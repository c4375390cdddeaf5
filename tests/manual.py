"""The reference of commands and the man page, made from the help texts: `CLANKERS_GOLDEN=write pytest` writes them."""

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from clankers import __version__, cli
from clankers.cli.docs import page

FILTERS = "Filters"  # the group of options that several commands share


def commands() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Each group of the help, with its commands and their subcommands by name."""
    known: Any = typer.main.get_command(cli.application())
    groups = dict.fromkeys(group for group, *_ in cli.COMMANDS.values() if group)
    for wanted in groups:
        found = []
        for name, (group, *_) in cli.COMMANDS.items():
            if group == wanted:
                command = known.commands[name]
                found += [(name, command)]
                found += [(f"{name} {sub}", one) for sub, one in getattr(command, "commands", {}).items()]
        yield wanted, found


def paragraphs(command: Any) -> Iterator[tuple[bool, str]]:
    """The paragraphs of a command's help, and whether each is a list of examples."""
    for one in command.help.strip().split("\n\n"):
        if one.startswith("Examples:\n"):
            yield True, "\n".join(line.strip() for line in one.split("\n")[1:])
        else:
            yield False, one


def options(command: Any, *, filters: bool) -> list[tuple[str, str]]:
    """Arguments and options with their meaning: the filters alone, or all but them and `--help`."""
    shown = []
    for one in command.params:
        if one.name == "help" or one.hidden or (one.rich_help_panel == FILTERS) is not filters:
            continue
        if one.param_type_name == "argument":
            name = one.metavar or one.name.upper()
        else:
            metavar = one.metavar or ("|".join(one.type.choices) if hasattr(one.type, "choices") else "N")
            name = ", ".join(one.opts) + ("" if one.is_flag else f" {metavar}")
        has_default = one.show_default and one.default not in (None, False)
        default = f" Default: {getattr(one.default, 'value', one.default)}." if has_default else ""
        shown.append((name, one.help + default))
    return shown


def usage(name: str, command: Any) -> str:
    """How the command is called."""
    made = command.make_context(f"clankers {name}", ["--help"], resilient_parsing=True)
    return re.sub(r"[{}]", "", " ".join([made.command_path, *command.collect_usage_pieces(made)]))


def markdown() -> str:
    """The page `commands` of the reference."""
    lines = [
        *("# Commands", ""),
        "`clankers COMMAND --help` and `clankers help COMMAND` show the same. Commands that read bring the database up",
        "to date first; while another command does that, they wait. If the database cannot be written, as in a backup",
        "that is mounted read-only, they show it as of its last update and say so. `--json` prints for programs: the",
        "schemas are in `clankers/assets/schemas`. `clankers --install-completion` completes commands, options and ids",
        "in your shell.",
    ]
    filters: dict[str, str] = {}
    for group, found in commands():
        lines += ["", f"## {group}"]
        for name, command in found:
            lines += ["", f"### {name}", "", f"`{usage(name, command)}`"]
            for are_examples, text in paragraphs(command):
                lines += ["", *(["```sh", text, "```"] if are_examples else [text])]
            if own := options(command, filters=False):
                lines += ["", "| | |", "|---|---|"]
                lines += [f"| `{option}` | {help} |" for option, help in map(escaped, own)]
            if shared := options(command, filters=True):
                names = ", ".join(f"`{option.split()[0]}`" for option, _ in shared)
                lines += ["", f"[Filters](#filters): {names}."]
                filters |= shared
    lines += ["", "## Filters", "", "Filters mean the same in every command.", "", "| | |", "|---|---|"]
    lines += [f"| `{option}` | {help} |" for option, help in map(escaped, filters.items())]
    return "\n".join(lines) + "\n"


def escaped(row: tuple[str, str]) -> tuple[str, str]:
    """The cells of a table's row, in which `|` would begin another."""
    return row[0].replace("|", "\\|"), row[1].replace("|", "\\|")


def man_page() -> str:
    """The man page, as roff."""
    lines = [f'.TH CLANKERS 1 "" "clankers {__version__}" "User Commands"', ".SH NAME"]
    summary, *rest = cli.SUMMARY.split("\n\n")
    lines += [f"clankers \\- {roff(summary[0].lower() + summary[1:].rstrip('.'))}", ".SH SYNOPSIS", ".B clankers"]
    lines += ["[OPTIONS] COMMAND [ARGS]...", ".SH DESCRIPTION", *(roff(one) for one in rest)]
    filters: dict[str, str] = {}
    for group, found in commands():
        lines += [f'.SH "{group.upper()}"']
        for name, command in found:
            lines += [f".SS {roff(usage(name, command))}"]
            for are_examples, text in paragraphs(command):
                lines += [".PP", *([".EX", *map(roff, text.split("\n")), ".EE"] if are_examples else [roff(text)])]
            lines += listed(options(command, filters=False))
            filters |= dict(options(command, filters=True))
    lines += [".SH FILTERS", *listed(filters.items())]
    lines += [".SH ENVIRONMENT", *listed(table("configuration", "variable"))]
    lines += [".SH FILES", *listed(table("configuration", "path"))]
    lines += [".SH EXIT STATUS", *listed((code, meaning) for code, _, meaning in rows("exit-codes", "code"))]
    lines += [".SH SEE ALSO", r"\fBclankers docs\fR shows the complete reference."]
    return "\n".join(lines) + "\n"


def listed(pairs: Any) -> list[str]:
    """A list of terms with their meanings, as roff."""
    return [line for term, meaning in pairs for line in (".TP", f".B {roff(term)}", roff(meaning))]


def rows(topic: str, head: str) -> list[list[str]]:
    """The rows of the tables on a page whose first column is called `head`."""
    tables = re.findall(rf"^\| {head} \|.*\n\|[-|]+\n((?:\|.*\n)+)", page(topic), re.MULTILINE)
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for one in tables for line in one.splitlines()]


def table(topic: str, head: str) -> list[tuple[str, str]]:
    """The first and the last cells of such rows."""
    return [(row[0], row[-1].rstrip(" |")) for row in rows(topic, head)]


def roff(text: str) -> str:
    """`text` as it is, whatever roff would make of it; code in backticks stands out."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    escaped = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", escaped)
    return re.sub(r"^([.'])", r"\\&\1", escaped, flags=re.MULTILINE)
