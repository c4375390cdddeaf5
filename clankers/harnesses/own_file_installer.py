"""A file of our own in a client's directory, as a plugin or an extension is."""

from abc import abstractmethod
from pathlib import Path

from clankers.harnesses.base import Harness
from clankers.harnesses.installer import Installer, InstallError, Obstacle, Version
from clankers.system.config_files import Edit, content


class OwnFileInstaller(Installer):
    """A file of our own for `harness`.

    Attributes:
        begins: how the file begins, in whatever version.
        mode: its permissions.
        aside: what to do where a file that is not ours has its name.
        options: of the `clankers install` that writes it.
    """

    begins: bytes
    mode = 0o644
    aside = "move it away first"
    options = ""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness

    @abstractmethod
    def text(self, path: Path) -> bytes:
        """What the file at `path` holds."""

    def install(self, path: Path) -> Edit:
        """Our file."""
        before = content(path)
        if before is not None and not before.startswith(self.begins):
            raise InstallError(f"{path} exists and is not from clankers; {self.aside}")
        return Edit(path, before, self.text(path), mode=self.mode)

    def uninstall(self, path: Path) -> Edit:
        """No file of ours."""
        before = content(path)
        ours = before is not None and before.startswith(self.begins)
        return Edit(path, before, None if ours else before, folder=True)

    def installed(self, path: Path) -> bool:
        """Whether our file is there."""
        return (content(path) or b"").startswith(self.begins)

    def obstacles(self, path: Path, _version: Version | None) -> list[Obstacle]:
        """A file of another version of ours."""
        if content(path) != self.text(path):
            finding = f"{path} is from another version of clankers"
            return [Obstacle(finding, f"run `clankers install {self.harness.name}{self.options}` again")]
        return []
