"""Shared fixtures, and the rule that in CI exactly the committed list of tests may be skipped."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_skipped: dict[str, str] = {}


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


def pytest_runtest_logreport(report):
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped[report.nodeid] = reason.removeprefix("Skipped: ")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    if os.environ.get("CI") != "true":
        return
    allowed = {
        line.split("  ")[0]
        for line in (ROOT / "tests" / "skips.txt").read_text().splitlines()
        if line[:1] not in ("", "#")
    }
    unexpected = sorted(_skipped.keys() - allowed)
    if unexpected and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    for nodeid in unexpected:
        print(f"\nskipped in CI but not in tests/skips.txt: {nodeid} ({_skipped[nodeid]})")
