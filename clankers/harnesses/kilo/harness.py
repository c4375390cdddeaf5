"""Kilo, which is built on OpenCode 1.x: the same plugin and the same stores, in directories of its own name.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.harnesses.opencode.harness import OpenCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from clankers.harnesses.installer import Installer


class Kilo(OpenCode):
    """The command line client of Kilo Code, 7.x."""

    name = "kilo"
    title = "Kilo"
    program = "kilo"
    folders = ()

    def installer(self) -> Installer:
        """A plugin file."""
        from clankers.harnesses.opencode.install import PluginInstaller

        return PluginInstaller(self)


HARNESS = Kilo()
