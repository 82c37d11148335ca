"""The reader's rules are the plan's with other numbers in them."""

import math

import pytest
import traitlets

from spinalnet_lib import YourDelta, regression_gains
from spinalnet_lib.records.files import own_records
from spinalnet_lib.study.claim_rules import regressions
from spinalnet_lib.study.comparisons import COMPARISONS
from spinalnet_lib.study.judged import judged
from spinalnet_lib.study.verdict import judge
from spinalnet_lib.widgets.your_delta import ALPHAS, your_delta_state
from tests.widgets.cases import CASES, still_of


@pytest.mark.parametrize(("reading", "recipe"), [("claimed", "published"), ("spine", "tuned")])
def test_with_the_plans_numbers_the_verdicts_are_the_plans(reading, recipe):
    records = own_records()
    plan = [judged(each, records).name for each in COMPARISONS if (each.tier, each.recipe) == ("R", recipe)]
    state = YourDelta(reading=reading).state()
    assert [cell["verdict"] for cell in state["cells"]] == plan and state["claim"] == regressions(plan)


def test_on_the_whole_grid_the_verdicts_are_those_of_judge():
    """At the level of the plan; another one is another interval, and nothing else."""
    case, gains = CASES["your-delta"], regression_gains()
    data = case.make().data()
    for values in case.grid:
        state = your_delta_state(values, data)
        reference = data["readings"][values["reading"]]["reference"]
        reference = reference if values["reference"] == "plan" else values["reference"]
        for cell, of in zip(state["cells"], gains[values["reading"]].values(), strict=True):
            some = of[reference][: values["seeds"]]
            verdict = judge(some, math.log1p(values["delta"] / 100), 1, family=len(state["cells"]))
            assert cell["mean"] == pytest.approx(some.mean(), abs=1e-6)
            if values["alpha"] == "5":
                assert cell["verdict"] == verdict.name
                if verdict.interval:
                    assert cell["wide"] == pytest.approx(verdict.interval, rel=1e-4, abs=1e-5)
                    assert cell["narrow"] == pytest.approx(verdict.narrow_interval, rel=1e-4, abs=1e-5)


def test_fewer_false_alarms_cost_wider_intervals():
    data = YourDelta().data()
    widths = []
    for alpha in ALPHAS:
        values = {"delta": 10, "seeds": 30, "reading": "spine", "reference": "plan", "alpha": alpha}
        low, high = your_delta_state(values, data)["cells"][0]["wide"]
        widths.append(high - low)
    assert widths == sorted(widths) and len({*widths}) == len(widths)


def test_with_fewer_seeds_than_the_plan_allows_nothing_is_judged():
    widget = YourDelta(seeds=7)
    state = widget.state()
    assert {cell["verdict"] for cell in state["cells"]} == {"untested"} == {state["claim"]}
    widget.seeds = 8
    assert "untested" not in {cell["verdict"] for cell in widget.state()["cells"]}
    widget.seeds = 1000
    assert widget.seeds == widget.data()["seeds"]


def test_a_control_takes_what_it_has():
    for name, value in {"delta": 0, "alpha": "7", "reading": "other", "reference": "spinal"}.items():
        with pytest.raises(traitlets.TraitError, match=name):
            YourDelta(**{name: value})


def test_the_still_draws_the_band_and_every_interval():
    widget = YourDelta(delta=25)
    (axes,) = still_of(widget)
    assert axes.patches[0].get_x() == pytest.approx(-math.log(1.25))
    drawn = [
        tuple(line.get_xdata()) for line in axes.lines if line.get_linewidth() == 1.5 and len(line.get_xdata()) == 2
    ]
    assert [tuple(cell["wide"]) for cell in widget.state()["cells"]] == [
        pair for pair in drawn if tuple(pair) != (0, 0)
    ]
