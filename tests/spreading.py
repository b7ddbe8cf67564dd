"""Spreading: how the tests are dealt out where several workers run them side by side (`pytest -n 2`).

What shares a running board stays together, on one worker. The long ones begin first, so that the short ones fill the gaps.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

# One board and one Chromium serve all of a folder.
TOGETHER = ("tests/browser/",)
# These wait for whole boards, for minutes in all.
LONG = (
    "tests/browser/",
    "tests/platform/test_health.py",
    "tests/faults/",
    "tests/journeys/",
    "tests/platform/test_make.py",
    "tests/platform/test_tree.py",
    "tests/security/",
    "tests/docs/",
    "tests/demo/",
)


class Spread(LoadScopeScheduling):
    """xdist's dealing out by scopes, with scopes of ours."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


class Herald:
    """Names each test that fails as it does."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A part of a test has ended."""
        if report.failed:
            self._reporter.write_line("")
            self._reporter.write_line(f"{report.nodeid} failed at its {report.when} after {report.duration:.0f} s")


def together(nodeid: str) -> str:
    """What stays with this test: its folder where that shares a board, else its file."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def long_first(items: list[pytest.Item]) -> None:
    """The long ones to the front, the others in their order."""
    places = {
        item: next((place for place, name in enumerate(LONG) if item.nodeid.startswith(name)), len(LONG))
        for item in items
    }
    items.sort(key=lambda item: places[item])
