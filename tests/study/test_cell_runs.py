"""Which records are runs of listed cells, and that none is taken silently for another."""

from dataclasses import replace

import pytest

from spinalnet_lib.study.cell_runs import kind_of, runs_of_cells
from spinalnet_lib.study.cells import list_cells
from tests.study.cases import run_of


@pytest.fixture(scope="module")
def cells():
    return list_cells("published", "C", datasets=["mnist"])[:6]


@pytest.fixture(scope="module")
def runs(record, cells):
    return [run_of(record, cell, 0.1) for cell in cells]


def test_each_cell_has_its_run(cells, runs):
    assert runs_of_cells(cells, runs[1:]) == {run.setup: run for run in runs[1:]}
    assert runs_of_cells(cells[:1], runs) == {runs[0].setup: runs[0]} and runs_of_cells(cells, []) == {}


@pytest.mark.parametrize("stale", [{"numerics_version": 0}, {"tuning_id": None}])
def test_old_numbers_and_other_searches_do_not_count(stale, cells, runs):
    assert runs_of_cells(cells, [replace(runs[0], **stale), *runs[1:]]) == {run.setup: run for run in runs[1:]}
    foreign = replace(runs[0], test=None, **stale)
    assert runs_of_cells(cells, [foreign, *runs, foreign])[runs[0].setup] is runs[0]


def test_all_are_of_one_kind_of_device_the_most_frequent_or_the_one_asked_for(cells, runs):
    others = [replace(run, key=f"{run.key}2", threads=2) for run in runs[:2]]
    assert runs_of_cells(cells, [*runs, *others]) == {run.setup: run for run in runs}
    assert runs_of_cells(cells, [*runs, *others], kind_of(others[0])) == {run.setup: run for run in others}


def test_a_run_that_is_there_twice_is_said_and_counts_once(cells, runs):
    with pytest.warns(UserWarning, match="there already"):
        assert len(runs_of_cells(cells, [*runs, replace(runs[0])])) == len(runs)


def test_runs_on_two_states_of_the_data_are_refused(cells, runs):
    changed = replace(runs[0], key="changed", dataset_sha256="changed")
    with pytest.raises(ValueError, match=r"two states of the data.*changed"):
        runs_of_cells(cells, [*runs, changed])
