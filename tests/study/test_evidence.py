"""Which records are those of a planned cell."""

from dataclasses import replace

import pytest

from spinalnet_lib.study.judged import judged


def test_runs_that_look_alike_do_not_count(fashion):
    pair, known, runs = fashion
    for change in (
        {"recipe": {**runs(0)[0].recipe, "learning_rate": 0.02}},
        {"split_sizes": {**runs(0)[0].split_sizes, "seed": 99}},
        {"dataset": "mnist"},
        {"threads": 7},
        {"numerics_version": 1},
    ):
        first, *others = runs(0)
        other = replace(first, **change)
        assert judged(pair, [*known, other, *others]).name == "untested"


def test_two_runs_of_one_place_are_told_apart_by_their_data_or_by_nothing(fashion):
    pair, known, runs = fashion
    (first, *_), key = runs(0), "f" * 64
    for twin, says in (
        (replace(first, key=key, dataset_sha256="0" * 64), "two states of the data"),
        (replace(first, key=key), f"has 2 runs, which differ in what no record says.*{key[:10]}"),
    ):
        with pytest.raises(ValueError, match=says):
            judged(pair, [*known, *runs(0), twin])
