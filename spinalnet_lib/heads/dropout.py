"""Dropout whose masks cost less on a CPU: a layer that a user asks for, and `TrainConfig(fast=True)` puts into every head."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..checks import check_rate
from ..stand_ins import stand_ins


class CheapDropout(nn.Dropout):
    """nn.Dropout with cheaper masks: the same distribution, but other draws from the same generator.

    nn.Dropout draws a number an element. Here one draw of 64-bit words serves 8 elements where the rate is a whole
    256th (.5, .25, .125), else 4; an element whose share of its word lies below a threshold is dropped. So a rate is exact
    to 1/65536: another one is rounded, and what is kept is scaled for the rounded rate.
    """

    def __init__(self, p: float = 0.5):
        super().__init__(check_rate("CheapDropout", "p", p))

    def forward(self, x: Tensor) -> Tensor:
        return x * draw_mask(x, self.p) if self.training and self.p else x


def draw_mask(like: Tensor, rate: float) -> Tensor:
    """A mask with the shape, dtype and device of `like`: 0, or one over the share that is kept."""
    lane = torch.int8 if rate * 256 % 1 == 0 else torch.int16
    steps = 2 ** (8 * lane.itemsize)
    dropped = min(round(rate * steps), steps - 1)
    words = torch.empty(-(-like.numel() * lane.itemsize // 8), dtype=torch.int64, device=like.device)
    lanes = words.random_(-(2**63), None).view(lane)[: like.numel()].view(like.shape)
    # Straight into floats: on a CPU, boolean masks cost several times as much to make and to apply.
    mask = torch.empty(like.shape, dtype=like.dtype, device=like.device)
    return torch.ge(lanes, dropped - steps // 2, out=mask).mul_(steps / (steps - dropped))


@contextmanager
def cheap_dropout(module: nn.Module) -> Iterator[None]:
    """Within it every nn.Dropout inside `module` is a CheapDropout; afterwards each one is back in its place."""
    with stand_ins(module, lambda part: CheapDropout(part.p) if type(part) is nn.Dropout else None):
        yield


@contextmanager
def own_draws(module: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Within it all that `module` draws in training comes from `generator`, so what runs beside it draws as without it.

    `generator` is of the device on which `module` computes. A forward pass that fails leaves torch's generator as it was.
    """
    cuda = generator.device.type == "cuda"
    default = torch.cuda.default_generators[generator.device.index or 0] if cuda else torch.default_generator
    before: list[Tensor] = []

    def take(*_) -> None:
        before.append(default.get_state())
        default.set_state(generator.get_state())

    def give_back(*_) -> None:
        if before:
            generator.set_state(default.get_state())
            default.set_state(before.pop())

    hooks = module.register_forward_pre_hook(take), module.register_forward_hook(give_back, always_call=True)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
