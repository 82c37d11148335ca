"""Sets that torchvision's own readers read, after its own hashes and tables: CIFAR, SVHN, STL-10, Flowers, Stanford Cars."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from .cards import find_place, remedy
from .class_folders import parts_of_files
from .photos import cache_folder
from .readers import Part, Parts, to_images


def read_hashed(root: Path, card: dict) -> Parts:
    """CIFAR, SVHN and STL-10: files of one array each."""
    from torchvision import datasets

    cls = getattr(datasets, card["torchvision"]["class"])
    check_md5(_hashed_files(cls, root), remedy(card))
    train, test = (_read_part(cls(root, **arguments), card) for arguments in card["torchvision"]["calls"])
    return Parts(train, test=test)


def _read_part(found, card: dict) -> Part:
    labels = found.targets if hasattr(found, "targets") else found.labels
    channels_last = list(found.data.shape[1:]) != card["image_shape"]  # only CIFAR's
    return Part(to_images(found.data if channels_last else found.data.transpose(0, 2, 3, 1)), np.asarray(labels))


def _hashed_files(cls: type, root: Path) -> list[tuple[Path, str]]:
    """Files that a class of torchvision reads, with the MD5 that it has for each."""
    if hasattr(cls, "split_list"):
        return [(root / name, md5) for _, name, md5 in (cls.split_list["train"], cls.split_list["test"])]
    files = [*cls.train_list, *cls.test_list]
    if hasattr(cls, "meta"):
        files.append((cls.meta["filename"], cls.meta["md5"]))
    return [(root / cls.base_folder / name, md5) for name, md5 in files]


def check_md5(files: list[tuple[Path, str]], remedy: str) -> None:
    """Raise unless every file is here and has its hash: torchvision would not say which one is wrong."""
    for path, md5 in files:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; {remedy}")
        with path.open("rb") as file:
            if hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() != md5:
                raise ValueError(
                    f"{path} differs from the published file (torchvision's MD5); delete it, then {remedy}"
                )


def read_flowers(root: Path, card: dict, size: int | None) -> Parts:
    """Oxford Flowers: one flat folder, and tables of classes and parts."""
    from torchvision.datasets import Flowers102

    folder = find_place(root, card)
    hashed = [Flowers102._file_dict[what] for what in ("label", "setid")]
    check_md5([(folder / name, md5) for name, md5 in hashed], remedy(card))
    sets = {part: Flowers102(root, split=part) for part in ("train", "val", "test")}
    files = {part: list(map(Path, found._image_files)) for part, found in sets.items()}
    for path in (path for paths in files.values() for path in paths):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; {remedy(card)}")
    labels = {part: np.array(found._labels) for part, found in sets.items()}
    return parts_of_files(files, labels, card, cache_folder(root, card["name"]), size)._replace(
        classes=list(Flowers102.classes)
    )


def read_cars_tables(root: Path, card: dict, size: int | None) -> Parts:
    """Stanford Cars in its original archives: two flat folders and the devkit's tables."""
    from torchvision.datasets import StanfordCars

    try:
        sets = {part: StanfordCars(root, split=part) for part in ("train", "test")}
    except RuntimeError as error:
        raise FileNotFoundError(
            f"{root / 'stanford_cars'} lacks a file of its devkit, or cars_train or cars_test; {remedy(card)}"
        ) from error
    files = {part: [Path(path) for path, _ in found._samples] for part, found in sets.items()}
    labels = {part: np.array([label for _, label in found._samples]) for part, found in sets.items()}
    return parts_of_files(files, labels, card, cache_folder(root, card["name"]), size)._replace(
        classes=list(sets["train"].classes)
    )
