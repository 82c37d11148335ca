"""A spine in evaluation with its norms folded into its weights, for calls without gradients on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter, itemgetter

import numpy as np
import torch
from torch import Tensor, nn

_LARGEST = 2**21  # weights; beyond, the multiplications take the time and a second copy takes memory
_weight, _bias, _eps, _version = itemgetter("weight"), itemgetter("bias"), itemgetter("eps"), attrgetter("_version")
_affine, _stats = itemgetter("weight", "bias"), itemgetter("running_mean", "running_var")


class FoldedSpine:
    """Evaluates layers of `(dropout, linear, norm or Identity, ReLU)` and folds them anew whenever they have changed.

    Every call first compares what tells of a change. torch counts the writes to a tensor (`_version`), but not those
    through `.data`, NumPy or shared memory. So vectors are compared value by value, and of a matrix a grid of some 64
    values beside its version: only a write that bypasses the count and misses the whole grid would go unseen.
    """

    def __init__(self, layers: Sequence[tuple[nn.Module, ...]]):
        self._layers = layers
        # The dicts in which modules keep their tensors: C loops over them cost a fraction of attribute lookups.
        self._linears = [linear._parameters for _, linear, _, _ in layers]
        self._norms = [vars(norm) for _, _, norm, _ in layers if type(norm) is nn.BatchNorm1d]
        self._affines = [norm["_parameters"] for norm in self._norms]
        self._stats = [norm["_buffers"] for norm in self._norms]
        self.state: list = []  # of what is folded; empty when nothing is

    def __call__(self, reads: Sequence[Tensor]) -> Tensor | None:
        """One `(N, size)` a layer to `(N, sum of widths)`; None for layers that cannot be folded."""
        try:
            matrices = [*map(_weight, self._linears)]
            norms = chain(map(_affine, self._affines), map(_stats, self._stats))
            vectors = [*map(_bias, self._linears), *chain.from_iterable(norms)]
            if not self.state or self.state != self._read_state(matrices, vectors):
                self._fold(matrices, vectors, reads)
        except (AttributeError, KeyError, TypeError, RuntimeError):
            self.state = []  # no affine norm, or a tensor that is not NumPy's or has no version: made in inference mode
        if not self.state:
            return None
        hidden = self._biases.expand(reads[0].shape[0], -1).clone(memory_format=torch.contiguous_format)
        outputs, y = hidden.split_with_sizes(self._widths, 1), None
        for read, output, (features, previous) in zip(reads, outputs, self._weights, strict=True):
            output.addmm_(read, features)
            y = (output if previous is None else output.addmm_(y, previous)).relu_()
        return hidden

    def _read_state(self, matrices: list[Tensor], vectors: list[Tensor]) -> list:
        return [
            *map(id, matrices),
            *map(_version, matrices),
            *map(Tensor.data_ptr, matrices),
            *map(Tensor.data_ptr, vectors),
            *map(np.ndarray.tobytes, self._views),
            *map(_eps, self._norms),
        ]

    def _fold(self, matrices: list[Tensor], vectors: list[Tensor], reads: Sequence[Tensor]) -> None:
        self.state = []
        if {type(tensor) for tensor in matrices + vectors} - {Tensor, nn.Parameter}:
            return
        if sum(map(Tensor.numel, matrices)) > _LARGEST:
            return
        # The views keep the memory they look at, so that no other tensor can get its address.
        self._views = [matrix.detach().numpy()[_grid(matrix)] for matrix in matrices]
        self._views += [vector.detach().numpy() for vector in vectors]
        state = self._read_state(matrices, vectors)  # before the folding, lest a write in between goes unseen
        biases, self._weights = [], []
        for read, (_, linear, norm, _) in zip(reads, self._layers, strict=True):
            weight, bias = linear.weight.detach(), linear.bias.detach()
            if type(norm) is not nn.Identity:
                scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
                weight, bias = weight * scale[:, None], (bias - norm.running_mean) * scale + norm.bias.detach()
            # Of each layer, for the features and for the layer before; `(inputs, outputs)` suits a small product best.
            features, previous = (part.t().contiguous() for part in weight.tensor_split([read.shape[1]], dim=1))
            self._weights.append((features, previous if len(previous) else None))
            biases.append(bias)
        self._biases, self._widths = torch.cat(biases), list(map(len, biases))
        self.state = state


def _grid(matrix: Tensor) -> tuple[slice, slice]:
    rows, columns = (slice(None, None, max(1, size // 8)) for size in matrix.shape)
    return rows, columns
