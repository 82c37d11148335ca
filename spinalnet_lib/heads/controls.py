"""Heads of the study's other arms: each differs from `spinal` in one thing, so that a difference has one cause.

All take `spinal`'s arguments. The ablations keep its width; `width_for_parameters` re-solves it where sizes must be
equal. The matched heads solve their own width, to the nearest integer, so their size differs a little: count it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ..checks import check_int, check_rate
from .base import drop_rates
from .counting import head_cost, mlp_cost, spinal_cost
from .dense import MLPHead
from .registry import register_head
from .spinal import SpinalHead, split_sizes
from .widths import nearest_width, width_for_parameters


@register_head("spinal_no_chain")
class UnchainedSpinalHead(SpinalHead):
    """A spinal head without the chain: layers read their split only.

    Exactly a net of one hidden layer in which each unit reads one split (`as_masked_mlp` converts it).
    """

    chained = False


@register_head("spinal_last")
class LastSpinalHead(SpinalHead):
    """A spinal head of which only the last layer feeds the classifier; `head_hidden_size` is `layer_width`."""

    all_layers_feed_output = False


@register_head("spinal_direct")
class DirectSpinalHead(SpinalHead):
    """A spinal head whose classifier reads the features, too, as fibres of the dorsal column reach the brain directly.

    `head_hidden_size` is `in_features` more than the spine's.
    """

    def __init__(self, in_features: int, num_classes: int, *args, **kwargs):
        super().__init__(in_features, num_classes, *args, **kwargs)
        self.head_hidden_size += self.in_features
        self.reset(num_classes)

    def hidden(self, x: Tensor) -> Tensor:
        return torch.cat([super().hidden(x), x], dim=1)


@register_head("spinal_overlap")
class OverlapSpinalHead(SpinalHead):
    """A spinal head whose neighbouring splits overlap, as dermatomes do.

    Each split also reads the nearest share `overlap` of each neighbouring split: 0 is `spinal`, below 1.
    """

    shown = (*SpinalHead.shown, "overlap")

    def __init__(self, in_features: int, num_classes: int, *args, overlap: float = 0.25, **kwargs):
        self.overlap = check_rate("OverlapSpinalHead", "overlap", overlap, "pass 0.25 for a quarter")
        super().__init__(in_features, num_classes, *args, **kwargs)

    def windows(self) -> list[tuple[int, int]]:
        """First feature and the one after the last, for each split."""
        sizes = split_sizes(self.in_features, self.num_splits)
        margins = [round(self.overlap * size) for size in sizes]
        ends = itertools.accumulate(sizes)
        left, right = [0, *margins[:-1]], [*margins[1:], 0]
        return [(end - size - a, end + b) for end, size, a, b in zip(ends, sizes, left, right, strict=True)]

    def read_sizes(self) -> list[int]:
        sizes = [stop - start for start, stop in self.windows()]
        return [sizes[i % self.num_splits] for i in range(self.num_layers)]

    def read(self, x: Tensor) -> list[Tensor]:
        windows = self.windows()
        return [x[:, slice(*windows[i % self.num_splits])] for i in range(self.num_layers)]


@register_head("spinal_random_mask")
class RandomMaskSpinalHead(SpinalHead):
    """A spinal head whose layers read random features: as many as in `spinal`, but not split after split.

    The sets are drawn once from `mask_seed` (the buffer `read_index` keeps them), layer by layer and independently,
    except that every feature is read at least once.
    """

    shown = (*SpinalHead.shown, "mask_seed")

    def __init__(self, in_features: int, num_classes: int, *args, mask_seed: int = 0, **kwargs):
        self.mask_seed = check_int("RandomMaskSpinalHead", "mask_seed", mask_seed, minimum=0)
        if self.mask_seed >= 2**64:
            raise ValueError(f"RandomMaskSpinalHead: mask_seed={mask_seed} is no seed of torch; pass less than 2**64")
        super().__init__(in_features, num_classes, *args, **kwargs)
        index = torch.empty(sum(self.read_sizes()), dtype=torch.int64)
        self.register_buffer("read_index", index if index.is_meta else self._draw().to(index.device))

    def reset_parameters(self) -> None:
        """Draw the sets again: loaded weights may have brought others."""
        self.read_index.copy_(self._draw())

    def _draw(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.mask_seed)
        draw = partial(torch.randperm, self.in_features, generator=generator, device="cpu")
        # Deal every feature to one layer, then fill each layer up with features that it does not have yet.
        sets = []
        for hand, size in zip(draw().tensor_split(self.num_layers), self.read_sizes(), strict=True):
            others = draw()
            others = others[~torch.isin(others, hand)]
            sets.append(torch.cat([hand, others[: size - len(hand)]]).sort().values)
        return torch.cat(sets)

    def read(self, x: Tensor) -> list[Tensor]:
        return [x.index_select(1, index) for index in self.read_index.split(self.read_sizes())]


@register_head("spinal_full")
class FullSpinalHead(SpinalHead):
    """A spinal head whose layers all read all features: it has one split."""

    settled = ("num_splits",)

    def __init__(self, in_features: int, num_classes: int, layer_width: int, num_layers: int = 4, **layers):
        super().__init__(in_features, num_classes, layer_width, num_layers, num_splits=1, **layers)


@register_head("spinal_big")
class BigSpinalHead(SpinalHead):
    """`spinal` at the parameters of an `mlp` of `hidden_sizes`: size, from the other side."""

    settled = ("layer_width",)

    def __init__(self, in_features: int, num_classes: int, hidden_sizes: int | Sequence[int], **spine):
        dense = {"hidden_sizes": hidden_sizes, "norm_layer": spine.get("norm_layer")}
        budget = head_cost("mlp", in_features, num_classes, **dense).parameters
        width = width_for_parameters("spinal", budget, in_features, num_classes, **spine)
        super().__init__(in_features, num_classes, width, **spine)


@register_head("mlp_deep")
class DeepMLPHead(MLPHead):
    """As many hidden layers as the spinal head of these arguments, without splits, at its parameters, dropout and norm."""

    settled = ("hidden_sizes",)
    one_layer = False

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        layer_width: int,
        num_layers: int = 4,
        num_splits: int = 2,
        drop_rate: float | Sequence[float] = 0.0,
        **layers,
    ):
        budget = spinal_cost(in_features, num_classes, layer_width, num_layers, num_splits, **layers).parameters
        rates = drop_rates("SpinalHead", drop_rate, num_layers + 1)
        depth, rates = (1, [rates[0], rates[-1]]) if self.one_layer else (num_layers, rates)
        cost = partial(mlp_cost, in_features, num_classes, skips=self.all_layers_feed_output, **layers)
        width = nearest_width(lambda w: cost([w] * depth).parameters, budget)
        super().__init__(in_features, num_classes, [width] * depth, rates, **layers)


@register_head("mlp_deep_skip")
class DeepSkipMLPHead(DeepMLPHead):
    """`mlp_deep` with every layer feeding the classifier, at `spinal`'s parameters, dropout and norm."""

    all_layers_feed_output = True


@register_head("mlp_matched")
class MatchedMLPHead(DeepMLPHead):
    """One hidden layer at `spinal`'s parameters, dropout (of its first layer and its classifier) and norm."""

    one_layer = True
