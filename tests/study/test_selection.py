"""Best less last, by arm: recomputed from the lines of committed records, and told apart by settings."""

import dataclasses
import json
import math
import statistics

import pytest

from spinalnet_lib import load_records
from spinalnet_lib.paths import data_path
from spinalnet_lib.study.selection import selection_bias, selection_bias_by_arm
from spinalnet_lib.study.tuning import NO_SEARCH


def with_test(record, seed, best, last, **changes):
    test = {**record.test, "test_max": best, "last": last}
    return dataclasses.replace(record, seed=seed, key=f"{seed:064x}", test=test, **changes)


def test_the_bias_is_the_mean_of_best_less_last_with_its_interval(record):
    runs = [with_test(record, seed, 0.9 + seed / 100, 0.9) for seed in range(4)]
    (row,) = selection_bias(runs).to_dict("records")
    assert (row["seeds"], row["left_out"], row["evaluations"]) == (4, 0, len(record.curve))
    assert row["bias"] == pytest.approx(0.015) and row["best"] - row["last"] == pytest.approx(0.015)
    half = 3.182446 * statistics.stdev([0, 0.01, 0.02, 0.03]) / 2  # Student's t of 3 degrees of freedom
    assert (row["low"], row["high"]) == pytest.approx((0.015 - half, 0.015 + half), rel=1e-5)


def test_arms_with_other_settings_have_rows_of_their_own_and_masks_of_a_seed_have_not(record):
    def sized(seed, **arguments):
        sizes = {**record.model["head_arguments"], **arguments}
        return with_test(record, seed, 0.9, 0.9, model={**record.model, "head_arguments": sizes})

    assert list(selection_bias([sized(seed, mask_seed=seed) for seed in range(3)])["seeds"]) == [3]
    assert len(selection_bias([sized(0), sized(1, layer_width=9)])) == 2
    other = dataclasses.replace(sized(2), recipe={**record.recipe, "learning_rate": 0.5})
    assert len(selection_bias([sized(0), other])) == 2
    assert selection_bias([dataclasses.replace(record, test=None)]).empty


def test_committed_regressions_are_what_their_lines_give():
    table = selection_bias(load_records("regression"))
    for (dataset, head), rows in table.groupby(["dataset", "head"]):
        runs = [
            json.loads(line) for line in data_path("results", "regression", f"{dataset}.jsonl").read_text().splitlines()
        ]
        tests = [run["test"] for run in runs if run["model"]["head"] == head and None not in run["test"].values()]
        biases = [math.log(test["last_mse"] / test["test_min_mse"]) for test in tests]
        (row,) = rows.to_dict("records")
        assert row["bias"] == pytest.approx(statistics.mean(biases)) and row["seeds"] == len(biases)
        assert min(biases) >= 0 and row["low"] <= row["bias"] <= row["high"] and row["best"] <= row["last"]


def test_a_run_without_a_finite_error_is_counted_apart():
    run, other = load_records("regression/regression_sum")[:2]
    ended = dataclasses.replace(run, seed=98, key="9" * 64)
    spoilt = dataclasses.replace(run, diverged=True, test={**run.test, "last_mse": None}, seed=99, key="8" * 64)
    (row,) = selection_bias([run, ended, spoilt]).to_dict("records")
    assert (row["seeds"], row["left_out"]) == (2, 1)
    assert "bias" not in selection_bias([spoilt]) and other.head


def test_an_arm_has_one_row_over_its_sets_with_the_seed_as_its_unit(record, no_own_runs):
    """As published and tuned stand apart, the published ones first; a user's own runs are none of the study."""
    runs = [
        with_test(record, seed, 0.9 + seed / 100 + gap, 0.9, tuning_id=NO_SEARCH, dataset=name)
        for seed in range(4)
        for name, gap in (("one", 0.0), ("two", 0.02))
    ]
    runs = [dataclasses.replace(run, key=f"{number:064x}") for number, run in enumerate(runs)]
    tuned = [dataclasses.replace(run, tuning_id="search", key=f"t{run.key[1:]}") for run in runs[:6]]
    own = dataclasses.replace(runs[0], tuning_id=None, key="own")
    longer = dataclasses.replace(runs[0], recipe={**record.recipe, "epochs": 100}, key="longer")
    first, longer, second = selection_bias_by_arm([own, *tuned, *runs, longer]).to_dict("records")
    assert (first["recipe"], first["sets"], first["runs"], first["units"]) == ("as published", 2, 8, 4)
    assert first["readings"] == (len(record.curve), len(record.curve)) and first["left_out"] == 0
    half = 3.182446 * statistics.stdev([0, 0.01, 0.02, 0.03]) / 2  # Student's t of 3 degrees of freedom
    assert first["bias"] == pytest.approx(0.025)
    assert (first["low"], first["high"]) == pytest.approx((0.025 - half, 0.025 + half), rel=1e-5)
    assert (longer["recipe"], longer["runs"]) == ("as published", 1)
    assert (second["recipe"], second["runs"], second["units"]) == ("tuned", 6, 3)


def test_heads_on_frozen_bodies_are_one_arm_with_the_body_as_its_unit(record, no_own_runs):
    runs = [
        with_test(
            record, seed, 0.9 + body / 100, 0.9, dataset=f"mnist+trained:two_conv-linear-{body}", tuning_id="search"
        )
        for body in range(3)
        for seed in range(5)
    ]
    runs = [dataclasses.replace(run, key=f"{number:064x}") for number, run in enumerate(runs)]
    (row,) = selection_bias_by_arm(runs).to_dict("records")
    assert (row["body"], row["units"], row["runs"]) == ("two_conv, frozen", 3, 15)
    assert row["bias"] == pytest.approx(0.01)
