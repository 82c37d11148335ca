"""Costs from the runs themselves, latency from what was measured, settings from the search; each against its definition."""

from dataclasses import replace

import pytest

from spinalnet_lib.study.cells import list_cells
from spinalnet_lib.study.cost_beside import cost, latency_ratios, settings
from spinalnet_lib.training.recipes import TUNING_DROPOUT, TUNING_RATES, tuning_rate
from tests.study.cases import comparison, recorded, with_losses

PAIR = comparison("C Fashion, tuned, spinal against mlp_matched")
AS_CLAIMED = comparison("C Fashion, published")


def measured(arm, ratio, batch, body="two_conv"):
    return {"body": body, "arm": arm, "reference": "mlp", "quantity": f"latency, batch {batch}", "ratio": ratio}


def test_an_arm_has_the_cost_of_its_runs(record):
    parts = {"weights": 10, "parameters": 12, "macs": 14}
    ours = [
        replace(record, dataset="fashion_mnist", head_cost=parts, body_cost=dict.fromkeys(parts, 100), seconds=s)
        for s in (2.0, 4.0)
    ]
    found = cost(PAIR, {"spinal": ours, "mlp_matched": [replace(ours[0], head_cost={**parts, "weights": 11})]})
    net = {"net_weights": 110, "net_parameters": 112, "net_macs": 114}
    assert found["spinal"] == parts | net | {"seconds": 3.0} and found["mlp_matched"]["weights"] == 11
    assert found["latency"] == latency_ratios(PAIR, "fashion_mnist") != {}  # measured and committed


def test_latency_is_that_of_the_head_and_with_the_bodys_of_the_net():
    rows = [measured("spinal", 3.0, 1), measured("mlp_matched", 0.5, 1), measured("the body", 9.5, 1)]
    other = measured("spinal", 8.0, 1, "vgg5")
    assert latency_ratios(PAIR, "fashion_mnist", [*rows, other]) == {
        "latency, batch 1": {"head": 6.0, "net": pytest.approx(1.25)}
    }
    assert latency_ratios(AS_CLAIMED, "fashion_mnist", rows)["latency, batch 1"]["head"] == 3.0
    assert latency_ratios(PAIR, "fashion_mnist", rows[:1]) == {}


@pytest.mark.parametrize(
    "name", ["W mnist, width 8, tuned, spinal against mlp_matched", "D4 mnist, tuned, spinal against mlp_deep"]
)
def test_of_sizes_that_were_not_measured_there_is_no_latency(name):
    rows = [measured(arm, 2.0, 1) for arm in ("spinal", "mlp_matched", "mlp_deep")]
    assert latency_ratios(comparison(name), "mnist", rows) == {}


@pytest.mark.parametrize(("best", "edge"), [(2, False), (9, True)])
def test_settings_say_how_many_were_tried_and_whether_the_chosen_one_is_at_the_edge(record, best, edge):
    """A search whose best rate lies far beyond its highest one grows twice, and stays at the edge."""
    runs = []
    for _ in range(3):
        runs = with_losses(recorded(record, list_cells("tuning", "C", runs, ["fashion_mnist"])), tuning_rate(best))
    found = settings(PAIR, "fashion_mnist", runs)
    tried = len(TUNING_DROPOUT) * (len(TUNING_RATES) + 2 * edge)
    expected = dict.fromkeys(PAIR.arms, (tried, edge))
    assert {arm: (its["settings_tried"], its["at_edge"]) for arm, its in found.items()} == expected
    assert {its["learning_rate"] for its in found.values()} == {tuning_rate(6 if edge else 2)}
    assert not any(its["other_by_error"] for its in found.values())
    assert settings(AS_CLAIMED, "fashion_mnist", runs) == {}


def test_settings_say_where_validation_error_would_choose_another(record):
    runs = with_losses(recorded(record, list_cells("tuning", "C", (), ["fashion_mnist"])))
    arm = PAIR.arms[1]

    def right_at_the_lowest_rate(run):
        lowest = run.head == arm and run.recipe["learning_rate"] == TUNING_RATES[0]
        return replace(run, curve=[{**run.last, "val_error": 0.01}]) if lowest else run

    found = settings(PAIR, "fashion_mnist", list(map(right_at_the_lowest_rate, runs)))
    assert {name: its["other_by_error"] for name, its in found.items()} == {PAIR.arms[0]: False, arm: True}
