"""The four arms of the first training, paired by seed."""

import dataclasses

import pytest

from spinalnet_lib import crossed_errors, load_records
from spinalnet_lib.study.crossed import crossed_seeds

RECORDS = [r for r in load_records("first_training") if r.dataset == "mnist"]


def test_each_position_of_the_switch_has_its_two_arms_seed_by_seed():
    errors = {(r.arm, r.seed): 100 * r.curve[-1]["val_error"] for r in reversed(RECORDS)}
    seeds = crossed_seeds(RECORDS)
    assert seeds == sorted({r.seed for r in RECORDS})
    arms = {
        "published": ("spinal, no dropout", "mlp, dropout 0.5"),
        "none": ("spinal, no dropout", "mlp, no dropout"),
        "both": ("spinal, dropout 0.5", "mlp, dropout 0.5"),
    }
    expected = {name: tuple([errors[arm, seed] for seed in seeds] for arm in pair) for name, pair in arms.items()}
    assert crossed_errors(RECORDS) == expected


@pytest.mark.parametrize(
    ("records", "named"),
    [
        ([], r"\[\]"),
        (RECORDS[1:], r"first training"),
        (load_records("first_training"), "twice"),
        ([*RECORDS, dataclasses.replace(RECORDS[0], key="0" * 64, seed=99)], "99"),
    ],
)
def test_runs_that_cannot_be_paired_are_refused(records, named):
    with pytest.raises(ValueError, match=named):
        crossed_errors(records)
