"""Small images at another size, resized when they are asked for: at 256 pixels CIFAR-10 would fill ten gigabytes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F


class Resized:
    """What a uint8 tensor `(N, C, size, size)` offers, of `images` uint8 `(N, C, H, W)`: resized bilinearly, as Pillow does.

    Only the small images are kept, and on a GPU they are resized there.
    """

    dtype = torch.uint8

    def __init__(self, images: Tensor, size: int):
        self.images, self.size = images, size

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> torch.Size:
        return torch.Size((*self.images.shape[:2], self.size, self.size))

    def __getitem__(self, index) -> Tensor:
        some = self.images[index]
        batch = some if some.dim() == 4 else some[None]
        found = F.interpolate(batch.float(), (self.size, self.size), mode="bilinear", antialias=True)
        found = found.round_().clamp_(0, 255).to(torch.uint8)
        return found if some.dim() == 4 else found[0]

    def split(self, size: int) -> Iterator[Tensor]:
        """All images in turn, `size` at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def to(self, device: torch.device | str) -> Resized:
        """The same on `device`, still small there."""
        return Resized(self.images.to(device), self.size)

    def index_select(self, dim: int, index: Tensor) -> Resized:
        """Some of the images, in this order; `dim` is 0, as it would be for a tensor."""
        return Resized(self.images.index_select(dim, index), self.size)

    def joined(self, other: Resized) -> Resized:
        """These and then others."""
        return Resized(torch.cat([self.images, other.images]), self.size)


def as_kept(images: Tensor | Resized) -> Tensor:
    """The pixels that say which images these are: of resized ones the small ones."""
    return images.images if isinstance(images, Resized) else images
