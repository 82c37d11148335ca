"""EMNIST Balanced by network: the published figures, our settings, and numbers only when all planned runs are there."""

import dataclasses

import pytest

from spinalnet_lib.study.balanced import DATASET, _planned, emnist_balanced_answer
from spinalnet_lib.study.comparisons import COMPARISONS, planned_cells
from spinalnet_lib.study.order import STUDY_ORDER
from spinalnet_lib.study.tiers import TIERS
from tests.study import cases
from tests.study.cases import PILOT, SPREAD, comparison, ended_search, own_results, power_runs, run_of


def runs_of(record, cells):
    """Their records; the best evaluation was a point above the last."""
    runs = [run_of(record, cell, 0.15) for cell in cells]
    return [dataclasses.replace(run, test={**run.test, "test_max": run.test["last"] + 0.01}) for run in runs]


def ours(table):
    return table[table["whose"] == "ours"]


def test_without_runs_each_network_has_settings_and_a_command():
    table = emnist_balanced_answer([])
    assert {91.05, 85.82} <= set(table["published"].dropna())
    rows = ours(table)
    assert {"two_conv", "vgg5"} == set(rows["network"]) and "last" not in table
    assert all(rows["command"]) and not rows["seeds"].any() and all(rows["settings"])


@pytest.fixture
def beside(record, tmp_path, monkeypatch):
    """The primary cell that opens this set, and the runs as published of the other sets that are judged together with it."""
    primary = comparison("C NIST, tuned, spinal against mlp_matched")
    searches = ended_search(record, *primary.datasets)
    own_results(monkeypatch, tmp_path, tuning=searches, power=power_runs(record, primary, PILOT, searches))
    opened = cases.runs_of(record, primary, SPREAD, searches)
    (family,) = [c for c in COMPARISONS if c.recipe == "published" and DATASET in c.datasets and len(c.datasets) > 1]
    cells = planned_cells(family, family.seeds).values()
    return [*opened, *(run_of(record, cell, 0.15) for cell in cells if cell.dataset != DATASET)]


@pytest.mark.parametrize("place", range(len(_planned())))
def test_numbers_stand_there_when_the_last_planned_run_is(record, beside, place):
    cells = list(_planned().values())[place]
    runs = runs_of(record, cells)
    for records, shows in ((runs, True), (runs[:-1], False)):
        rows = ours(emnist_balanced_answer(records + beside))
        same = (rows["network"] == cells[-1].backbone) & (rows["head"] == cells[-1].head)
        settled = rows[same & (rows["command"] == "")]
        assert len(settled) == shows
        for _, found in settled.iterrows():
            assert (found["last"], found["best"]) == pytest.approx((85, 86)) and found["seeds"] == found["planned"]
            assert found["low"] <= found["last"] <= found["high"]


def test_a_family_that_is_still_blind_shows_nothing(record, tmp_path, monkeypatch):
    """The small network's runs as published are there, but not those of the other sets of its family."""
    own_results(monkeypatch, tmp_path)  # none
    rows = ours(emnist_balanced_answer(runs_of(record, next(iter(_planned().values())))))
    assert all(rows["command"]) and "last" not in rows


def test_the_last_cells_are_the_users_setting_which_the_study_makes_at_its_end():
    command, cells = list(_planned().items())[-1]
    (step,) = [step for step in STUDY_ORDER if step.command() == command]
    assert [step for step in STUDY_ORDER if TIERS[step.tier].device == "cpu"][-1] == step
    asked = {(c.backbone, c.head, c.head_arguments["layer_width"], c.config.epochs, c.config.steps) for c in cells}
    assert asked == {("two_conv", "spinal", 10, 100, None)} and [c.seed for c in cells] == [*range(10)]
