"""A spine in evaluation with its norms folded into its weights, for calls without gradients on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

_LARGEST = 2**21  # weights; beyond, the multiplications take the time and a second copy takes memory
_weight, _bias, _eps, _version = itemgetter("weight"), itemgetter("bias"), itemgetter("eps"), attrgetter("_version")
_affine, _stats = itemgetter("weight", "bias"), itemgetter("running_mean", "running_var")


class _Folded(NamedTuple):
    state: list  # what tells of a change
    # The values in it. They keep their memory, so that no other tensor can get its address.
    columns: list[np.ndarray]
    values: list[memoryview]
    widths: list[int]
    biases: Tensor  # of all layers, `(1, sum of widths)`
    weights: list[tuple[Tensor, Tensor | None]]  # of each layer, for the features and for the layer before


class FoldedSpine:
    """Evaluates layers of `(dropout, linear, norm or Identity, ReLU)` and folds them anew whenever they have changed.

    Every call first compares what tells of a change. torch counts the writes to a tensor (`_version`), but not those
    through `.data`, NumPy or shared memory. So vectors are compared value by value, and of a matrix, beside its version,
    its middle row and its middle column. Unseen goes only a write that bypasses the count, fills no whole row and no
    whole column, and misses those two.
    """

    def __init__(self, layers: Sequence[tuple[nn.Module, ...]]):
        self._layers = layers
        # The dicts in which modules keep their tensors: C loops over them cost a fraction of attribute lookups.
        self._linears = [linear._parameters for _, linear, _, _ in layers]
        self._norms = [vars(norm) for _, _, norm, _ in layers if type(norm) is nn.BatchNorm1d]
        self._affines = [norm["_parameters"] for norm in self._norms]
        self._stats = [norm["_buffers"] for norm in self._norms]
        # What is folded, all in one place: threads that share a head see all of it or nothing. None when nothing is.
        self.folded: _Folded | None = None

    def __call__(self, reads: Sequence[Tensor]) -> Tensor | None:
        """One `(N, size)` a layer to `(N, sum of widths)`; None for layers that cannot be folded."""
        folded = self.folded
        try:
            matrices = [*map(_weight, self._linears)]
            norms = chain(map(_affine, self._affines), map(_stats, self._stats))
            vectors = [*map(_bias, self._linears), *chain.from_iterable(norms)]
            if folded is None or folded[0] != self._state(matrices, vectors, folded[1], folded[2]):
                folded = self.folded = self._fold(matrices, vectors, reads)
        except (AttributeError, KeyError, TypeError, RuntimeError):
            folded = None  # no affine norm, or a tensor that is not NumPy's or has no version: made in inference mode
        if folded is None:
            return None
        _, _, _, widths, biases, weights = folded
        n = reads[0].shape[0]
        hidden = biases.clone() if n == 1 else biases.expand(n, -1).contiguous()
        outputs = torch.unsafe_split_with_sizes(hidden, widths, 1)  # unsafe for autograd only, which is off
        y = None
        for read, output, (features, previous) in zip(reads, outputs, weights, strict=True):
            output.addmm_(read, features)
            y = (output if previous is None else output.addmm_(y, previous)).relu_()
        return hidden

    def _state(
        self, matrices: list[Tensor], vectors: list[Tensor], columns: list[np.ndarray], values: list[memoryview]
    ) -> list:
        return [
            b"".join(values),
            *map(id, matrices),
            *map(_version, matrices),
            *map(Tensor.data_ptr, matrices),
            *map(Tensor.data_ptr, vectors),
            *map(np.ndarray.tobytes, columns),
            *map(_eps, self._norms),
        ]

    def _fold(self, matrices: list[Tensor], vectors: list[Tensor], reads: Sequence[Tensor]) -> _Folded | None:
        if {type(tensor) for tensor in matrices + vectors} - {Tensor, nn.Parameter}:
            return None
        if sum(map(Tensor.numel, matrices)) > _LARGEST:
            return None
        arrays = [matrix.detach().numpy() for matrix in matrices]
        rows = [array[len(array) // 2] for array in arrays]
        columns = [array[:, array.shape[1] // 2] for array in arrays]
        values = [memoryview(array).cast("B") for array in [*rows, *(vector.detach().numpy() for vector in vectors)]]
        # Before the folding, lest a write in between goes unseen.
        state = self._state(matrices, vectors, columns, values)
        biases, weights = [], []
        for read, (_, linear, norm, _) in zip(reads, self._layers, strict=True):
            weight, bias = linear.weight.detach(), linear.bias.detach()
            if type(norm) is not nn.Identity:
                scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
                weight, bias = weight * scale[:, None], (bias - norm.running_mean) * scale + norm.bias.detach()
            # `(inputs, outputs)`, as that suits a small product best.
            features, previous = (part.t().contiguous() for part in weight.tensor_split([read.shape[1]], dim=1))
            weights.append((features, previous if len(previous) else None))
            biases.append(bias)
        return _Folded(state, columns, values, list(map(len, biases)), torch.cat(biases)[None], weights)
