"""The optimizer of a stack: each member's steps are torch's own with that member's learning rate."""

import pytest
import torch

from spinalnet_lib import TrainConfig
from spinalnet_lib.training.stacked.optimizer import StackedOptimizer

SETTINGS = [(0.1, 0.0), (0.1, 0.0), (0.01, 0.1)]  # two neighbours share a call
CLASSES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


@pytest.mark.parametrize("optimizer", CLASSES)
def test_steps_are_those_of_torch_for_each_member(optimizer):
    configs = [
        TrainConfig(optimizer=optimizer, learning_rate=rate, weight_decay=decay, momentum=0.5)
        for rate, decay in SETTINGS
    ]
    start = torch.randn(3, 4, 5, dtype=torch.float64)
    stacked = StackedOptimizer([start.clone()], configs)
    alone, peers = [], []
    for values, config in zip(start, configs, strict=True):
        alone.append(values.clone().requires_grad_())
        extra = {"momentum": 0.5} if optimizer == "sgd" else {}
        peers.append(
            CLASSES[optimizer]([alone[-1]], config.learning_rate / 2, weight_decay=config.weight_decay, **extra)
        )
    for _ in range(4):
        gradients = torch.randn(3, 4, 5, dtype=torch.float64)
        stacked.step([gradients], 0.5)
        for weight, gradient, peer in zip(alone, gradients, peers, strict=True):
            weight.grad = gradient
            peer.step()
    torch.testing.assert_close(stacked.weights[0], torch.stack([weight.detach() for weight in alone]))


@pytest.mark.parametrize("optimizer", CLASSES)
def test_its_state_is_all_that_its_steps_go_on_from(optimizer):
    config = TrainConfig(optimizer=optimizer, momentum=0.5)
    gradients = torch.randn(5, 1, 3)
    whole, first = (StackedOptimizer([torch.zeros(1, 3)], [config]) for _ in "ab")
    for gradient in gradients:
        whole.step([gradient], 1.0)
    for gradient in gradients[:2]:
        first.step([gradient], 1.0)
    again = StackedOptimizer([first.weights[0].clone()], [config])
    for (name, tensor), (_, saved) in zip(again.state(), first.state(), strict=True):
        assert tensor.copy_(saved) is tensor, name
    for gradient in gradients[2:]:
        again.step([gradient], 1.0)
    assert torch.equal(again.weights[0], whole.weights[0])
