"""One optimizer for many members of a stack, each with the learning rate of its own recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from ..config import TrainConfig

# What the members of a stack may differ in, beside their dropout rates.
OF_A_MEMBER = ("learning_rate", "weight_decay", "momentum")


class StackedOptimizer:
    """torch's own fused optimizers, called on the slices of members that share a learning rate."""

    def __init__(self, weights: list[Tensor], configs: list[TrainConfig]):
        self.kind, self.weights = configs[0].optimizer, weights
        self.first, self.second = ([torch.zeros_like(w) for w in weights] for _ in range(2))
        self.groups: list[tuple[slice, TrainConfig, list[Tensor]]] = []
        start = 0
        for _, group in groupby(configs, member_setting):
            group = list(group)
            steps = [torch.zeros((), device=w.device) for w in weights]
            self.groups.append((slice(start, start + len(group)), group[0], steps))
            start += len(group)

    def state(self) -> Iterator[tuple[str, Tensor]]:
        """Tensors that `step` changes in place, each with a name."""
        for name, tensors in (("first", self.first), ("second", self.second)):
            yield from ((f"{name}.{i}", tensor) for i, tensor in enumerate(tensors))
        for g, (_, _, steps) in enumerate(self.groups):
            yield from ((f"steps.{g}.{i}", step) for i, step in enumerate(steps))

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], factor: float) -> None:
        for members, config, steps in self.groups:
            weights, grads, first, second = (
                [tensor[members] for tensor in tensors]
                for tensors in (self.weights, gradients, self.first, self.second)
            )
            rate, decay = config.learning_rate * factor, config.weight_decay
            if self.kind == "sgd":
                buffers = first if config.momentum else [None] * len(first)
                options = {"momentum": config.momentum, "dampening": 0.0, "nesterov": False, "maximize": False}
                sgd(weights, grads, buffers, lr=rate, weight_decay=decay, **options)
            else:
                function = adam if self.kind == "adam" else adamw
                moments = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
                options = {"amsgrad": False, "maximize": False, "fused": True}
                function(weights, grads, first, second, [], steps, lr=rate, weight_decay=decay, **moments, **options)


def member_setting(config: TrainConfig) -> tuple:
    """What sets members apart: those with equal settings share an optimizer's call."""
    return tuple(getattr(config, name) for name in OF_A_MEMBER)
