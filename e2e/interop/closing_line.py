"""A pytest plugin that ends the run with one plain line, for this folder and for e2e/fuzz.

It must never leave a test out that neither passed nor failed.
"""

from collections import Counter

import pytest

outcomes: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # A fixture that fails counts too; a test that passes counts once.
    if report.failed:
        outcomes["failed"] += 1
    elif report.skipped:
        outcomes["skipped"] += 1
    elif report.when == "call":
        outcomes["passed"] += 1


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        outcomes["failed"] += 1


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    skipped = f", {outcomes['skipped']} skipped" if outcomes["skipped"] else ""
    print(f"{outcomes['passed']} passed, {outcomes['failed']} failed{skipped}")
