"""Best less last, by arm: recomputed from the lines of committed records, and told apart by settings."""

import dataclasses
import json
import math
import statistics

import pytest

from spinalnet_lib import load_records
from spinalnet_lib.paths import data_path
from spinalnet_lib.study.selection import selection_bias


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
