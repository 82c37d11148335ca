"""One step: plain as torch's, fast equal to it up to rounding, and a switch that turns all of it off."""

import copy

import pytest
import torch
from torch.nn import functional as F

from spinalnet_lib import TrainConfig, create_model, load_dataset, train
from spinalnet_lib.training.steps import CapturedStep, make_optimizer, make_step, set_learning_rate

PLAIN = TrainConfig(optimizer="adamw", learning_rate=0.003, weight_decay=0.01)
FAST = TrainConfig(optimizer="adamw", learning_rate=0.003, weight_decay=0.01, fast=True)


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
    data = load_dataset("mnist_5k")
    records = [
        train(cnn(), data, TrainConfig(optimizer="adam", learning_rate=0.003, epochs=2, batch_size=50, fast=fast), 0)
        for fast in (False, True)
    ]
    assert records[0].key != records[1].key
    assert "fast" not in records[0].recipe and records[1].recipe["fast"] is True
    assert all(record.curve[-1]["val_error"] < 0.12 for record in records)


@pytest.mark.parametrize("config", [PLAIN, FAST])
def test_the_learning_rate_is_set_for_each_step(config):
    model = cnn()
    optimizer = make_optimizer(model, config, torch.device("cpu"))
    set_learning_rate(optimizer, 0.25)
    assert optimizer.param_groups[0]["lr"] == 0.25
    optimizer.param_groups[0]["lr"] = held = torch.tensor(1.0)  # as a captured step has it
    set_learning_rate(optimizer, 0.5)
    assert optimizer.param_groups[0]["lr"] is held and held == 0.5


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
