"""Gains over training images: a row a size, in points, those with a verdict marked, and none of what is not there."""

import numpy as np
import pytest

from spinalnet_lib import comparisons_table, gains_by_size, paired_gains
from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.training.recipes import TUNING_SEEDS
from tests.study.cases import comparison, complete, own_results, run_of

CIFAR = [comparison(f"P cifar10, tuned, spinal against {head}") for head in ("mlp_matched", "linear")]
WAVE = 0.001 * (np.arange(30) % 4)


@pytest.fixture
def table(record, monkeypatch, tmp_path):
    """Where cifar10 has all its runs, with a gain of 3 points with all images and of 5 with fewer."""
    known = complete(record, CIFAR, 0.03)
    cells = list_cells("study", "P", known, ["cifar10"], part="sizes")
    runs = [run_of(record, cell, 0.2 - (0.05 + WAVE[cell.seed]) * (cell.head == "spinal")) for cell in cells]
    everything = list({run.key: run for run in [*known, *runs]}.values())
    own_results(monkeypatch, tmp_path, tuning=[run for run in everything if run.seed in TUNING_SEEDS])
    return lambda records=everything: gains_by_size(comparisons_table(records), paired_gains(records))


def test_each_size_has_a_row_and_the_largest_is_the_judged_one(table):
    rows = table()
    assert set(rows["data"]) == {"cifar10"} and set(rows["reference"]) == {"linear", "mlp_matched"}
    for _, of in rows.groupby("reference"):
        assert list(of["per_class"]) == [5, 50, 200, 1000, pytest.approx(4167)]
        assert list(of["judged"]) == list(of["whole"]) == [False] * 4 + [True]
        assert of["gain"].iloc[:4].tolist() == pytest.approx([100 * (0.05 + WAVE.mean())] * 4, abs=1e-6)
        assert of["gain"].iloc[4] == pytest.approx(3.0, abs=0.1)
        assert (of["low"] < of["gain"]).all() and (of["gain"] < of["high"]).all()


def test_what_is_not_there_has_no_row(table):
    assert table([]).empty
