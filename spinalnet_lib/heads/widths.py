"""How wide a head may be: crossovers with other heads, and the width that meets a budget."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..checks import check_int
from .base import TooManyWeightsError, check_count, check_weights
from .counting import head_parameters
from .registry import find_head, head_arguments
from .spinal import check_spine, split_sizes

_WIDTHS = ("layer_width", "hidden_sizes")  # arguments that say how wide a head is


def read_features(in_features: int, num_layers: int, num_splits: int) -> int:
    """Features read by all layers of a spinal head together: a split counts each time a layer reads it.

    >>> read_features(7, num_layers=4, num_splits=2)  # 4 + 3 + 4 + 3
    14
    """
    check_count("read_features", "num_layers", num_layers)
    sizes = split_sizes(in_features, num_splits)
    return sum(sizes[i % num_splits] for i in range(num_layers))


def largest_cheaper_width(
    weights: int, in_features: int, num_classes: int, num_layers: int = 4, num_splits: int = 2, tied: bool = False
) -> int:
    """The largest layer width at which a spinal head has fewer than `weights` weights; 0 if even width 1 has as many.

    A spinal head of width w has (L - 1)w² + (S + LC)w weights, with L layers, C classes and S = `read_features`;
    this grows with w, so there is one crossing. With `tied` it is "spinal_tied": only the layers of the first two rounds
    have weights of their own.

    >>> from spinalnet_lib import head_cost
    >>> largest_cheaper_width(head_cost("mlp", 256, 10, hidden_sizes=512).weights, 256, 10)
    140
    """
    weights = check_int("largest_cheaper_width", "weights", weights, minimum=0)
    check_spine(in_features, num_classes, 1, num_layers, num_splits)
    own = min(num_layers, 2 * num_splits) if tied else num_layers
    square, line = own - 1, read_features(in_features, own, num_splits) + num_layers * num_classes
    return _largest_width(lambda width: square * width**2 + line * width, weights - 1)


def cheaper_width_bound(
    weights: int, in_features: int, num_classes: int, num_layers: int = 4, num_splits: int = 2
) -> float:
    """No spinal head of this width or more has fewer than `weights` weights: weights / (S + LC).

    The weights are (L - 1)w² + (S + LC)w; dropping the square gives the bound. Against one Linear (`weights` = dC)
    with four layers and two splits (S = 2d) it is (C/2) / (1 + 2C/d).

    >>> round(cheaper_width_bound(2048 * 1000, 2048, 1000), 1)
    253.0
    """
    weights = check_int("cheaper_width_bound", "weights", weights, minimum=0)
    check_spine(in_features, num_classes, 1, num_layers, num_splits)
    return weights / (read_features(in_features, num_layers, num_splits) + num_layers * num_classes)


def width_for_parameters(name: str, parameters: int, in_features: int, num_classes: int, **kwargs) -> int:
    """The width at which a head comes nearest to `parameters`: `layer_width`, or one `hidden_sizes`.

    The smaller of two equally near; 1 if even that is more. Raises ValueError for a head without a width of its own.

    >>> from spinalnet_lib import head_cost
    >>> width_for_parameters("mlp", head_cost("spinal", 320, 10, layer_width=8, num_layers=6).parameters, 320, 10)
    26
    """
    check_int("width_for_parameters", "parameters", parameters)
    check_weights("width_for_parameters", parameters, parameters=parameters)
    settled, known = getattr(find_head(name), "settled", ()), head_arguments(name)
    width = next((width for width in _WIDTHS if width in known), None)
    if width is None or any(width in settled for width in _WIDTHS):
        raise ValueError(f"width_for_parameters: {name!r} has no width of its own; pass 'spinal' or 'mlp'")
    return nearest_width(lambda w: head_parameters(name, in_features, num_classes, **{width: w}, **kwargs), parameters)


def nearest_width(size: Callable[[int], int], budget: int) -> int:
    """The width w of 1 or more whose `size(w)`, which grows with w, comes nearest to `budget`."""

    def bounded(width: int) -> float:
        try:
            return size(width)
        except TooManyWeightsError:
            if width == 1:  # no width is narrow enough
                raise
            return math.inf

    width = max(1, _largest_width(bounded, budget))
    return width if budget - bounded(width) <= bounded(width + 1) - budget else width + 1


def _largest_width(size: Callable[[int], float], budget: int) -> int:
    """The largest width whose size is at most `budget`, by steps of integers: exact, as a float's square root is not."""
    width, step = 0, 1
    while size(width + step) <= budget:
        width, step = width + step, step * 2
    while step := step // 2:
        if size(width + step) <= budget:
            width += step
    return width
