"""The pooling of 2 × 2 cells at a fraction of nn.MaxPool2d's time on a CPU, bit for bit the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..stand_ins import stand_ins


class MaxPool2x2(nn.MaxPool2d):
    """`nn.MaxPool2d(2)` as three maxima of whole maps, which a CPU takes many elements at a time: `(N, C, H, W)` to half of H and W.

    PyTorch's own kernel goes element by element where channels do not lie side by side in memory; there it takes a third
    of a training step of the 2-conv CNN. Where they do, as in fast runs, this gains nothing.
    """

    def __init__(self):
        super().__init__(2)

    def forward(self, x: Tensor) -> Tensor:
        return _MaxPool2x2.apply(x)


class _MaxPool2x2(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        (first, second), (third, fourth) = _cells(x)
        upper, lower = torch.maximum(first, second), torch.maximum(third, fourth)
        if ctx.needs_input_grad[0]:  # of equal cells the first one gets the gradient, as in PyTorch's kernel
            ctx.save_for_backward(x, second > first, fourth > third, lower > upper)
        return torch.maximum(upper, lower)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> Tensor:
        x, upper_right, lower_right, below = ctx.saved_tensors
        pooled = torch.zeros_like(x)
        to_lower = gradient * below
        rows = (gradient - to_lower, upper_right), (to_lower, lower_right)
        for (left, right), (to_row, is_right) in zip(_cells(pooled), rows, strict=True):
            right.copy_(to_row * is_right)
            torch.sub(to_row, right, out=left)
        return pooled


def _cells(maps: Tensor) -> list[list[Tensor]]:
    """The four cells of each window, a view each, row by row; an odd last row or column is in none."""
    height, width = (side // 2 * 2 for side in maps.shape[2:])
    return [[maps[:, :, row:height:2, column:width:2] for column in (0, 1)] for row in (0, 1)]


def _fast_twin(module: nn.Module) -> MaxPool2x2 | None:
    """What stands in for it: for a plain pooling of 2 × 2 cells."""
    plain = type(module) is nn.MaxPool2d and not (module.ceil_mode or module.return_indices)
    pairs = ((2, (2, 2)), (2, (2, 2)), (0, (0, 0)), (1, (1, 1)))
    given = (module.kernel_size, module.stride, module.padding, module.dilation) if plain else ()
    return MaxPool2x2() if plain and all(one in known for one, known in zip(given, pairs, strict=True)) else None


@contextmanager
def fast_pooling(module: nn.Module) -> Iterator[None]:
    """Within it every nn.MaxPool2d of 2 × 2 cells inside `module` is a MaxPool2x2; afterwards each one is back in its place."""
    with stand_ins(module, _fast_twin):
        yield
