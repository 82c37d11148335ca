"""Which records are those of a planned cell."""

from dataclasses import replace

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
