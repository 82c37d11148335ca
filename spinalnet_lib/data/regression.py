"""The paper's four regressions: eight normal inputs, one noisy target, with the shapes that its script meant.

The published script adds noise `(1000,)` to a product `(1000, 1)`, which broadcasts to a thousand targets an example, has
no test set, and reports the lowest loss of a last mini-batch. Here every example has one target, validation and test
examples are drawn apart, and that reading is kept beside, to show its bias. Source: Kabir et al., arXiv 2007.03347,
Table I; `Regression/Regression_NN_and_SpinalNet.py` of github.com/dipuk0506/SpinalNet.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_int, check_name
from .splits import DataSet, Split, Statistics

INPUTS = 8
EXAMPLES = {"train": 1000, "val": 1000, "test": 4000}  # the paper's thousand; what it lacks, drawn apart
NOISE = 0.2  # times a uniform number from 0 to 1
NOISE_FLOOR = NOISE**2 / 12  # its variance: no net can have a lower expected squared error
TARGETS = {
    "regression_sum": lambda x: x.sum(1),
    "regression_sin_sum": lambda x: x.sum(1).sin(),
    "regression_product": lambda x: x.prod(1),
    "regression_sin_product": lambda x: x.prod(1).sin(),
}


def regression_data(target: str, seed: int) -> DataSet:
    """Examples of a target, drawn from `seed`: inputs `(N, 8, 1, 1)`, float targets `(N,)`.

    >>> data = regression_data("regression_sum", seed=0)
    >>> data.train.images.shape, data.train.labels.dtype
    (torch.Size([1000, 8, 1, 1]), torch.float32)
    """
    function = TARGETS[check_name("regression target", target, TARGETS)]
    generator = torch.Generator().manual_seed(check_int("regression_data", "seed", seed, minimum=0))
    # The inputs are standard normal already; as published they are not standardised again.
    statistics = Statistics.known(torch.zeros(INPUTS), torch.ones(INPUTS))
    splits = [_draw(function, count, statistics, generator) for count in EXAMPLES.values()]
    return DataSet(*splits, {"name": target, "title": target, "num_classes": 1, "kind": "generated"}, "generated")


def mean_predictor_errors(data: DataSet) -> dict[str, float]:
    """Mean squared error, validation and test, of saying the training labels' mean whatever the input.

    Computed, not trained. What has learned nothing of a target has this error.
    """
    mean = data.train.labels.double().mean()
    parts = {"val_mse": data.val, "test_mse": data.test}
    return {name: (part.labels.double() - mean).square().mean().item() for name, part in parts.items()}


def _draw(function, count: int, statistics: Statistics, generator: torch.Generator) -> Split:
    # In float64, then rounded: float32 draws differ in their last bit between CPUs, and so would the hash of the data.
    x: Tensor = torch.randn(count, INPUTS, generator=generator, dtype=torch.float64).float()
    noise = NOISE * torch.rand(count, generator=generator, dtype=torch.float64)
    return Split(x.view(count, INPUTS, 1, 1), (function(x.double()) + noise).float(), statistics)
