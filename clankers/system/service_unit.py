"""`clankers project --watch` as a service of the user's: a systemd unit, or on macOS a launchd agent."""

import os
import plistlib
import sys
from pathlib import Path
from typing import NamedTuple

from clankers import paths
from clankers.errors import ClankersError
from clankers.system import detached
from clankers.system.config_files import Edit, content

_LABEL = "clankers.project"


class ServiceError(ClankersError):
    """This platform has no service manager that we know."""


class Service(NamedTuple):
    """A service file, and the commands of the user's that start and end what it describes."""

    path: Path
    text: bytes
    start: str
    stop: str

    def install(self) -> Edit:
        """The change that puts it in place."""
        return Edit(self.path, content(self.path), self.text)

    def uninstall(self) -> Edit:
        """The change that takes it away."""
        return Edit(self.path, content(self.path), None)


def service(platform: str = sys.platform) -> Service:
    """The service of `platform`.

    Raises:
        ServiceError: it has none that we know.
    """
    if platform == "darwin":
        path = Path.home() / "Library" / "LaunchAgents" / f"{_LABEL}.plist"
        domain = f"gui/{os.getuid()}"
        return Service(path, _agent(), f"launchctl bootstrap {domain} '{path}'", f"launchctl bootout {domain}/{_LABEL}")
    if platform.startswith("linux"):
        base = os.environ.get("XDG_CONFIG_HOME", "")
        config = Path(base) if os.path.isabs(base) else Path.home() / ".config"
        name = "clankers.system.service_unit"
        return Service(
            config / "systemd" / "user" / name,
            _unit(),
            f"systemctl --user daemon-reload && systemctl --user enable --now {name}",
            f"systemctl --user disable --now {name}",
        )
    raise ServiceError(f"no service manager is known on {platform}; run `clankers project --watch` by your own means")


def _settings() -> dict[str, str]:
    """Where the data is, if it is not in its usual place: a service has an environment of its own."""
    return {name: os.path.abspath(os.environ[name]) for name in (paths.DATA_ENV, paths.DB_ENV) if os.environ.get(name)}


def _unit() -> bytes:
    settings = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in _settings().items())
    # In a command, and only there, $ begins what systemd replaces.
    command = " ".join(_quoted(word).replace("$", "$$") for word in detached.command("project", "--watch"))
    return f"""\
[Unit]
Description=clankers: keeps the database of recorded agent sessions current

[Service]
{settings}ExecStart={command}
Restart=on-failure
Nice=10

[Install]
WantedBy=default.target
""".encode()


def _quoted(text: str) -> str:
    """`text` as one word in a unit file: systemd.syntax(7); % begins what systemd replaces."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"'


def _agent() -> bytes:
    return plistlib.dumps(
        {
            "Label": _LABEL,
            "ProgramArguments": detached.command("project", "--watch"),
            "EnvironmentVariables": _settings(),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ProcessType": "Background",
        }
    )
