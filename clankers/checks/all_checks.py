"""All checks, in the order in which a person reads their findings."""

from collections.abc import Iterator

from clankers import harnesses
from clankers.checks.data_root import data_root_findings
from clankers.checks.database import database_findings
from clankers.checks.finding import Finding
from clankers.checks.harness import harness_findings
from clankers.checks.hooks import hook_findings
from clankers.checks.last_events import LastEvents
from clankers.checks.log import log_findings, unfinished_work
from clankers.errors import ClankersError
from clankers.harnesses.launcher import launcher_needed
from clankers.system.extensions import ExtensionError
from clankers.system.install_manifest import installed


def examine(root: str, database: str) -> Iterator[Finding]:
    """All checks of the data root `root` and the database `database`."""
    places, last_events = installed(root), LastEvents(root, database)
    for name in harnesses.names(root):
        theirs = [path for path, source in places.items() if source == name]
        try:
            yield from _readable(harness_findings(harnesses.load(name, root), theirs, last_events))
        except ExtensionError as e:
            yield Finding(name, False, e.finding, e.remedy)
        except Exception as e:
            if name in harnesses.BUILT_IN:
                raise
            finding = f"the extension {name} fails: {type(e).__name__}: {e}"
            yield Finding(name, False, finding, "update its package, or uninstall it")
    if launcher_needed(root):
        yield from hook_findings()
    yield from _readable(log_findings(root))
    yield from _readable(data_root_findings(root, database))
    yield from _readable(unfinished_work(root, database))
    yield from _readable(database_findings(root, database))


def _readable(findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except OSError as e:
        yield Finding("Log", False, f"it cannot be read: {e}", "repair it, or move it away")
    except ClankersError as e:
        yield Finding("Log", False, str(e))
