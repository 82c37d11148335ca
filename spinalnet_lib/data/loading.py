"""Data sets by name: files are found, read and verified, and train, validation and test are cut.

Adding an official set: a card in `data/cards/NAME.json`, and a reader in `publishers.py` if its kind is new. Any folder
under the data root with a `card.json` is a set, too (`own_sets.py`).
"""

from __future__ import annotations

import os

import numpy as np
import torch

from ..checks import check_int
from .cards import PHOTOGRAPHS, find_set, is_present, list_own, load_card, load_own_card, official_names
from .cuts import stratified_cut
from .fetching import fetch
from .own_sets import read_own
from .publishers import read_published
from .readers import Part, Parts
from .resized import Resized
from .splits import OWN_TEST_SHARE, VALIDATION_SHARE, DataSet, Split, Statistics


def load_images(
    name: str, root: str | os.PathLike | None = None, download: bool = False, size: int | None = None
) -> DataSet:
    """The images of a data set; `datasets.load_dataset` says what the arguments are and which errors are raised."""
    name, root = find_set(name, root)
    card = load_card(name, root)
    if download and name in official_names() and not is_present(root, card):
        fetch(name, root)
    published = name in official_names() and (is_present(root, card) or name not in list_own(root))
    card = card if published else load_own_card(root, name)
    if size is not None:
        check_int("load_dataset", "size", size, minimum=8, remedy="pass the side of an image in pixels")
    parts = read_published(root, card, size) if published else read_own(root, card, size)
    source = "packed" if not published else "embedded" if card["kind"] == "embedded" else "official"
    data = _cut(parts, card, source)
    return data if size is None or card["kind"] in PHOTOGRAPHS else _at_size(data, size)


def _at_size(data: DataSet, size: int) -> DataSet:
    """The same set as images of another size."""
    sides = data.train.images.shape[-2:]
    if sides == (size, size):
        return data
    splits = [Split(Resized(s.images, size), s.labels, s.statistics) for s in (data.train, data.val, data.test)]
    return DataSet(*splits, data.card | {"image_shape": list(splits[0].images.shape[1:])}, data.source)


def _cut(parts: Parts, card: dict, source: str) -> DataSet:
    """Cut off the splits that the publisher did not ship."""
    most = card["num_classes"] - 1
    for labels in (part.labels for part in parts[:3] if part and len(part.labels)):
        if labels.min() < 0 or labels.max() > most:
            found = f"{card['name']}: labels run from {labels.min()} to {labels.max()}, its card says 0 to {most}"
            raise ValueError(f"{found}; the file is damaged: delete it and get it again")
    train, val, test = parts[:3]
    if test is None:
        train, test = _cut_off(train, OWN_TEST_SHARE)
    if val is None:
        train, val = _cut_off(train, VALIDATION_SHARE)
    if not (len(train.labels) and len(val.labels) and len(test.labels)):
        counts = f"{len(train.labels)} training, {len(val.labels)} validation and {len(test.labels)} test images"
        raise ValueError(f"{card['name']} would have {counts}; add images: at least five a class, or parts of its own")
    statistics = Statistics.of(train.images)
    splits = [Split(p.images, torch.from_numpy(p.labels.astype(np.int64)), statistics) for p in (train, val, test)]
    found = {"classes": parts.classes or card.get("classes")}
    if card["name"] in official_names() and (names := load_card(card["name"]).get("names")):  # folders have no names
        found["classes"] = [names.get(folder, folder) for folder in found["classes"]]
    if card["kind"] not in PHOTOGRAPHS:  # theirs is the size that is taken if none is asked for
        found["image_shape"] = list(train.images.shape[1:])
    return DataSet(*splits, card | found, source)


def _cut_off(part: Part, share: float) -> tuple[Part, Part]:
    kept_and_cut = stratified_cut(part.labels, share)
    return tuple(Part(part.images.index_select(0, torch.from_numpy(i)), part.labels[i]) for i in kept_and_cut)
