"""The search: what it chose, when its grid has to grow, and that it is not asked before it has ended."""

import dataclasses
import math

import pytest

from spinalnet_lib import append_record
from spinalnet_lib.records import files
from spinalnet_lib.study.tuning import Grid, Search, drop_rate, search_records
from spinalnet_lib.training.recipes import TUNING_DROPOUT, TUNING_RATES, TUNING_SEEDS, tuning_rate
from spinalnet_lib.training.runs import numerics_of

ARMS = ("spinal", "mlp")


def run(record, arm, rate, drop, seed, loss, diverged=False):
    """A record as the search would have it."""
    return dataclasses.replace(
        record,
        dataset="toy",
        model={**record.model, "backbone": "two_conv", "head": arm, "head_arguments": {"drop_rate": [0.0, drop]}},
        recipe={**record.recipe, "learning_rate": rate},
        seed=seed,
        numerics_version=numerics_of(fast=False, drops=drop > 0),
        curve=[{"val_nll": None if diverged else loss}],
        diverged=diverged,
    )


def runs(record, loss_of, steps=range(5), arms=ARMS):
    return [
        run(record, arm, tuning_rate(step), drop, seed, loss_of(arm, step, drop) + 0.01 * (seed - 1000))
        for arm in arms
        for step in steps
        for drop in TUNING_DROPOUT
        for seed in TUNING_SEEDS
    ]


def valley(best, **others):
    """Losses that are lowest at one step of the grid, for `others` at another, without dropout."""
    return lambda arm, step, drop: 1 + abs(step - others.get(arm, best)) + drop


def search(records):
    return Search(records, ["toy"], "two_conv", ARMS)


def test_the_lowest_mean_loss_is_chosen(record):
    found = search(runs(record, valley(2)))
    setting = found.chosen("spinal")
    assert (setting.learning_rate, setting.drop_rate) == (TUNING_RATES[2], 0.0)
    assert found.loss("spinal", TUNING_RATES[2], 0.0) == pytest.approx(1.005)
    assert found.rates() == list(TUNING_RATES)
    assert len(setting.tuning_id) == 64
    assert found.chosen("spinal_big") == setting  # an arm that is not searched takes spinal's


def test_the_grid_grows_beyond_a_winner_at_its_edge_for_all_arms_and_by_two_steps_at_most(record):
    loss_of = valley(2, mlp=100)
    steps = range(5)
    for more in (1, 2):
        records = runs(record, loss_of, steps)
        assert search(records).rates() == [*map(tuning_rate, range(5 + more))]
        with pytest.raises(ValueError, match=f"lacks 2 of {10 + 2 * more} places"):
            search(records).chosen("spinal")
        steps = range(5 + more)
    ended = search(runs(record, loss_of, steps))
    assert ended.rates() == [*map(tuning_rate, range(7))]
    assert ended.chosen("mlp").learning_rate == tuning_rate(6)
    assert ended.chosen("spinal").learning_rate == tuning_rate(2)


def test_no_arm_chooses_before_the_search_of_all_has_ended(record):
    """The dense head's best is beyond the grid, and one of its runs is missing: then the grid would grow for both."""
    records = runs(record, valley(4, mlp=100))
    assert records[-1].model["head"] == "mlp" and records[-1].seed == 1001
    with pytest.raises(ValueError, match="search for mlp on toy with two_conv lacks 1 of 10 places"):
        search(records[:-1]).chosen("spinal")


def test_it_grows_at_both_ends(record):
    loss_of = valley(5, mlp=-1)
    assert search(runs(record, loss_of)).rates() == [*map(tuning_rate, range(-1, 6))]
    assert search(runs(record, loss_of, range(-1, 6))).rates() == [*map(tuning_rate, range(-2, 7))]


def test_a_run_that_diverged_is_never_chosen(record):
    records = [*runs(record, valley(2)), run(record, "spinal", TUNING_RATES[2], 0.0, 1001, 1.0, diverged=True)]
    assert search(records).loss("spinal", TUNING_RATES[2], 0.0) == math.inf
    chosen = search(records).chosen("spinal")
    assert (chosen.learning_rate, chosen.drop_rate) == (TUNING_RATES[2], 0.5)


def test_the_search_is_looked_for_in_the_folder_first(record, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "data_path", lambda *parts: tmp_path.joinpath("project", *parts))
    for name, dataset in (("a", "toy"), ("b", "other")):
        for number, found in enumerate(runs(record, valley(2))[:3]):
            found = dataclasses.replace(found, key=f"{number:064x}", dataset=dataset, curve=record.curve)
            append_record(tmp_path / f"{name}.jsonl", found)
    append_record(tmp_path / "a.jsonl", record)  # of a seed that is not the search's
    assert [found.dataset for found in search_records(tmp_path)] == ["toy"] * 3 + ["other"] * 3
    assert search_records(tmp_path / "none") == []


def test_the_neighbour_is_the_better_one_of_two(record):
    found = search(runs(record, lambda arm, step, drop: 1 + abs(step - 1.9) + drop))
    setting = found.neighbour("spinal")
    assert (setting.learning_rate, setting.drop_rate) == (TUNING_RATES[1], 0.0)
    assert setting.tuning_id == found.chosen("spinal").tuning_id
    at_the_edge = search(runs(record, valley(9), range(7)))
    assert at_the_edge.chosen("mlp").learning_rate == tuning_rate(6)
    assert at_the_edge.neighbour("mlp").learning_rate == tuning_rate(5)


def test_the_choice_by_error_takes_the_lower_loss_among_equals(record):
    def with_error(found):
        step = TUNING_RATES.index(found.recipe["learning_rate"])
        return dataclasses.replace(found, curve=[{**found.last, "val_error": 0.1 * (step < 3)}])

    found = search(map(with_error, runs(record, valley(2))))
    assert found.chosen("spinal").learning_rate == TUNING_RATES[2]
    assert found.chosen_by_error("spinal").learning_rate == TUNING_RATES[3]
    with pytest.raises(ValueError, match="lacks"):
        search(runs(record, valley(2))[1:]).chosen_by_error("spinal")


def test_a_grid_may_begin_smaller(record):
    grid = Grid(2, 4, (0.5,), TUNING_SEEDS[:1])
    of_grid = [found for found in runs(record, valley(3), range(2, 5)) if found.seed == 1000 and drop_rate(found)]
    found = Search(of_grid, ["toy"], "two_conv", ARMS, grid)
    assert (found.rates(), found.chosen("mlp").drop_rate) == (list(TUNING_RATES[2:]), 0.5)
    lower = [found for found in runs(record, valley(1), range(2, 5)) if found.seed == 1000 and drop_rate(found)]
    assert Search(lower, ["toy"], "two_conv", ARMS, grid).rates() == list(TUNING_RATES[1:])
