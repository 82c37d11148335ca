import builtins
from dataclasses import replace

import numpy as np
import pytest

from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.study.extension import extended, extension_cells
from tests.study.cases import comparison, ended_search, power_runs, runs_of

WIDE = np.tile([-0.045, 0.045], 30)


@pytest.fixture(scope="module")
def pair():
    return comparison("C Fashion, tuned, spinal against mlp_matched")


@pytest.fixture(scope="module")
def known(record, pair):
    searches = ended_search(record, "fashion_mnist", "mnist")
    return [*searches, *power_runs(record, pair, WIDE[:8] / 10, searches)]


@pytest.mark.parametrize("gain", [0.05, 0.0, -0.05])
def test_a_pair_is_extended_for_its_width_whatever_its_direction(record, pair, known, gain):
    wide, narrow = (runs_of(record, pair, gain + spread, known) for spread in (WIDE[:30], WIDE[:30] / 10))
    assert extended("C", [*known, *wide]) == [pair] and not extended("C", [*known, *narrow])
    tier = list_cells("study", "C", known, ["fashion_mnist", "mnist"])
    cells = extension_cells("C", tier, [*known, *wide])
    assert {cell.seed for cell in cells} == {*pair.extended} and len(cells) == 2 * len(pair.extended)
    assert {cell.head for cell in cells} == {pair.arm, pair.reference}
    assert cells == sorted(cells, key=lambda cell: cell.seed)  # cut off, both arms have as many
    ids = {cell.tuning_id for cell in tier if cell.dataset == "fashion_mnist" and cell.head in pair.arms}
    assert {cell.tuning_id for cell in cells} == ids
    for others in (
        [cell for cell in tier if cell.dataset == "mnist"],
        list_cells("study", "C", known, ["fashion_mnist"], part="ablations"),
        [replace(cell, tuning_id="0" * 64) for cell in tier],
    ):
        assert others and not extension_cells("C", others, [*known, *wide])


def test_nothing_is_extended_before_all_planned_seeds_are_there(record, pair, known):
    wide = runs_of(record, pair, WIDE[:30], known)
    assert not extended("C", [*known, *wide[1:]]) and not extended("C", wide) and not extended("P", [*known, *wide])


def test_a_sweep_without_scipy_runs_the_planned_seeds_and_says_so(record, pair, known, monkeypatch):
    wide = [*known, *runs_of(record, pair, WIDE[:30], known)]
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "scipy":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.warns(UserWarning, match="scipy"):
        assert extension_cells("C", [], wide) == []
