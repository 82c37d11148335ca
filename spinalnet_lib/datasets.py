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
    images, plus, extractor = str(name).partition("+")
    return load_features(images, extractor, root=root) if plus else load_images(name, root, download, size)
