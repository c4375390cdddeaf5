"""All checks, in the order in which a person reads their findings."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

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

_PATIENCE = 0.7  # seconds before `waiting` is called


def examine(root: str, database: str, waiting: Callable[[str], object] = lambda _: None) -> Iterator[Finding]:
    """All checks of the data root `root` and the database `database`.

    They run at the same time: most wait for a client to report its version. `waiting` is called with what a check is
    about that takes long.
    """
    any_recorded, last_events = bool(installed(root)), LastEvents(root, database)

    def harness(name: str) -> Iterator[Finding]:
        try:
            found = harnesses.load(name, root)
            yield from _readable(harness_findings(found, root, last_events, others_recorded=any_recorded))
        except ExtensionError as e:
            yield Finding(name, False, e.finding, e.remedy)
        except Exception as e:
            if name in harnesses.BUILT_IN:
                raise
            finding = f"the extension {name} fails: {type(e).__name__}: {e}"
            yield Finding(name, False, finding, "update its package, or uninstall it")

    checks = [(name, harness(name)) for name in harnesses.names(root)]
    if launcher_needed(root):
        checks.append(("the hooks", hook_findings()))
    checks += [
        ("the log", _readable(log_findings(root))),
        ("the data root", _readable(data_root_findings(root, database))),
        ("unfinished work", _readable(unfinished_work(root, database))),
        ("the database", _readable(database_findings(root, database))),
    ]
    with ThreadPoolExecutor(len(checks)) as pool:
        results = [(about, pool.submit(list, check)) for about, check in checks]
        for about, result in results:
            try:
                found = result.result(_PATIENCE)
            except TimeoutError:
                waiting(about)
                found = result.result()
            yield from found


def _readable(findings: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from findings
    except OSError as e:
        yield Finding("Log", False, f"it cannot be read: {e}", "repair it, or move it away")
    except ClankersError as e:
        yield Finding("Log", False, str(e))
