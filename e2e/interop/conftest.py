"""Fixtures of every test here, and the closing line.

It must never print the closing line when a test was left out without being counted.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from server import Server

outcomes: Counter[str] = Counter()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    assert started.stop() == 0, "SIGTERM ends the server with 0"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # A fixture that fails counts too; a test that passes counts once.
    if report.failed:
        outcomes["failed"] += 1
    elif report.when == "call" and report.passed:
        outcomes["passed"] += 1
    elif report.skipped:
        outcomes["skipped"] += 1


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        outcomes["failed"] += 1


def pytest_unconfigure() -> None:
    skipped = f", {outcomes['skipped']} skipped" if outcomes["skipped"] else ""
    print(f"{outcomes['passed']} passed, {outcomes['failed']} failed{skipped}")
