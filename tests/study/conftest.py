"""Records that several of the study's tests start from."""

import pytest

from spinalnet_lib.study.judged import image_ids
from tests.study.cases import PILOT, SPREAD, comparison, ended_search, power_runs, runs_of


@pytest.fixture
def no_own_runs(monkeypatch):
    """Runs of the plan that a test makes up stand alone: the project's own of the same cells are others."""
    monkeypatch.setattr("spinalnet_lib.study.blindness.own_records", list)


@pytest.fixture
def no_data(monkeypatch):
    """Made-up test sets have fewer images than those that may be here."""
    monkeypatch.setenv("SPINALNET_DATA", "nowhere")
    image_ids.cache_clear()


@pytest.fixture(scope="module")
def searches(record):
    return ended_search(record, "mnist", "emnist_letters", "emnist_balanced_reduced", "fashion_mnist", "kmnist_10k")


@pytest.fixture(scope="module")
def fashion(record, searches):
    """A primary comparison with its searches and power runs, δ .01, and its runs with a gain."""
    pair = comparison("C Fashion, tuned, spinal against mlp_matched")
    known = [*searches, *power_runs(record, pair, PILOT, searches)]
    return pair, known, lambda gain: runs_of(record, pair, gain + SPREAD, searches)
