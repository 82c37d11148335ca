"""One step: plain as torch's, fast equal to it up to rounding, and a switch that turns all of it off."""

import copy
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from spinalnet_lib import TrainConfig, create_model, load_dataset, paper_head, train
from spinalnet_lib.models.pooling import MaxPool2x2
from spinalnet_lib.training import steps
from spinalnet_lib.training.steps import (
    CapturedStep,
    idle_biases,
    make_optimizer,
    make_step,
    set_learning_rate,
    without_idle_gradients,
)

PLAIN = TrainConfig(optimizer="adamw", learning_rate=0.003, weight_decay=0.01)
FAST = TrainConfig(optimizer="adamw", learning_rate=0.003, weight_decay=0.01, fast=True)

# Biases before a BatchNorm: they have no effect, so a fast run on a GPU leaves out their gradients.
IDLE_BIASES = {"vgg5": 10, "cifar_cnn": 3, "vgg11_bn": 8, "vgg16_bn": 13, "two_conv": 0, "arch2": 0, "resnet18": 0}


def cnn(head="spinal", **kwargs):
    torch.manual_seed(0)
    return create_model("two_conv", head, 10, **{"layer_width": 8, **kwargs})


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(16, 1, 28, 28, generator=generator), torch.randint(10, (16,), generator=generator)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_step_is_torchs_own(optimizer):
    config = TrainConfig(optimizer=optimizer, learning_rate=0.01, weight_decay=0.01)
    ours, theirs = cnn(), cnn()
    step = make_step(ours, make_optimizer(ours, config, torch.device("cpu")), config)
    cls = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]
    extra = {"momentum": 0.5} if optimizer == "sgd" else {}
    peer = cls(theirs.parameters(), 0.01, weight_decay=0.01, **extra)
    images, labels = batch()
    for _ in range(3):
        torch.manual_seed(2)
        loss = step(images, labels)
        torch.manual_seed(2)
        peer.zero_grad()
        expected = F.cross_entropy(theirs(images), labels)
        expected.backward()
        peer.step()
        assert torch.equal(loss, expected.detach()) and not loss.requires_grad
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))


def test_the_fast_step_is_the_plain_one_up_to_rounding():
    plain, fast = cnn().double().eval(), cnn().double().eval()  # no dropout: the two ways draw other masks
    fast.to(memory_format=torch.channels_last)
    images, labels = batch()
    for model, config in ((plain, PLAIN), (fast, FAST)):
        step = make_step(model, make_optimizer(model, config, torch.device("cpu")), config)
        for _ in range(5):
            step(images.double(), labels)
    for a, b in zip(plain.parameters(), fast.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-7)


def test_fast_is_a_recipe_of_its_own_and_learns_as_well():
    data, config = load_dataset("mnist_5k"), TrainConfig("adam", 0.003, steps=40, batch_size=50, evals_per_epoch=0.5)
    records = [train(cnn(), data, replace(config, fast=fast), 0, "cpu", False) for fast in (False, True)]
    assert records[0].key != records[1].key
    assert "fast" not in records[0].recipe and records[1].recipe["fast"] is True
    assert all(record.curve[-1]["val_error"] < 0.4 for record in records)


@pytest.mark.parametrize("config", [PLAIN, FAST])
def test_the_learning_rate_is_set_for_each_step(config):
    model = cnn()
    optimizer = make_optimizer(model, config, torch.device("cpu"))
    set_learning_rate(optimizer, 0.25)
    assert optimizer.param_groups[0]["lr"] == 0.25
    optimizer.param_groups[0]["lr"] = held = torch.tensor(1.0)  # as a captured step has it
    set_learning_rate(optimizer, 0.5)
    assert optimizer.param_groups[0]["lr"] is held and held == 0.5


def test_idle_biases_are_found_in_every_body_and_in_a_head_with_norm():
    with torch.device("meta"):
        for backbone, count in IDLE_BIASES.items():
            assert len(idle_biases(create_model(backbone, "linear", 10))) == count
        head = create_model("vgg5", "spinal", 10, **paper_head("vgg5", "spinal"))
    assert len(idle_biases(head)) == IDLE_BIASES["vgg5"] + 4


@pytest.mark.parametrize("backbone", ["vgg5", "cifar_cnn"])
def test_their_gradient_is_zero_but_for_rounding(backbone):
    torch.manual_seed(0)
    model = create_model(backbone, "linear", 10).double()
    side = model.body.image_size
    x = torch.randn(2, model.body.in_chans, side, side, dtype=torch.float64)
    F.cross_entropy(model(x), torch.arange(2)).backward()
    largest = max(p.grad.abs().max() for p in model.parameters())
    assert all(bias.grad.abs().max() < 1e-12 * largest for bias in idle_biases(model))


def test_within_they_get_no_gradient_and_afterwards_all_is_as_before():
    model = create_model("vgg5", "spinal", 10, **paper_head("vgg5", "spinal"))
    frozen = idle_biases(model)[0].requires_grad_(False)
    with pytest.raises(KeyboardInterrupt), without_idle_gradients(model):
        assert not any(bias.requires_grad for bias in idle_biases(model))
        assert sum(p.requires_grad for p in model.parameters()) == len(list(model.parameters())) - 14
        raise KeyboardInterrupt
    assert not frozen.requires_grad and all(bias.requires_grad for bias in idle_biases(model)[1:])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_captured_step_equals_the_plain_one_on_a_gpu():
    images, labels = (tensor.cuda() for tensor in batch())
    for optimizer in ("sgd", "adamw"):
        config = TrainConfig(optimizer=optimizer, learning_rate=0.003, fast=True)
        model = cnn(drop_rate=0.0).cuda().eval()
        twin = copy.deepcopy(model)
        captured = make_step(model, make_optimizer(model, config, torch.device("cuda")), config)
        assert isinstance(captured, CapturedStep)
        plain = make_step(twin, make_optimizer(twin, config, torch.device("cuda")), config).step
        for _ in range(5):
            assert torch.allclose(captured(images, labels), plain(images, labels), rtol=1e-3)
        captured(images[:5], labels[:5]), plain(images[:5], labels[:5])
        for a, b in zip(model.parameters(), twin.parameters(), strict=True):
            assert torch.allclose(a, b, atol=1e-4)


def test_a_plain_run_is_the_same_to_the_last_bit_with_pytorchs_own_pooling(monkeypatch):
    def results():
        model = create_model("two_conv", "spinal", 10, layer_width=4, num_layers=2, drop_rate=0.5)
        config = TrainConfig(steps=6, evaluations=2, read_test=True)
        record = train(model, load_dataset("mnist_5k"), config, 0, "cpu", progress=False)
        return record.curve, record.test

    pools, pool = [], MaxPool2x2.forward
    monkeypatch.setattr(MaxPool2x2, "forward", lambda self, x: pools.append(self) or pool(self, x))
    ours = results()
    assert pools
    pools.clear()
    monkeypatch.setattr(steps, "fast_pooling", nullcontext)
    assert results() == ours and not pools
