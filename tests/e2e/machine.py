"""A machine with one real client on it that asks a scripted model, and `clankers`, run as people run it."""

import json
import os
import platform
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from unittest import mock

import apsw
import pytest

from clankers import harnesses, paths
from tests.e2e.model import Model, serving
from tests.e2e.scripts import scripts
from tests.feeding import rows
from tests.patience import BUSY_MS, DEADLINE, wait_for

CLIENTS = Path(os.environ.get("CLANKERS_TEST_CLIENTS", Path(__file__).parents[2] / ".clients"))
_PLATFORM = f"{sys.platform}-{ {'x86_64': 'x64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine()) }"

T = TypeVar("T")
Rows = dict[str, list[dict[str, Any]]]


class Done(NamedTuple):
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str


class Machine(ABC):
    """A home and a work directory, both of this machine's own; the data root is where it is by default."""

    def __init__(self, folder: Path, model: Model, program: Path, version: str) -> None:
        self.model = model
        self.program = program
        self.version = version
        self.home = folder / "home"
        self.work = folder / "work"
        temporary = folder / "tmp"
        for directory in (self.home, self.work, temporary):
            directory.mkdir(parents=True)
        self.environment = {
            "PATH": f"{self.program.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "TMPDIR": str(temporary),
            "SHELL": shutil.which("bash") or "/bin/sh",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
        }
        with mock.patch.dict(os.environ, self.environment, clear=True):
            self.root = Path(paths.data_root())
        made = (
            "git init -q -b trunk && git -c user.name=dev -c user.email=dev@example.org commit -q --allow-empty -m init"
        )
        subprocess.run(made, shell=True, cwd=self.work, env=self.environment, check=True)

    def path_with_node(self) -> str:
        """The machine's `PATH`, with the Node first that `.ci/run` installs: some clients need a newer one."""
        node = next(CLIENTS.glob(f"node-*/node_modules/node-{_PLATFORM}/bin"))
        return f"{node}{os.pathsep}{self.environment['PATH']}"

    @abstractmethod
    def command(self, prompt: str, *options: str) -> list[str]:
        """The command line that gives the client a prompt."""

    def start(self, prompt: str, *options: str, under: tuple[str, ...] = (), **env: str) -> "subprocess.Popen[str]":
        """The client at work on `prompt`; `under` is a command that runs it."""
        return subprocess.Popen(
            [*under, *self.command(prompt, *options)],
            cwd=self.work,
            env=self.environment | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, prompt: str, *options: str, under: tuple[str, ...] = (), **env: str) -> Done:
        """The client's whole answer."""
        process = self.start(prompt, *options, under=under, **env)
        try:
            out, err = process.communicate(timeout=DEADLINE)
        finally:
            process.kill()
        return Done(process.returncode, out, err)

    def clankers(self, *arguments: str, **env: str) -> Done:
        """A command of ours that succeeds, on this machine."""
        done = subprocess.run(
            [sys.executable, "-m", "clankers", *arguments],
            cwd=self.work,
            env=self.environment | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return Done(done.returncode, done.stdout, done.stderr)

    def install(self) -> None:
        with mock.patch.dict(os.environ, self.environment, clear=True):
            named = [name for name in harnesses.BUILT_IN if harnesses.load(name, str(self.root)).installer()]
        named.remove("hermes")  # whose hooks wait for an approval, of which `doctor` would warn
        self.clankers("install", *named)

    def rows(self, root: Path | None = None) -> Rows:
        """All that is recorded, the log replayed up to its end."""
        self.clankers("project", CLANKERS_DATA_PATH=str(root or self.root))
        return self.plain_rows(root)

    def plain_rows(self, root: Path | None = None) -> Rows:
        """What the database holds, read as SQLite reads it; nothing where there is none."""
        try:
            db = apsw.Connection(str((root or self.root) / "clankers.db"), flags=apsw.SQLITE_OPEN_READONLY)
        except apsw.CantOpenError:
            return {}
        db.set_busy_timeout(BUSY_MS)
        try:
            return rows(db)
        finally:
            db.close()

    def wait_for_rest(self) -> None:
        """Wait until no process runs any more that was started on this machine, as one that catches up."""
        wait_for(lambda: f"HOME={self.home} " not in _processes(), "the processes in the background end")


class ClaudeCode(Machine):
    """A machine with Claude Code."""

    def __init__(self, folder: Path, model: Model, program: Path, version: str) -> None:
        super().__init__(folder, model, program, version)
        self.environment |= {
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "sk-ant-mock-" + "0" * 30,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",
        }

    def command(self, prompt: str, *options: str) -> list[str]:
        return [str(self.program), "-p", prompt, *options, "--permission-mode", "bypassPermissions"]


class OpenCode(Machine):
    """A machine with OpenCode."""

    def __init__(self, folder: Path, model: Model, program: Path, version: str) -> None:
        super().__init__(folder, model, program, version)
        self.environment |= {
            f"OPENCODE_DISABLE_{what}": "1"
            for what in ("MODELS_FETCH", "AUTOUPDATE", "LSP_DOWNLOAD", "SHARE", "DEFAULT_PLUGINS")
        }
        config = self.home / ".config" / "opencode"
        # Whatever is in its place already is not installed from npm, which start-up would wait for.
        plugin = config / "node_modules" / "@opencode-ai" / "plugin"
        plugin.mkdir(parents=True)
        (plugin / "package.json").write_text(json.dumps({"name": "@opencode-ai/plugin", "version": self.version}))
        needs = {"dependencies": {"@opencode-ai/plugin": self.version}}
        (config / "package.json").write_text(json.dumps(needs))
        (config / "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": {"": needs}}))
        one = {
            "name": "Mock One",
            "tool_call": True,
            "reasoning": True,
            "limit": {"context": 200000, "output": 8000},
            "cost": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75},
        }
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Mock",
            "options": {"baseURL": f"{model.url}/v1", "apiKey": "none"},
            "models": {"mock-1": one},
        }
        settings = {
            "autoupdate": False,
            "share": "disabled",
            "model": "mock/mock-1",
            "small_model": "mock/mock-1",
            "enabled_providers": ["mock"],
            "provider": {"mock": provider},
        }
        (config / "opencode.json").write_text(json.dumps(settings))

    def command(self, prompt: str, *options: str) -> list[str]:
        return [str(self.program), "run", *options, prompt]


class Codex(Machine):
    """A machine with Codex.

    Attributes:
        bypass: the option by which hooks run that nobody reviewed.
    """

    bypass: tuple[str, ...] = ("--dangerously-bypass-hook-trust",)

    def __init__(self, folder: Path, model: Model, program: Path, version: str) -> None:
        super().__init__(folder, model, program, version)
        self.environment["MOCK_KEY"] = "none"
        config = self.home / ".codex" / "config.toml"
        config.parent.mkdir()
        config.write_text(f"""\
model = "gpt-5.5"
model_provider = "mock"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
analytics.enabled = false
projects."{self.work}".trust_level = "trusted"

[model_providers.mock]
name = "mock"
base_url = "{model.url}/v1"
env_key = "MOCK_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
""")

    def command(self, prompt: str, *options: str) -> list[str]:
        if "--continue" in options:
            return [str(self.program), "exec", "resume", "--last", *self.bypass, prompt]
        return [str(self.program), "exec", *options, *self.bypass, prompt]


class Gemini(Machine):
    """A machine with Gemini CLI."""

    def __init__(self, folder: Path, model: Model, program: Path, version: str) -> None:
        super().__init__(folder, model, program, version)
        self.environment |= {
            "GEMINI_API_KEY": "none",
            "GOOGLE_GEMINI_BASE_URL": model.url,
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "NO_COLOR": "1",
        }
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "general": {"enableAutoUpdate": False, "maxAttempts": 1},
            "privacy": {"usageStatisticsEnabled": False},
            "model": {"name": "gemini-2.5-pro"},
        }
        (self.home / ".gemini").mkdir()
        (self.home / ".gemini" / "settings.json").write_text(json.dumps(settings))

    def command(self, prompt: str, *options: str) -> list[str]:
        resumed = ("--resume", "latest") if "--continue" in options else ()
        return [str(self.program), "-p", prompt, "--yolo", *resumed]


class Pi(Machine):
    """A machine with pi, and the Node that it needs."""

    def __init__(self, folder: Path, model: Model, program: Path, version: str) -> None:
        super().__init__(folder, model, program, version)
        self.environment |= {"PATH": self.path_with_node(), "PI_OFFLINE": "1"}
        agent = self.home / ".pi" / "agent"
        agent.mkdir(parents=True)
        one = {
            "id": "mock-1",
            "name": "Mock One",
            "reasoning": True,
            "contextWindow": 200000,
            "maxTokens": 8192,
            "cost": {"input": 3, "output": 15, "cacheRead": 0.3, "cacheWrite": 3.75},
        }
        provider = {"baseUrl": f"{model.url}/v1", "api": "openai-completions", "apiKey": "none", "models": [one]}
        (agent / "models.json").write_text(json.dumps({"providers": {"mock": provider}}))
        settings = {"defaultProvider": "mock", "defaultModel": "mock-1", "retry": {"enabled": False}}
        (agent / "settings.json").write_text(json.dumps(settings))

    def command(self, prompt: str, *options: str) -> list[str]:
        return [str(self.program), *options, "-p", prompt]


class Copilot(Machine):
    """A machine with GitHub Copilot CLI."""

    def __init__(self, folder: Path, model: Model, program: Path, version: str) -> None:
        super().__init__(folder, model, program, version)
        self.environment |= {
            "COPILOT_OFFLINE": "true",
            "COPILOT_AUTO_UPDATE": "false",
            "COPILOT_ALLOW_ALL": "true",
            "COPILOT_PROVIDER_BASE_URL": f"{model.url}/v1",
            "COPILOT_PROVIDER_API_KEY": "none",
            "COPILOT_MODEL": "mock-1",
        }

    def command(self, prompt: str, *options: str) -> list[str]:
        return [str(self.program), *options, "-p", prompt]


class Cline(Machine):
    """A machine with Cline."""

    def __init__(self, folder: Path, model: Model, program: Path, version: str) -> None:
        super().__init__(folder, model, program, version)
        self.environment |= {
            "CLINE_TELEMETRY_DISABLED": "1",
            "CLINE_NO_AUTO_UPDATE": "1",
            "CLINE_SESSION_BACKEND_MODE": "local",  # without a daemon, which would stay
        }
        provider = {"provider": "openai-compatible", "apiKey": "none", "model": "mock-1", "baseUrl": f"{model.url}/v1"}
        settings = {
            "version": 1,
            "lastUsedProvider": "openai-compatible",
            "modes": {},
            "providers": {
                "openai-compatible": {
                    "settings": provider,
                    "updatedAt": "2026-11-27T00:00:00.000Z",
                    "tokenSource": "manual",
                }
            },
        }
        path = self.home / ".cline" / "data" / "settings" / "providers.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(settings))

    def command(self, prompt: str, *options: str) -> list[str]:
        return [str(self.program), *options, prompt]


class Qwen(Machine):
    """A machine with Qwen Code, and the Node that it needs."""

    def __init__(self, folder: Path, model: Model, program: Path, version: str) -> None:
        super().__init__(folder, model, program, version)
        self.environment |= {
            "PATH": self.path_with_node(),
            "OPENAI_BASE_URL": f"{model.url}/v1",
            "OPENAI_API_KEY": "none",
            "OPENAI_MODEL": "mock-1",
            "QWEN_SANDBOX": "false",
        }
        settings = {
            "security": {"auth": {"selectedType": "openai"}},
            "model": {"name": "mock-1"},
            "general": {"enableAutoUpdate": False},
            "privacy": {"usageStatisticsEnabled": False},
        }
        (self.home / ".qwen").mkdir()
        (self.home / ".qwen" / "settings.json").write_text(json.dumps(settings))

    def command(self, prompt: str, *options: str) -> list[str]:
        return [str(self.program), *options, "--yolo", prompt]


_MACHINES: dict[str, tuple[type[Machine], str]] = {
    "claude": (ClaudeCode, "@anthropic-ai/claude-code-{}*/claude"),
    "opencode": (OpenCode, "opencode-{}*/bin/opencode"),
    "codex": (Codex, "@openai/codex-{}/vendor/*/*/codex"),
    "gemini": (Gemini, ".bin/gemini"),
    "pi": (Pi, ".bin/pi"),
    "copilot": (Copilot, "@github/copilot-{}/copilot"),
    "qwen": (Qwen, ".bin/qwen"),
    "cline": (Cline, "@cline/cli-{}/bin/cline"),
}


@contextmanager
def machine(client: str, folder: Path) -> Iterator[Machine]:
    """A machine in `folder` with `client`, which is `claude-code` or such as `codex-0.171.0`."""
    name, _, version = client.partition("-")
    kind, place = _MACHINES[name]
    found = sorted((CLIENTS / client / "node_modules").glob(place.format(_PLATFORM)))
    if not found:
        # A skip, for not everybody has npm, or wants hundreds of megabytes of clients.
        pytest.skip(f"{client} is not in {CLIENTS.name}; .ci/run installs those that it names, where npm is")
    with serving(scripts(client, folder / "work")) as model:
        made = kind(folder, model, found[0], version)
        yield made
        made.wait_for_rest()
    shutil.rmtree(folder, ignore_errors=True)  # a client unpacks some 5 MB at each start


def _processes() -> str:
    # With their environments, on Linux and macOS.
    return subprocess.run(["ps", "axeww"], capture_output=True, text=True, errors="replace", check=True).stdout
