"""The training batches of a run, in the order drawn for each epoch; a fast run on a GPU prepares many at once."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.splits import Split
from .config import TrainConfig

_VALUES_AHEAD = 2**24  # pixels prepared at once


class Batches:
    """Batches of a split on its device, warped and normalised as the recipe says.

    A warp is some hundred small kernels, which take a GPU as long for 100 images as for 6,000; so a fast run prepares
    as many batches as fit in 64 MiB. The generator stands where the batches at hand were drawn until the last of them is
    taken: a run that goes on from a checkpoint draws the same ones again.
    """

    def __init__(self, split: Split, config: TrainConfig, generator: torch.Generator):
        self.split, self.config, self.generator = split, config, generator
        values = config.batch_size * split.images[:1].numel()
        on_gpu = split.labels.is_cuda
        self.ahead = max(1, _VALUES_AHEAD // values) if config.fast and on_gpu else 1
        self.first = None  # position in the epoch of the first batch at hand

    def take(self, order: Tensor, position: int) -> tuple[Tensor, Tensor]:
        """Images `(B, C, H, W)` and labels `(B,)` of the batch at `position` of the epoch with this order `(N,)`."""
        size, place = self.config.batch_size, position % self.ahead
        if place == 0 or self.first != position - place:
            self._prepare(order, position - place)
        batch = slice(place * size, (place + 1) * size)
        if batch.stop >= len(self.labels):
            self.generator.set_state(self.after)
        return self.images[batch], self.labels[batch]

    def _prepare(self, order: Tensor, first: int) -> None:
        self.first, size = first, self.config.batch_size
        index = order[first * size : (first + self.ahead) * size].to(self.split.labels.device)
        before = self.generator.get_state()
        self.images, self.labels = self.split.batch(index, self.config.augmentation, self.generator)
        self.after = self.generator.get_state()
        self.generator.set_state(before)
