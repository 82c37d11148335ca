"""Best less last, by arm: recomputed from the lines of committed records, and told apart by settings."""

import dataclasses
import gzip
import json
import math
import statistics

import pytest

from spinalnet_lib import load_records
from spinalnet_lib.paths import data_path
from spinalnet_lib.study.selection import selection_bias_by_arm
from spinalnet_lib.study.tuning import NO_SEARCH


def with_test(record, seed, best, last, **changes):
    test = {**record.test, "test_max": best, "last": last}
    return dataclasses.replace(record, seed=seed, key=f"{seed:064x}", test=test, **changes)


def test_committed_regressions_are_what_their_lines_give():
    table = selection_bias_by_arm(load_records("study"))
    files = data_path("results", "study").glob("regression_*.jsonl.gz")
    runs = [json.loads(line) for path in files for line in gzip.decompress(path.read_bytes()).splitlines()]
    squared = table[table["measure"] == "squared error"]
    assert len(squared) >= 4
    for _, row in squared.iterrows():
        of_seed = {}
        for run in runs:
            tuned, test = run["tuning_id"] != NO_SEARCH, run["test"]
            if (
                run["model"]["head"] == row["head"]
                and tuned == (row["recipe"] == "tuned")
                and None not in test.values()
            ):
                of_seed.setdefault(run["seed"], []).append(math.log(test["last_mse"] / test["test_min_mse"]))
        biases = [statistics.mean(found) for found in of_seed.values()]
        assert row["bias"] == pytest.approx(statistics.mean(biases)) and row["units"] == len(biases) == 30
        assert min(biases) >= 0 and row["low"] <= row["bias"] <= row["high"]


def test_a_run_without_a_finite_error_is_counted_apart():
    run = load_records("study/regression_sum")[0]
    spoilt = dataclasses.replace(run, diverged=True, test={**run.test, "last_mse": None}, seed=99, key="8" * 64)
    (row,) = selection_bias_by_arm([run, spoilt]).to_dict("records")
    assert (row["runs"], row["left_out"]) == (1, 1)
    assert "bias" not in selection_bias_by_arm([spoilt])


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
    more = dataclasses.replace(tuned[0], recipe={**record.recipe, "epochs": None, "steps": 8000}, key="more")
    first, longer, second, more = selection_bias_by_arm([own, *tuned, *runs, longer, more]).to_dict("records")
    assert (first["recipe"], first["sets"], first["runs"], first["units"]) == ("as published", 2, 8, 4)
    assert first["readings"] == (len(record.curve), len(record.curve)) and first["left_out"] == 0
    half = 3.182446 * statistics.stdev([0, 0.01, 0.02, 0.03]) / 2  # Student's t of 3 degrees of freedom
    assert first["bias"] == pytest.approx(0.025) and first["last_is_best"] == 1 / 8
    assert (first["low"], first["high"]) == pytest.approx((0.025 - half, 0.025 + half), rel=1e-5)
    assert (longer["recipe"], longer["runs"]) == ("as published", 1)
    assert (second["recipe"], second["runs"], second["units"]) == ("tuned", 6, 3)
    assert (more["recipe"], more["runs"], more["steps"]) == ("tuned", 1, 8000)


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
