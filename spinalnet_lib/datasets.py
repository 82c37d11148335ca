"""Data sets as two tensors a split: `load_dataset(name)` reads, verifies and cuts train, validation and test.

Adding an official set: a card in `data/cards/NAME.json`, and a reader in `publishers.py` if its kind is new. Any folder
under the data root with a `card.json` is a set, too (`own_sets.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from .augment import Augmentation
from .checks import check_int, check_name
from .own_sets import list_own, load_own_card, read_own
from .paths import data_path, data_root
from .photos import Photos
from .publishers import is_present, read_published
from .readers import Part, Parts

VALIDATION_SHARE = 1 / 6
OWN_TEST_SHARE = 1 / 5  # for sets that come without a test set
SPLIT_SEED = 2007_03347


class Statistics:
    """Mean and standard deviation `(C,)` of the channels of images in [0, 1], computed when first asked for."""

    def __init__(self, images: Tensor | Photos):
        self._images = images

    @cached_property
    def values(self) -> tuple[Tensor, Tensor]:
        return _mean_and_std(self._images)

    @property
    def mean(self) -> Tensor:
        return self.values[0]

    @property
    def std(self) -> Tensor:
        return self.values[1]

    def to(self, device: torch.device | str) -> Statistics:
        moved = Statistics(self._images)
        moved.values = tuple(value.to(device) for value in self.values)
        return moved


@dataclass(frozen=True, eq=False)
class Split:
    """Images uint8 `(N, C, H, W)` and labels int64 `(N,)` from 0; `statistics` are the training split's.

    Photographs are a `Photos`, which indexes like a tensor and decodes what it is asked for. Features of a body are
    "images" of floats, a channel a feature: `(N, D, 1, 1)`; targets of a regression are float labels.
    """

    images: Tensor | Photos
    labels: Tensor
    statistics: Statistics = None

    def __post_init__(self):
        if self.statistics is None:
            object.__setattr__(self, "statistics", Statistics(self.images))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def mean(self) -> Tensor:
        return self.statistics.mean

    @property
    def std(self) -> Tensor:
        return self.statistics.std

    def to(self, device: torch.device | str) -> Split:
        """The same split on `device`, photographs as one tensor."""
        return Split(self.images.to(device), self.labels.to(device), self.statistics.to(device))

    def seen_by(self, model: nn.Module) -> Split:
        """The same split, normalised as the model's body was trained before, if it was."""
        mean, std = (getattr(getattr(model, "body", None), name, None) for name in ("mean", "std"))
        if mean is None:
            return self
        statistics = Statistics(self.images)
        statistics.values = (torch.tensor(mean), torch.tensor(std))
        return Split(self.images, self.labels, statistics.to(self.labels.device))

    def batch(
        self, index: Tensor | slice, augmentation: Augmentation | None = None, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Float32 images `(B, C, H, W)` of the examples in `index`, warped if asked, then normalised, and labels `(B,)`."""
        images = self.images[index]
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

    Train and validation are cut from the publisher's training set (1/6 validation, stratified, fixed seed), or are the
    publisher's own where both are shipped; `full_train` gives both together. `source` says which files were read:
    "official", "embedded", or "packed" for a folder with a card of its own.
    """

    train: Split
    val: Split
    test: Split
    card: dict = field(repr=False)
    source: str = "official"

    @property
    def name(self) -> str:
        return self.card["name"]

    @cached_property
    def full_train(self) -> Split:
        first, second = self.train.images, self.val.images
        images = first.joined(second) if isinstance(first, Photos) else torch.cat([first, second])
        return Split(images, torch.cat([self.train.labels, self.val.labels]))

    @cached_property
    def sha256(self) -> str:
        """Hash of all pixels and labels in split order: what a record means by "the same data".

        Of features it is that of the images and the body: the features of one body differ by rounding with the machine.
        """
        digest = hashlib.sha256()
        if "extractor_sha256" in self.card:
            digest.update(f"{self.card['images_sha256']} {self.card['extractor_sha256']}".encode())
            return digest.hexdigest()
        for split in (self.train, self.val, self.test):
            digest.update(str(tuple(split.images.shape)).encode())
            for images in chunks(split.images):
                digest.update(images.cpu().contiguous().numpy())
            digest.update(split.labels.cpu().numpy().tobytes())
        return digest.hexdigest()


def list_datasets(root: str | os.PathLike | None = None, present: bool = False) -> list[str]:
    """Names that `load_dataset` knows; with `present`, only those whose files are embedded or under the data root.

    Raises ValueError if `root`, or `$SPINALNET_DATA`, names no folder: silently less data would be used.
    """
    if present and (root is not None or os.environ.get("SPINALNET_DATA")) and not data_root(root).is_dir():
        where = "the data root " if root is not None else "SPINALNET_DATA="
        raise ValueError(f"{where}{str(data_root(root))!r} is no folder; create it, correct the name, or leave it out")
    own = list_own(data_root(root))
    return sorted({*own, *(n for n in _official() if not present or is_present(data_root(root), load_card(n)))})


def load_card(name: str, root: str | os.PathLike | None = None) -> dict:
    """The card of a data set: what it is, who made it, licence, sizes, hashes, traps."""
    root = data_root(root)
    own = list_own(root)
    check_name("data set", name, {*_official(), *own}, "; or a folder under the data root with a card.json")
    if name in _official():
        return json.loads(data_path("cards", f"{name}.json").read_text())
    return load_own_card(root, name)


def load_dataset(
    name: str, root: str | os.PathLike | None = None, download: bool = False, size: int | None = None
) -> DataSet:
    """Load a data set by name; nothing is downloaded unless `download` is true.

    Files are looked for under `root`, else `$SPINALNET_DATA`, else `data/cache/`; the publisher's files win over a
    folder with a card of the same name. Photographs come as squares of `size` pixels, by default the card's. Raises
    ValueError for an unknown name, FileNotFoundError for missing files and ValueError for damaged ones, with what to do.

    "NAME+EXTRACTOR", as in "mnist_5k+efficientnet_lite0", gives features of the images (`features.load_features`).

    >>> data = load_dataset("digits")
    >>> data.train.images.shape, data.card["num_classes"]
    (torch.Size([1199, 1, 8, 8]), 10)
    """
    if "+" in str(name):
        from .features import load_features

        return load_features(*name.split("+", 1), root=root)
    root = data_root(root)
    card = load_card(name, root)
    if download and name in _official() and not is_present(root, card):
        from .fetching import fetch

        fetch(name, root)
    published = name in _official() and (is_present(root, card) or name not in list_own(root))
    card = card if published else load_own_card(root, name)
    if size is not None:
        check_int("load_dataset", "size", size, minimum=8, remedy="pass the side of a photograph in pixels")
        if card["kind"] not in ("photographs", "folder"):
            side = card["image_shape"][-1]
            raise ValueError(f"load_dataset: {name} has images of one size, {side} pixels; leave size={size} out")
    parts = read_published(root, card, size) if published else read_own(root, card, size)
    source = "packed" if not published else "embedded" if card["kind"] == "embedded" else "official"
    return _cut(parts, card, source)


def _official() -> list[str]:
    return sorted(path.stem for path in data_path("cards").glob("*.json"))


def _cut(parts: Parts, card: dict, source: str) -> DataSet:
    """Cut off the splits that the publisher did not ship, and check the labels."""
    train, val, test = parts
    if test is None:
        train, test = _cut_off(train, OWN_TEST_SHARE)
    if val is None:
        train, val = _cut_off(train, VALIDATION_SHARE)
    if not (len(train.labels) and len(val.labels) and len(test.labels)):
        counts = f"{len(train.labels)} training, {len(val.labels)} validation and {len(test.labels)} test images"
        raise ValueError(f"{card['name']} would have {counts}; add images: at least five a class, or parts of its own")
    statistics = Statistics(train.images)
    splits = [Split(part.images, _labels(part, card), statistics) for part in (train, val, test)]
    return DataSet(*splits, card, source)


def _cut_off(part: Part, share: float) -> tuple[Part, Part]:
    return tuple(
        Part(
            part.images.select(index) if isinstance(part.images, Photos) else part.images[torch.from_numpy(index)],
            part.labels[index],
        )
        for index in stratified_cut(part.labels, share)
    )


def stratified_cut(labels: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices to keep and to cut, both sorted: `share` of every class is cut, drawn with a fixed seed."""
    random = np.random.default_rng(SPLIT_SEED)
    cut = [
        random.permutation(np.flatnonzero(labels == c))[: round(share * int((labels == c).sum()))]
        for c in np.unique(labels)
    ]
    cut = np.sort(np.concatenate(cut))
    return np.setdiff1d(np.arange(len(labels)), cut), cut


def chunks(images: Tensor | Photos) -> Iterator[Tensor]:
    """All images in turn, some at a time: photographs need not be in memory at once."""
    return images.chunks() if isinstance(images, Photos) else iter(images.split(2**14))


def _labels(part: Part, card: dict) -> Tensor:
    labels = part.labels
    if len(labels) != len(part.images):
        raise ValueError(
            f"{card['name']} has {len(part.images)} images and {len(labels)} labels; the files are damaged"
        )
    if labels.min() < 0 or labels.max() >= card["num_classes"]:
        raise ValueError(
            f"{card['name']}: labels run from {labels.min()} to {labels.max()}, its card says 0 to {card['num_classes'] - 1}; "
            "the file is damaged: delete it and get it again"
        )
    return torch.from_numpy(labels.astype(np.int64))


def _mean_and_std(images: Tensor | Photos) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, of intensities in [0, 1] or of features."""
    if images.dtype != torch.uint8:
        wide = images.double()
        std, mean = torch.std_mean(wide, dim=(0, 2, 3), correction=0)
        # A feature that never changes is only moved to 0.
        return mean.to(images.dtype), std.where(std > 1e-6 * mean.abs().clamp(min=1), 1.0).to(images.dtype)
    levels = torch.arange(256, dtype=torch.float64) / 255
    counts = torch.zeros(images.shape[1], 256, dtype=torch.float64)
    for some in chunks(images):
        for channel, values in enumerate(some.transpose(0, 1)):
            counts[channel] += torch.bincount(values.flatten().int(), minlength=256).cpu()
    shares = counts / counts.sum(1, keepdim=True)
    mean = shares @ levels
    std = (shares @ levels**2 - mean**2).sqrt().clamp(min=1 / 255)  # a constant channel must not divide by 0
    return mean.float(), std.float()
