"""The command that a client's hooks run. Its text is in users' settings: `uninstall` has to know each form of it."""

import json
import os
import shlex
import sys


def recorder() -> list[str]:
    """`clankers append`, to be followed by a source, started as fast as Python starts.

    `-I` and `-S` leave out what recording does not need: the environment's Python settings and site-packages. What is
    written is on the disk when `main` returns, so nothing is left but taking Python down, a tenth of a hook's time.
    """
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = f"sys.path.append({json.dumps(package, ensure_ascii=False)})"
    code = f"import os, sys; {found}; from clankers.__main__ import main; os._exit(main())"
    return [sys.executable, "-IS", "-c", code, "append"]


def hook_command(source: str) -> str:
    """The shell command of a hook of `source`.

    TERM is ignored because a client that exits kills the hooks that still run. Whatever is wrong with the installation,
    the exit code is never 2, which would block the client.
    """
    return f"trap '' TERM; exec {shlex.join([*recorder(), source])}"
