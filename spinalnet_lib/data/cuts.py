"""Which training images are held out for validation, and which of the others are trained on: by shares or by numbers of a class."""

from __future__ import annotations

import numpy as np
import torch

from ..checks import check_int
from .splits import VALIDATION_SHARE, DataSet, Split, Statistics

SPLIT_SEED = 2007_03347


def stratified_cut(labels: np.ndarray, share: float, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Indices to keep and to cut, both sorted: `share` of every class is cut, the same without a seed."""
    random = np.random.default_rng(SPLIT_SEED if seed is None else [SPLIT_SEED, seed])
    cut = [
        random.permutation(np.flatnonzero(labels == c))[: round(share * int((labels == c).sum()))]
        for c in np.unique(labels)
    ]
    cut = np.sort(np.concatenate(cut))
    return np.setdiff1d(np.arange(len(labels)), cut), cut


def cut_anew(data: DataSet, seed: int, train_per_class: int | None = None, val_per_class: int | None = None) -> DataSet:
    """The same set with other images held out for validation, a sixth of each class drawn from `seed`; the test part stays.

    With `train_per_class`, so many of the remaining images of each class are trained on, also drawn from `seed`; a larger
    number has those of a smaller one; with `val_per_class`, at most so many of those held out are read. Raises ValueError for more
    to train on than the smallest class has, and for a regression.
    """
    seed = check_int("load_dataset", "cut_seed", seed, minimum=0)
    pool = data.full_train
    labels = pool.labels.numpy()
    if labels.dtype.kind == "f":
        raise ValueError(f"load_dataset: {data.name} has no classes to draw from; leave cut_seed={seed} out")
    kept, held_out = stratified_cut(labels, VALIDATION_SHARE, seed)
    if val_per_class is not None:
        check_int("load_dataset", "val_per_class", val_per_class)
        of_class = (held_out[labels[held_out] == c][:val_per_class] for c in range(data.card["num_classes"]))
        held_out = np.sort(np.concatenate(list(of_class)))
    if train_per_class is not None:
        check_int("load_dataset", "train_per_class", train_per_class)
        random = np.random.default_rng([SPLIT_SEED, seed, 1])
        orders = [random.permutation(kept[labels[kept] == c]) for c in range(data.card["num_classes"])]
        if (smallest := min(map(len, orders))) < train_per_class:
            raise ValueError(
                f"load_dataset: a class of {data.name} has {smallest} images to train on, got {train_per_class=}; lower it"
            )
        kept = np.sort(np.concatenate([order[:train_per_class] for order in orders]))
    train, val = (
        (pool.images.index_select(0, index), pool.labels[index]) for index in map(torch.from_numpy, (kept, held_out))
    )
    statistics = Statistics.of(train[0])
    cut = {"of": data.sha256, "seed": seed, "train_per_class": train_per_class}
    cut |= {"val_per_class": val_per_class} if val_per_class is not None else {}
    splits = Split(*train, statistics), Split(*val, statistics), Split(data.test.images, data.test.labels, statistics)
    return DataSet(*splits, {**data.card, "cut": cut}, data.source)
