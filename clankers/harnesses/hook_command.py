"""The command that clients' hooks run. Its text is in users' settings, so `uninstall` has to know every form of it."""

import shlex

LAUNCHER = "~/.local/lib/clankers/hook"  # outside the data root and every environment: it outlives both


def hook_command(source: str) -> str:
    """The shell command of a hook of `source`, at most 120 characters.

    Its text never changes, because clients such as Codex ask the user to trust each new text. What may change is in the
    launcher (`clankers.harnesses.launcher`); without one the command does nothing, prints nothing and exits 0. A POSIX
    shell, zsh and fish run it alike. TERM is ignored because a client that exits kills the hooks that still run.
    """
    return f"trap '' TERM; [ -r {LAUNCHER} ] && exec sh {LAUNCHER} {source}; exit 0"


def is_ours(command: str, source: str) -> bool:
    """Whether `command` does nothing but record an event of `source`, in whatever form it was ever installed.

    A command that does something else besides is its writer's.
    """
    if command == hook_command(source):
        return True
    words = shlex.shlex(
        command.removeprefix("trap '' TERM; ").removeprefix("exec "), posix=True, punctuation_chars=True
    )
    words.whitespace_split = True
    words.commenters = ""
    try:
        *start, verb, last = list(words)
    except ValueError:  # a quote without its end, or a single word
        return False
    if (verb, last) != ("append", source):
        return False
    match start:
        case [program]:
            return program.replace("\\", "/").rpartition("/")[2] in ("clankers", "clankers.exe")
        case [_, *_, "-m", "clankers"]:
            return True
        case [_, "-IS", "-c", code]:
            return "clankers.__main__" in code
    return False
