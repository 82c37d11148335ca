"""The front door: `load_dataset(name)` gives images, or the features that a frozen body makes of them."""

from __future__ import annotations

import os

from .data.loading import load_images
from .data.splits import DataSet
from .training.features.store import load_features


def load_dataset(
    name: str, root: str | os.PathLike | None = None, download: bool = False, size: int | None = None
) -> DataSet:
    """Load a data set by name; nothing is downloaded unless `download` is true.

    Files are looked for under `root`, else `$SPINALNET_DATA`, else `data/cache/`; the publisher's files win over a
    folder with a card of the same name. Photographs come as squares of `size` pixels, by default the card's. Raises
    ValueError for an unknown name, FileNotFoundError for missing files and ValueError for damaged ones, with what to do.

    "NAME+EXTRACTOR", as in "mnist_5k+efficientnet_lite0", gives features of the images (`load_features`).

    >>> data = load_dataset("digits")
    >>> data.train.images.shape, data.card["num_classes"]
    (torch.Size([1199, 1, 8, 8]), 10)
    """
    images, extractor = split_name(str(name))
    return load_images(name, root, download, size) if extractor is None else load_features(images, extractor, root=root)


def split_name(name: str) -> tuple[str, str | None]:
    """The images and the extractor of a data set's name, which is None for images.

    >>> split_name("mnist+efficientnet_lite0"), split_name("mnist")
    (('mnist', 'efficientnet_lite0'), ('mnist', None))
    """
    images, plus, extractor = name.partition("+")
    return images, extractor if plus else None
