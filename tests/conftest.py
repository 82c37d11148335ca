"""Shared fixtures, and the rule that in CI exactly the committed list of tests may be skipped."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
settings.register_profile("no deadline", deadline=None)  # how long an example takes says nothing on a busy machine
settings.load_profile("no deadline")
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


@pytest.fixture(scope="session")
def record():
    """One short run with its test results."""
    from spinalnet_lib import TrainConfig, create_model, load_dataset, train

    model = create_model("pixels", "spinal", 10, image_size=8, layer_width=4)
    return train(
        model, load_dataset("digits"), TrainConfig(epochs=1, read_test=True), seed=0, device="cpu", progress=False
    )
