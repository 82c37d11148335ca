"""The front door: `load_dataset(name)` gives images, or the features that a frozen body makes of them.

A name "IMAGES+EXTRACTOR" is taken apart here and nowhere else.
"""

from __future__ import annotations

import os

from .data.cuts import cut_anew
from .data.loading import load_images
from .data.splits import DataSet
from .training.features.store import load_features


def load_dataset(
    name: str,
    root: str | os.PathLike | None = None,
    download: bool = False,
    size: int | None = None,
    cut_seed: int | None = None,
    train_per_class: int | None = None,
    **features,
) -> DataSet:
    """Load a data set by name; nothing is downloaded unless `download` is true.

    Files are looked for under `root`, else `$SPINALNET_DATA`, else `data/cache/`; the publisher's files win over a
    folder with a card of the same name. Without `root` the name may also be the path of a folder with a card. Photographs
    come as squares of `size` pixels, by default the card's; other images are resized to it when they are asked for (a
    `Resized`). Raises ValueError for an unknown name, FileNotFoundError for missing files and ValueError for damaged ones,
    with what to do.

    With `cut_seed` the images that are held out for validation are drawn anew from it, and with `train_per_class` only so
    many of the others of each class are trained on; the test part stays (`data.cuts.cut_anew`).

    "NAME+EXTRACTOR", as in "mnist_5k+efficientnet_lite0", gives features of the images (`load_features`). Such a name
    takes `device`, `progress` and `time_limit`, which are those of `load_features`, and no `size`.

    >>> data = load_dataset("digits")
    >>> data.train.images.shape, data.card["num_classes"]
    (torch.Size([1199, 1, 8, 8]), 10)
    """
    images, extractor = split_name(name)
    if extractor is None:
        data = load_images(name, root, download, size, **features)
    elif size is not None:
        raise TypeError(f"load_dataset: the extractor of {name!r} has a size of its own; leave size={size} out")
    else:
        data = load_features(images, extractor, root, download=download, **features)
    if cut_seed is not None:
        return cut_anew(data, cut_seed, train_per_class)
    if train_per_class is not None:
        raise ValueError(f"load_dataset: {train_per_class=} is drawn from a seed; pass cut_seed, too")
    return data


def split_name(name: str) -> tuple[str, str | None]:
    """The images and the extractor that a data set's name says; None for images as they are.

    >>> split_name("mnist_5k+saved:a+b"), split_name("digits")
    (('mnist_5k', 'saved:a+b'), ('digits', None))
    """
    images, plus, extractor = str(name).partition("+")
    return images, extractor if plus else None
