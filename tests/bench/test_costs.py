"""What an arm costs on a body: counts, memory as it is allocated, times of what is trained and evaluated."""

import pytest
import torch

from spinalnet_lib import costs_table, create_backbone, head_cost, load_bench
from spinalnet_lib.bench import costs
from spinalnet_lib.models.sizes import OTHER, arm_arguments, primary_arms
from spinalnet_lib.study.tiers import TIERS
from tests.bench.cases import names, replace_clock


@pytest.fixture
def rows(monkeypatch):
    """Those of the small CNN, without a clock."""
    replace_clock(monkeypatch, costs)
    return list(costs.cost_rows(["two_conv"], pairs=1))


def test_every_body_of_the_study_is_there_with_every_arm_that_has_sizes_on_it():
    bodies = costs.study_bodies()
    assert {"pixels", "two_conv", "efficientnet_lite0"} <= set(bodies)
    assert {body for tier in TIERS.values() for runs in tier.runs for body in runs.backbones} <= set(bodies)
    for body in bodies:
        reference, arms = costs.arms_of(body)
        absent = {*primary_arms(body), *OTHER} - {reference, *arms}
        without_dense = {"spinal_big"} if reference == "linear" or body == "pixels" else set()
        cells = {"spinal_full", "progressive"} if body.endswith("_cells") else set()
        assert absent == without_dense | cells and reference in ("mlp", "linear")


def test_the_committed_counts_are_those_of_the_arms_as_they_are_now():
    rows, checked = load_bench("costs"), set()
    for body in costs.study_bodies():
        features = costs._INPUTS if body == "pixels" else create_backbone(body).num_features
        reference, arms = costs.arms_of(body)
        weights = {
            arm: costs.measured_cost(costs._head(body, arm, features), (features,)).weights
            for arm in (reference, *arms)
        }
        for row in rows:
            if (row["body"], row["quantity"]) == (body, "weights") and row["arm"] != costs.BODY:
                assert row["ratio"] == pytest.approx(weights[row["arm"]] / weights[reference], rel=1e-3), row["name"]
                checked.add((body, row["arm"]))
        assert checked >= {(body, arm) for arm in arms}


def test_each_arm_has_each_quantity_once_and_the_body_those_that_add_up(rows):
    reference, arms = costs.arms_of("two_conv")
    assert len(names(rows)) == len(arms) * len(costs.QUANTITIES) + len(costs.QUANTITIES) - 1
    for arm in (*arms, costs.BODY):
        found = [row["quantity"] for row in rows if row["arm"] == arm]
        assert found == [q for q in costs.QUANTITIES if (arm, q) != (costs.BODY, costs.MEMORY)]
    assert all(row["ratio"] > 0 and row["reference"] == reference for row in rows)


def test_counts_are_those_of_the_heads_and_of_the_whole_net(rows):
    features = create_backbone("two_conv").num_features
    weights = {arm: head_cost(arm, features, 10, **arm_arguments(arm, 0.0)).weights for arm in ("spinal", "mlp")}
    head = costs_table(rows, whole=False).set_index("arm").loc["spinal"]
    assert head["weights"] == head["multiply-adds"] == pytest.approx(weights["spinal"] / weights["mlp"], rel=1e-3)
    net = costs_table(rows).set_index("arm").loc["spinal"]
    body = sum(p.numel() for name, p in create_backbone("two_conv").named_parameters() if name.endswith("weight"))
    assert net["weights"] == pytest.approx((body + weights["spinal"]) / (body + weights["mlp"]), rel=1e-3)
    assert head["weights"] < net["weights"] < 1


def test_times_of_the_whole_net_are_added_up_with_their_spread():
    def row(arm, ratio, low, high, quantity):
        return {
            "body": "b",
            "arm": arm,
            "reference": "mlp",
            "quantity": quantity,
            "ratio": ratio,
            "low": low,
            "high": high,
        }

    rows = [row("spinal", 3.0, 2.0, 5.0, quantity) for quantity in costs.QUANTITIES]
    rows += [row(costs.BODY, 3.0, 3.0, 3.0, quantity) for quantity in costs.QUANTITIES if quantity != costs.MEMORY]
    (line,) = costs_table(rows).to_dict("records")
    timed = costs.TIMED[0]
    assert (line[f"{timed}, low"], line[timed], line[f"{timed}, high"]) == (5 / 4, 6 / 4, 8 / 4)
    assert line[costs.MEMORY] == 3 and (line["body"], line["arm"], line["reference"]) == ("b", "spinal", "mlp")
    (alone,) = costs_table(rows, whole=False).to_dict("records")
    assert alone[timed] == 3
    assert costs_table([]).empty


def test_memory_is_the_most_that_is_held_at_once():
    def call():
        first = torch.empty(1000, 1000)
        second = torch.empty(500, 1000)
        del first
        torch.empty(1000)
        del second

    assert 6_000_000 <= costs._peak_bytes(call) < 6_100_000
    head, larger = (costs._step_memory("pixels", arm) for arm in ("linear", "mlp"))
    weights = head_cost("mlp", 8, 1, **arm_arguments("mlp", 0.0, "pixels")).parameters
    assert larger - head > 4 * 4 * weights * 0.99  # a weight, its gradient and two moments, four bytes each


def test_a_body_is_evaluated_and_trained():
    net = create_backbone("two_conv")
    before = torch.cat([p.detach().flatten() for p in net.parameters()])
    costs._body_call(net, "latency, batch 1")()
    assert not net.training and torch.equal(before, torch.cat([p.detach().flatten() for p in net.parameters()]))
    costs._body_call(net, costs.TIMED[2])()
    assert net.training and not torch.equal(before, torch.cat([p.detach().flatten() for p in net.parameters()]))


def test_a_body_whose_package_is_missing_is_named(monkeypatch, capsys):
    def missing(name):
        raise ImportError("install it")

    monkeypatch.setattr(costs, "create_backbone", missing)
    assert list(costs.cost_rows(["efficientnet_lite0"])) == []
    assert "efficientnet_lite0" in capsys.readouterr().out
