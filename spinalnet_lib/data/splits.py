"""A data set in memory: two tensors a split, the statistics of its training images, and its card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from .augment import Augmentation
from .photos import Photos
from .resized import Resized, as_kept

VALIDATION_SHARE = 1 / 6
OWN_TEST_SHARE = 1 / 5  # for sets that come without a test set
CHUNK = 512  # images that are looked at together: photographs need not be in memory at once


class Statistics:
    """Mean and standard deviation `(C,)` of the channels of images in [0, 1]; made by `of` or `known`."""

    def __init__(self, images: Tensor | Photos | Resized | None, values: tuple[Tensor, Tensor] | None):
        self._images, self._values = images, values

    @classmethod
    def of(cls, images: Tensor | Photos | Resized) -> Statistics:
        """Those of these images, computed when first asked for."""
        return cls(images, None)

    @classmethod
    def known(cls, mean: Tensor, std: Tensor) -> Statistics:
        return cls(None, (mean, std))

    @property
    def mean(self) -> Tensor:
        return self._computed()[0]

    @property
    def std(self) -> Tensor:
        return self._computed()[1]

    def to(self, device: torch.device | str) -> Statistics:
        return Statistics.known(self.mean.to(device), self.std.to(device))

    def _computed(self) -> tuple[Tensor, Tensor]:
        if self._values is None:
            self._values, self._images = _mean_and_std(self._images), None
        return self._values


@dataclass(frozen=True, eq=False)
class Split:
    """Images uint8 `(N, C, H, W)` and labels int64 `(N,)` from 0; `statistics` are the training split's.

    Photographs are a `Photos`, which indexes like a tensor and decodes what it is asked for; other images at a size that is
    not their own a `Resized`. Features of a body are "images" of floats, a channel a feature: `(N, D, 1, 1)`; targets of a
    regression are float labels.
    """

    images: Tensor | Photos | Resized
    labels: Tensor
    statistics: Statistics = None

    def __post_init__(self):
        _check("images", self.images, 4, torch.uint8, "pass a batch (N, C, H, W)")
        _check("labels", self.labels, 1, torch.int64, "pass labels.flatten().long()")
        if len(self.images) != len(self.labels):
            raise ValueError(f"a split of {len(self.images)} images needs as many labels, got {len(self.labels)}")
        is_class = not self.labels.is_floating_point()
        if is_class and len(self.labels) and (least := int(self.labels.min())) < 0:
            raise ValueError(f"a split has the label {least}; classes count from 0, correct the labels")
        if self.statistics is None:
            object.__setattr__(self, "statistics", Statistics.of(self.images))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def mean(self) -> Tensor:
        return self.statistics.mean

    @property
    def std(self) -> Tensor:
        return self.statistics.std

    def to(self, device: torch.device | str) -> Split:
        """The same split on `device`, photographs as one tensor where that fits; else a batch goes there when it is taken."""
        return Split(self.images.to(device), self.labels.to(device), self.statistics.to(device))

    def seen_by(self, model: nn.Module) -> Split:
        """The same split, normalised as the model was trained, or else its body before it; if neither says how, as it is."""
        body = getattr(model, "body", None)
        mean, std = getattr(model, "statistics", None) or (getattr(body, name, None) for name in ("mean", "std"))
        if mean is None:
            return self
        statistics = Statistics.known(torch.tensor(mean), torch.tensor(std))
        return Split(self.images, self.labels, statistics.to(self.labels.device))

    def batch(
        self, index: Tensor | slice, augmentation: Augmentation | None = None, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Float32 images `(B, C, H, W)` of the examples in `index`, warped if asked, then normalised, and labels `(B,)`."""
        images = self.images[index].to(self.labels.device)
        if images.dtype != torch.uint8:
            if augmentation is not None:
                raise ValueError("augmentation warps images, these are features; train with augmentation=None")
            images = images.clone()  # a slice is a view, and what follows works in place
        else:
            images = images.float().div_(255) if augmentation is None else augmentation(images, generator)
        return images.sub_(self.mean.view(-1, 1, 1)).div_(self.std.view(-1, 1, 1)), self.labels[index]


@dataclass(frozen=True, eq=False)
class DataSet:
    """Train, validation and test split with the card that says where they come from.

    Train and validation are cut from the publisher's training set (`VALIDATION_SHARE`, stratified, fixed seed), or are the
    publisher's own where both are shipped, or are drawn anew (`cuts.cut_anew`); `full_train` gives both together. `source`
    says which files were read: "official", "embedded", or "packed" for a folder with a card of its own.
    """

    train: Split
    val: Split
    test: Split
    card: dict = field(repr=False)
    source: str = "official"

    def __post_init__(self):
        if self.train.labels.is_floating_point() and (count := self.card.get("num_classes", 1)) > 1:
            raise TypeError(f"{self.name} has {count} classes and labels {self.train.labels.dtype}; pass labels.long()")

    @property
    def name(self) -> str:
        return self.card["name"]

    @cached_property
    def full_train(self) -> Split:
        first, second = self.train.images, self.val.images
        images = torch.cat([first, second]) if isinstance(first, Tensor) else first.joined(second)
        return Split(images, torch.cat([self.train.labels, self.val.labels]))

    @cached_property
    def sha256(self) -> str:
        """Hash of all pixels and labels in split order: what a record means by "the same data".

        Of resized images it is that of their own pixels and of the size.

        Of features it is that of the images and the body: the features of one body differ by rounding with the machine. Of
        a set that was cut anew it is that of the set and the cut.
        """
        digest = hashlib.sha256()
        if "cut" in self.card:
            digest.update(json.dumps(self.card["cut"], sort_keys=True).encode())
            return digest.hexdigest()
        if "extractor_sha256" in self.card:
            digest.update(f"{self.card['images_sha256']} {self.card['extractor_sha256']}".encode())
            return digest.hexdigest()
        for split in (self.train, self.val, self.test):
            digest.update(str(tuple(split.images.shape)).encode())
            for images in as_kept(split.images).split(CHUNK):
                digest.update(images.cpu().contiguous().numpy())
            digest.update(split.labels.cpu().numpy().tobytes())
        return digest.hexdigest()


def _check(what: str, tensor: Tensor | Photos | Resized, dim: int, whole: torch.dtype, remedy: str) -> None:
    """Raise unless a part of a split has so many dimensions and holds these whole numbers, or floats."""
    dtype, shape = getattr(tensor, "dtype", None), tuple(getattr(tensor, "shape", ()))
    if not isinstance(dtype, torch.dtype) or not (dtype == whole or dtype.is_floating_point):
        found = f"{type(tensor).__name__} of {dtype}"
        raise TypeError(f"the {what} of a split are a tensor of {whole} or floats, got a {found}; {remedy}")
    if len(shape) != dim:
        raise ValueError(f"the {what} of a split have {dim} dimensions, got the shape {shape}; {remedy}")


def _mean_and_std(images: Tensor | Photos | Resized) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, of intensities in [0, 1] or of features."""
    if images.dtype != torch.uint8:
        wide = images.double()
        std, mean = torch.std_mean(wide, dim=(0, 2, 3), correction=0)
        # A feature that never changes is only moved to 0.
        return mean.to(images.dtype), std.where(std > 1e-6 * mean.abs().clamp(min=1), 1.0).to(images.dtype)
    levels = torch.arange(256, dtype=torch.float64) / 255
    counts = torch.zeros(images.shape[1], 256, dtype=torch.float64)
    for some in as_kept(images).split(CHUNK):
        for channel, values in enumerate(some.transpose(0, 1)):
            counts[channel] += torch.bincount(values.flatten().int(), minlength=256).cpu()
    shares = counts / counts.sum(1, keepdim=True)
    mean = shares @ levels
    std = (shares @ levels**2 - mean**2).sqrt().clamp(min=1 / 255)  # a constant channel must not divide by 0
    return mean.float(), std.float()
