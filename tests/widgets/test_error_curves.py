import dataclasses
import math

import pytest
import traitlets

from spinalnet_lib import ErrorCurves, load_records, mean_interval
from spinalnet_lib.widgets.error_curves import error_curves_state
from tests.widgets.cases import CASES, RECORDS, still_of


def test_curves_state_equals_the_statistics():
    widget = ErrorCurves(RECORDS)
    for values in CASES["error-curves"].grid:
        state = error_curves_state(values, widget.data())
        for chosen in state["chosen"]:
            name = widget.arm_names[chosen["arm"]]
            runs = sorted((r for r in RECORDS if r.arm == name), key=lambda r: r.seed)[: values["seeds"]]
            last = [r.curve[-1]["val_error"] for r in runs]
            mean, low, high = mean_interval(last)
            assert chosen["mean"][-1] == pytest.approx(mean)
            if values["interval"] == "t" and len(runs) > 1:
                assert (chosen["low"][-1], chosen["high"][-1]) == pytest.approx((low, high), rel=1e-4)
            if values["interval"] == "range":
                assert (chosen["low"][-1], chosen["high"][-1]) == (min(last), max(last))


def test_the_curves_still_shows_every_run_and_the_mean():
    curves = ErrorCurves(RECORDS, seeds=3, arms=[1])
    (axes,) = still_of(curves)
    lines = [pytest.approx([y / 100 for y in line.get_ydata()]) for line in axes.lines]
    assert lines == [*curves.data()["errors"][1][:3], curves.state()["chosen"][0]["mean"]]


@pytest.mark.parametrize(
    ("records", "named"),
    [
        ([], "no records"),
        (load_records("first_training"), "seeds.*data set"),  # two at once
        ([*RECORDS, dataclasses.replace(RECORDS[0], key="0" * 64, seed=99, curve=RECORDS[0].curve[:2])], "seed 99"),
    ],
)
def test_records_that_do_not_fit_one_picture_are_refused(records, named):
    with pytest.raises(ValueError, match=named):
        ErrorCurves(records)


def test_there_are_no_more_arms_and_seeds_than_in_the_records():
    curves = ErrorCurves(RECORDS)
    with pytest.raises(traitlets.TraitError, match=r"arms \[9\]"):
        curves.arms = [0, 9]
    curves.seeds = 500
    assert curves.seeds == 10


def test_hue_is_the_head_and_a_dash_is_dropout():
    data = ErrorCurves(RECORDS).data()
    looks = dict(zip(data["arms"], zip(data["inks"], data["dashed"], strict=True), strict=True))
    assert looks["spinal, no dropout"] == ("spinal", False) and looks["mlp, dropout 0.5"] == ("dense", True)


def test_a_seed_that_is_looked_at_is_told_and_drawn_where_it_is_shown():
    curves = ErrorCurves(RECORDS, arms=[0], look="2")
    name = curves.arm_names[0]
    (run,) = (run for run in RECORDS if (run.arm, run.seed) == (name, 2))
    ((_, told),) = curves.state()["rows"]
    hundredths = math.floor(run.curve[-1]["val_error"] * 10000 + 0.5) / 100
    assert f"; seed 2: {hundredths:.2f}\u00a0%" in told
    (axes,) = still_of(curves)
    assert [100 * point["val_error"] for point in run.curve] in [
        pytest.approx(list(line.get_ydata())) for line in axes.lines
    ]
    curves.seeds = 2  # the third is not among them
    assert "seed 2:" not in curves.state()["rows"][0][1]
    with pytest.raises(traitlets.TraitError, match="'77' is no seed"):
        curves.look = "77"
