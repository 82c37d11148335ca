"""Sets with a card of their own: any folder under the data root that holds a `card.json`, packed or yours.

`cards.py` says what is on such a card.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from functools import partial
from pathlib import Path

import numpy as np

from ..files import check_writable, write_whole
from .cards import PARTS, official_names
from .class_folders import list_class_folders, read_class_folders
from .photos import cache_folder, check_photos, hash_files
from .readers import Part, Parts, read_npy, read_sheets, to_images
from .splits import OWN_TEST_SHARE, VALIDATION_SHARE

_LIKE_PARTS = ("train", "training", "val", "valid", "validation", "test", "testing")


def read_own(root: Path, card: dict, size: int | None) -> Parts:
    """Read a folder as its card says, against the hashes and counts on it."""
    folder = root / card["name"]
    if card["kind"] == "folder":
        folders = {part: list_class_folders(folder / card["parts"][part]) for part in card["sizes"]}
        for part, found in folders.items():
            count, expected = sum(map(len, found.values())), card["sizes"][part]
            if count != expected:
                held = f"{folder / card['parts'][part]} holds {count:,} examples, its card says {expected:,}"
                raise ValueError(f"{held}; restore it, or correct the card")
        return read_class_folders(folders, card, cache_folder(root, card["name"]), size)
    remedy = f"put {folder.name}/ there again from where you have it"
    parts, shape = {}, card["shape"]
    for part, count in card["sizes"].items():
        sheets = sorted(folder.glob(f"{part}_*.webp")) if card["kind"] == "sheets" else []
        if sheets:
            images = read_sheets(sheets, card["tile"], card["columns"], count, remedy)
        else:
            images = _read_images(folder / f"{part}_images.npy", count, shape, remedy)
        labels = read_npy(folder / f"{part}_labels.npy", partial(_are_labels, count), f"integers ({count},)", remedy)
        for what, array in (("images", images), ("labels", labels)):
            expected = card["sha256_of_raw_pixels"].get(f"{part}_{what}")
            if expected and hashlib.sha256(np.ascontiguousarray(array)).hexdigest() != expected:
                path = folder / f"{part}_{what}.npy"
                raise ValueError(f"{path} differs from its card (SHA-256 of its values); {remedy}")
        parts[part] = Part(to_images(images), labels)
        shape = list(parts[part].images.shape[1:])  # one shape in all parts
    return Parts(**parts)


def _are_labels(count: int, dtype: np.dtype, found: tuple) -> bool:
    return dtype.kind in "iu" and found == (count,)


def _read_images(path: Path, count: int, shape: list[int] | None, remedy: str) -> np.ndarray:
    def fits(dtype: np.dtype, found: tuple) -> bool:
        channels, sides = (*found, 1)[3:4], found[1:3]
        right = [*channels, *sides] == shape if shape else channels[0] in (1, 3) and min(found) > 0
        return dtype == np.uint8 and len(found) in (3, 4) and found[0] == count and right

    needed = f"of {shape[0]} channels and {shape[1]}×{shape[2]} pixels" if shape else "of 1 or 3 channels"
    return read_npy(path, fits, f"uint8 ({count}, height, width[, channels]) {needed}", remedy)


def write_card(folder: str | os.PathLike, title: str | None = None) -> dict:
    """Write a `card.json` for class folders, `FOLDER/CLASS/image` or `FOLDER/{train,val,test}/CLASS/image`; returns it.

    Every picture is decoded once. Raises FileExistsError where there is a card already; ValueError for pictures that cannot
    be used, for fewer than two classes, for one too small to hold out a picture of it, for parts whose classes differ and
    for a name with a plus or of an official set; and the errors of `list_class_folders`.
    """
    folder = Path(folder).expanduser().resolve()
    path = folder / "card.json"
    if path.exists():
        raise FileExistsError(f"{path} exists; move it away to have a new one written")
    if "+" in folder.name:
        meant = "a plus in a set's name asks for features of its images"
        raise ValueError(f"{folder}: {meant}; rename the folder to {folder.name.replace('+', '_')}")
    if folder.name in official_names():
        raise ValueError(f"{folder}: {folder.name} is the name of an official set; rename the folder")
    names = {path.name for path in folder.glob("*/")} - {*PARTS}
    if likely := ", ".join(sorted(name for name in names if name.lower() in _LIKE_PARTS)):
        raise ValueError(f"{folder} has {likely}: name parts train, val and test, and classes by what they show")
    parts = {part: part for part in PARTS if (folder / part).is_dir()}
    if parts and "train" not in parts:
        raise ValueError(f"{folder} has the parts {', '.join(parts)} and no train; add it, or rename one")
    parts = parts or {"train": "."}
    try:
        check_writable(path)  # before every photograph is hashed
    except OSError as error:
        raise OSError(f"{path} cannot be written ({error.strerror}); copy the folder to a place that can be") from error
    found = {part: list_class_folders(folder / inner) for part, inner in parts.items()}
    if len(found["train"]) < 2:
        table = next((f"; the labels in {path.name} are not read" for path in sorted(folder.glob("*.csv"))), "")
        alone = f"{folder} has one class, {', '.join(found['train'])}{table}"
        raise ValueError(f"{alone}; put the pictures of each class into a folder of its name")
    _check_classes(folder, {part: {name: len(paths) for name, paths in of.items()} for part, of in found.items()})
    grey = check_photos([path for classes in found.values() for paths in classes.values() for path in paths])
    card = {
        "name": folder.name,
        "title": title or folder.name,
        "kind": "folder",
        "official": False,
        "licence": "fill in: whose pictures are these, and what may be done with them?",
        "note": "fill in: what should one know before believing a result on this set?",
        "splits": {part: sum(map(len, classes.values())) for part, classes in found.items()},
        "parts": parts,
        "num_classes": len(found["train"]),
        "classes": list(found["train"]),
        "sha256_of_files": _hash(folder, found),
        **({"grey_pictures": grey} if grey else {}),
    }
    write_whole(path, (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode())
    return card


def _check_classes(folder: Path, numbers: dict[str, dict[str, int]]) -> None:
    """Raise unless all parts have the same classes, and each class enough pictures for the parts that are cut off."""
    for part, classes in numbers.items():
        if odd := sorted({*classes} ^ {*numbers["train"]}):
            differ = f"{folder}: the parts train and {part} differ in the classes {', '.join(odd)}"
            raise ValueError(f"{differ}; add their pictures, or correct the folders' names")
    missing = {"test": OWN_TEST_SHARE, "val": VALIDATION_SHARE}
    shares = {part: share for part, share in missing.items() if part not in numbers}

    def in_all_parts(pictures: int) -> bool:
        for share in shares.values():
            held_out = round(share * pictures)
            if not held_out:
                return False
            pictures -= held_out
        return True

    if few := [f"{name} ({number})" for name, number in numbers["train"].items() if not in_all_parts(number)]:
        least = next(number for number in itertools.count(1) if in_all_parts(number))
        held_out = f"{folder}: a class needs {least} pictures, as {' and '.join(shares)} are cut off; too few in"
        raise ValueError(
            f"{held_out} {', '.join(few)}: add pictures, join classes, or make the parts train, val and test"
        )


def check_files(root: Path, card: dict) -> bool:
    """Whether class folders still hold the very files of the card; False if it has no hash of them."""
    if not card.get("sha256_of_files"):
        return False
    folder = root / card["name"]
    found = {part: list_class_folders(folder / inner) for part, inner in card["parts"].items()}
    if _hash(folder, found) != card["sha256_of_files"]:
        remedy = f"restore them, or delete card.json and run `spinalnet data new {folder}`"
        raise ValueError(f"{folder} holds other files than its card says; {remedy}")
    return True


def _hash(folder: Path, parts: dict[str, dict[str, list[Path]]]) -> str:
    files = [path for classes in parts.values() for paths in classes.values() for path in paths]
    return hash_files((path.relative_to(folder).as_posix(), path) for path in files)
