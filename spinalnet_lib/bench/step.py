"""One training step as a run takes it, or with one thing undone: what the rows of steps compare."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..heads.dropout import cheap_dropout
from ..training.config import TrainConfig
from ..training.steps import make_optimizer, make_step, without_idle_gradients
from .measure import waited_for


def training_step(
    model: nn.Module, images: Tensor, labels: Tensor, config: TrainConfig, way: str
) -> Callable[[], None]:
    """A step of `model` on one batch, waited for: "plain", "fast", "compiled" by torch, or fast with one thing undone.

    "uncaptured" launches kernel by kernel instead of a CUDA graph; "all biases" has gradients of those before a BatchNorm.
    """
    device = images.device
    config = replace(config, fast=way == "fast" or (config.fast and way != "plain"))
    model.to(device, memory_format=torch.channels_last if config.fast else torch.preserve_format).train()
    ways = ExitStack()
    if config.fast and way != "all biases":
        ways.enter_context(without_idle_gradients(model) if images.is_cuda else cheap_dropout(model.head))
    called = torch.compile(model) if way == "compiled" else model
    step = make_step(called, make_optimizer(model, config, device), config)
    step = step.step if way == "uncaptured" else step
    run = waited_for(lambda: step(images, labels), device)
    run.ways = ways  # held as long as the step: let go, they would be undone
    return run
