"""Claims about counts say what the counts say: altered counts get another verdict."""

from dataclasses import replace

import pytest
import torch

from spinalnet_lib.heads.widths import largest_cheaper_width
from spinalnet_lib.models.bodies import create_backbone
from spinalnet_lib.models.sizes import paper_head
from spinalnet_lib.study import counted


@pytest.fixture(scope="module")
def costs():
    return counted.replaced_heads()


def altered(costs, change):
    """The same heads with other counts of the spinal ones."""
    return {body: (dense, replace(spinal, **change(dense))) for body, (dense, spinal) in costs.items()}


def test_the_counts_are_those_of_the_papers_heads(costs):
    assert costs["two_conv"][0].weights == (320 + 10) * 50 and costs["vgg5"][0].weights == (256 + 10) * 512
    finding = counted.fewer_weights(costs)
    assert "8,480 weights instead of 16,500 (−48.6%)" in finding.evidence
    assert "119,808 weights instead of 136,192 (−12.0%)" in finding.evidence
    assert "up to layer width 4 only" in finding.evidence


def test_c1_depends_as_the_inequality_says(costs):
    assert counted.fewer_weights(costs).state == "depends"
    for body, (dense, spinal) in costs.items():
        sizes = paper_head(body, "spinal") if not body.endswith("_cells") and body != "arch2" else None
        if sizes is not None:
            layers = sizes["num_layers"]
            widest = largest_cheaper_width(dense.weights, create_backbone(body).num_features, 10, layers)
            assert (sizes["layer_width"] <= widest) == (spinal.weights < dense.weights)


@pytest.mark.parametrize(("more", "state"), [(-1, "true"), (1, "false")])
def test_other_counts_give_c1_and_c2_another_state(costs, more, state):
    weights = altered(costs, lambda dense: {"weights": dense.weights + more})
    assert counted.fewer_weights(weights).state == state
    macs = altered(costs, lambda dense: {"macs": dense.macs + more})
    computations, _ = counted.computations(macs, ())
    assert computations.state == state and "multiply-adds and weights differ" in computations.evidence
    assert counted.computations(costs, ())[0].state == "depends"


def row(name, ratio, low, high, peer="dense head of VGG-5"):
    return {"group": "heads", "name": name, "peer": peer, "ratio": ratio, "low": low, "high": high}


def test_time_is_read_from_the_rows(costs):
    rows = [
        row("head training step, batch 100", 1.9, 1.8, 2.0),
        row("compiled head, evaluation, batch 100, cpu", 0.9, 0.8, 0.95, "dense head of VGG-5, compiled"),
        row("fused head, evaluation, batch 100", 1.0, 0.9, 1.1),
        row("head training step, batch 1000", 3.0, 2.0, 4.0),
        row("two_conv + spinal, training step, batch 100", 5.0, 4.0, 6.0, "the plain step"),
    ]
    time = counted.computations(costs, rows)[1]
    assert "batch 100, against dense head of VGG-5: more time, 1.90 times (1.80 to 2.00)" in time.evidence
    assert "less time, 0.90 times (0.80 to 0.95)" in time.evidence
    assert "no clear difference, 1.00 times (0.90 to 1.10)" in time.evidence
    assert "3.00" not in time.evidence and "5.00" not in time.evidence
    assert "Of 4 comparisons of heads on a CPU: 1 less time, 2 more time, 1 no clear difference" in time.evidence


def test_times_of_each_bodys_spine_against_its_dense_head_are_counted_too(costs):
    def cost(body, arm, quantity, ratio, reference="mlp"):
        names = {"body": body, "arm": arm, "reference": reference, "quantity": quantity}
        return row(f"{body}, {arm}: {quantity}", ratio, ratio, ratio, f"{reference} on {body}") | names

    rows = [
        cost("vgg16_bn", "spinal", "latency, batch 1", 0.5),
        cost("two_conv", "spinal", "training step, batch 128", 2.0),
        cost("two_conv", "mlp_deep", "training step, batch 128", 3.0),  # no spine
        cost("two_conv", "spinal", "weights", 0.5),  # no time
        cost("efficientnet_lite0", "spinal", "latency, batch 1", 4.0, "linear"),  # no dense head
    ]
    time = counted.computations(costs, rows)[1]
    assert time.state == "depends" and "Of 2 comparisons of heads on a CPU: 1 less time, 1 more time" in time.evidence
    assert "less time on vgg16_bn; more time on two_conv." in time.evidence
    mixed = counted.computations(costs, [*rows, cost("two_conv", "spinal", "latency, batch 1", 0.5)])[1]
    assert "no one answer on two_conv." in mixed.evidence


@pytest.mark.parametrize(
    ("ratios", "state"), [([0.5, 0.6], "true"), ([0.5, 1.5], "depends"), ([1.5], "false"), ([], "untested")]
)
def test_the_state_of_time_follows_from_all_rows(costs, ratios, state):
    rows = [row("head training step, batch 100", ratio, ratio - 0.1, ratio + 0.1) for ratio in ratios]
    assert counted.computations(costs, rows)[1].state == state


def test_conversions_are_made_and_compared(monkeypatch):
    assert counted.universal().state == counted.convertible().state == "true"
    right = counted.as_spine

    def wrong(mlp, **how):
        spine = right(mlp, **how)
        spine.classifier.bias.data += 1
        return spine

    monkeypatch.setattr(counted, "as_spine", wrong)
    assert counted.universal().state == counted.convertible().state == "false"
    monkeypatch.setattr(counted, "as_spine", lambda mlp, units_per_layer=None: right(mlp))  # wider than two
    assert counted.universal().state == "depends" and counted.convertible().state == "true"


def test_a_conversion_leaves_the_random_generator_alone():
    before = torch.get_rng_state()
    counted.universal()
    assert torch.equal(before, torch.get_rng_state())


def test_c7_depends_on_the_splits_alone(monkeypatch):
    finding = counted.any_size()
    assert finding.state == "depends" and "and for no other" in finding.evidence
    monkeypatch.setattr(counted, "split_sizes", lambda features, splits: [features // splits] * splits)
    assert "but not as" in counted.any_size().evidence  # the authors' way loses features
