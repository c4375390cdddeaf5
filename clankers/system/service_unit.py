"""`clankers project --watch` as a user service: a systemd unit, or a launchd agent on macOS."""

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
# Between two starts: five failures within ten seconds, the default, and systemd gives up.
_RESTART_SECONDS = 10


class ServiceError(ClankersError):
    """This platform has no supported service manager."""


class Service(NamedTuple):
    """A service file, and the commands with which the user starts and stops the service."""

    path: Path
    text: bytes
    start: str
    stop: str

    def install(self) -> Edit:
        """The edit that writes the service file."""
        return Edit(self.path, content(self.path), self.text)

    def uninstall(self) -> Edit:
        """The edit that removes the service file."""
        return Edit(self.path, content(self.path), None)


def service(platform: str = sys.platform) -> Service:
    """The service of `platform`.

    Raises:
        ServiceError: the platform has no supported service manager.
    """
    if platform == "darwin":
        path = Path(paths.home()) / "Library" / "LaunchAgents" / f"{_LABEL}.plist"
        domain = f"gui/{os.getuid()}"
        return Service(path, _agent(), f"launchctl bootstrap {domain} '{path}'", f"launchctl bootout {domain}/{_LABEL}")
    if platform.startswith("linux"):
        config = Path(paths.xdg_directory("XDG_CONFIG_HOME", ".config"))
        name = "clankers.service"
        return Service(
            config / "systemd" / "user" / name,
            _unit(),
            f"systemctl --user daemon-reload && systemctl --user enable --now {name}",
            f"systemctl --user disable --now {name}",
        )
    raise ServiceError(f"services are not supported on {platform}; start `clankers project --watch` yourself")


def _settings() -> dict[str, str]:
    """The variables that say where the data is: a service does not inherit the environment of the shell."""
    return {name: os.path.abspath(os.environ[name]) for name in (paths.DATA_ENV, paths.DB_ENV) if os.environ.get(name)}


def _unit() -> bytes:
    settings = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in _settings().items())
    # systemd expands $ in commands only.
    command = " ".join(_quoted(word).replace("$", "$$") for word in detached.command("project", "--watch"))
    return f"""\
[Unit]
Description=clankers: keeps the database of recorded agent sessions current

[Service]
{settings}ExecStart={command}
Restart=on-failure
RestartSec={_RESTART_SECONDS}
Nice=10

[Install]
WantedBy=default.target
""".encode()


def _quoted(text: str) -> str:
    """`text` as one quoted word of a unit file (systemd.syntax(7)); systemd expands %."""
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
