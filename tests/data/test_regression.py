"""The regressions have the shapes that the script meant, held-out data and a floor that nothing can go below."""

import dataclasses
import os
import subprocess
import sys

import pytest
import torch

from spinalnet_lib import TrainConfig, create_model, load_dataset, train
from spinalnet_lib.data.regression import (
    EXAMPLES,
    NOISE_FLOOR,
    TARGETS,
    mean_predictor_errors,
    regression_data,
)
from spinalnet_lib.training import loop
from spinalnet_lib.training.recipes import regression_recipe
from spinalnet_lib.training.steps import squared_error

QUICK = dataclasses.replace(regression_recipe(), epochs=10, evals_per_epoch=0.5)


def net(head="spinal", **kwargs):
    return create_model("pixels", head, 1, in_chans=8, image_size=1, act_layer="LeakyReLU", layer_width=50, **kwargs)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_a_number_an_example_with_uniform_noise(name):
    data = regression_data(name, 0)
    assert {part: len(getattr(data, part)) for part in EXAMPLES} == EXAMPLES
    x, y = data.test.batch(slice(None))
    assert x.shape == (4000, 8, 1, 1) and y.shape == (4000,) and y.dtype == torch.float32
    noise = y - TARGETS[name](x.flatten(1))
    assert noise.min() >= -1e-5 and noise.max() <= 0.2 + 1e-5
    assert noise.double().var().item() == pytest.approx(NOISE_FLOOR, rel=0.05)
    assert torch.equal(x, data.test.images)  # not standardised


def test_seeds_draw_other_examples_and_parts_share_none():
    a, again, b = (regression_data("regression_sum", seed) for seed in (0, 0, 1))
    assert a.sha256 == again.sha256 != b.sha256
    parts = torch.cat([a.train.images, a.val.images, a.test.images])
    assert len(parts.flatten(1).unique(dim=0)) == len(parts)


def test_every_cpu_draws_the_same_examples():
    """A record's data are told by their hash, and a sweep would make a committed run again where it differs."""
    code = "from spinalnet_lib.data.regression import *; print(*(regression_data(name, 3).sha256 for name in TARGETS))"
    hashes = [
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"ATEN_CPU_CAPABILITY": kind}, capture_output=True, text=True
        ).stdout.split()
        for kind in ("default", "avx2")
    ]
    assert len(hashes[0]) == len(TARGETS) and hashes[0] == hashes[1]


def test_the_loss_does_not_broadcast():
    outputs, labels = torch.randn(5, 1), torch.randn(5)
    assert squared_error(outputs, labels) == pytest.approx((outputs[:, 0] - labels).square().mean().item())
    assert squared_error(outputs, labels) != pytest.approx((outputs - labels).square().mean().item())


def test_a_net_learns_the_sum_and_its_record_holds_every_reading(monkeypatch):
    """The published reading by hand: the lowest loss of the steps that end an epoch."""
    losses, make_step = [], loop.make_step

    def kept(*arguments):
        step = make_step(*arguments)
        return lambda *batch: losses.append(step(*batch)) or losses[-1]

    monkeypatch.setattr(loop, "make_step", kept)
    record = train(net(), regression_data("regression_sum", 0), QUICK, 0, progress=False)
    by_hand = min(loss.item() for loss in losses[15::16])
    assert min(point["lowest_last_batch"] for point in record.curve) == pytest.approx(by_hand, abs=1e-6)
    assert record.loss == "mse" and record.outcome.startswith("validation MSE")
    assert len(record.curve) == 5 and record.curve[0]["epoch"] == 2
    assert NOISE_FLOOR < 2 * record.curve[-1]["val_mse"] < record.curve[0]["val_mse"]
    assert record.test["last_mse"] == record.curve[-1]["test_mse"]
    assert record.test["test_min_mse"] == min(point["test_mse"] for point in record.curve)
    best = min(record.curve, key=lambda point: point["val_mse"])
    assert record.test["val_best_mse"] == best["test_mse"]


def test_labels_and_loss_must_fit():
    with pytest.raises(
        ValueError, match=r"regression_sum has float labels, the recipe loss='cross_entropy'; use loss='mse'"
    ):
        train(net(), regression_data("regression_sum", 0), TrainConfig(), 0)
    model = create_model("pixels", "linear", 10, image_size=8)
    with pytest.raises(ValueError, match="digits has whole labels, the recipe loss='mse'"):
        train(model, load_dataset("digits"), QUICK, 0)
    with pytest.raises(ValueError, match="unknown regression target 'regression_sums'; did you mean 'regression_sum'"):
        regression_data("regression_sums", 0)


def test_a_run_that_diverges_says_so():
    steep = dataclasses.replace(QUICK, optimizer="sgd", learning_rate=100.0)
    record = train(net(), regression_data("regression_product", 0), steep, 0, progress=False)
    assert record.diverged and record.outcome == "diverged" and record.test["last_mse"] is None


@pytest.mark.parametrize("name", TARGETS)
def test_the_mean_predictor_has_the_variance_of_the_target_and_a_little_more(name):
    data = regression_data(name, 3)
    errors = mean_predictor_errors(data)
    labels, mean = data.test.labels.numpy().astype(float), data.train.labels.numpy().astype(float).mean()
    expected = labels.var() + (labels.mean() - mean) ** 2
    assert errors["test_mse"] == pytest.approx(expected, rel=1e-9)
    assert errors["val_mse"] != errors["test_mse"] and errors["val_mse"] > NOISE_FLOOR
    if name == "regression_sum":  # eight normal inputs
        assert errors["test_mse"] == pytest.approx(8 + NOISE_FLOOR, rel=0.1)
