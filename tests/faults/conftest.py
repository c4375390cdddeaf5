"""The figures of the long tests, behind the summary."""

import pytest

from tests.faults.common import FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for text in FIGURES if "long" in terminalreporter.config.getoption("markexpr").split()[:1] else []:
        terminalreporter.write_line(text)
