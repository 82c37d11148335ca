"""Sets with a card of their own: any folder under the data root that holds a `card.json`, packed or yours.

A card says `name`, `title`, `kind`, `num_classes`, `splits` (images a part: train, perhaps val and test) and perhaps
`classes`, hashes and a `note`. Kinds: `arrays` (`PART_images.npy` and `PART_labels.npy`, plain or `.xz`), `sheets`
(lossless `PART_000.webp` … beside the labels), `folder` (`PART/CLASS/image`).
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from ..files import write_whole
from .cards import PARTS
from .class_folders import list_class_folders, read_class_folders
from .photos import cache_folder
from .readers import Part, Parts, read_npy, read_sheets, to_images

_LIKE_PARTS = ("train", "training", "val", "valid", "validation", "test", "testing")


def read_own(root: Path, card: dict, size: int | None) -> Parts:
    """Read a folder as its card says, against the hashes and counts on it."""
    folder = root / card["name"]
    if card["kind"] == "folder":
        folders = {part: list_class_folders(folder / card["parts"][part]) for part in card["sizes"]}
        for part, found in folders.items():
            _check_count(folder / card["parts"][part], sum(map(len, found.values())), card["sizes"][part])
        return read_class_folders(folders, card, cache_folder(root, card["name"]), size)
    parts = {}
    for part, count in card["sizes"].items():
        images = _read_images(folder, part, count, card)
        labels = read_npy(folder / f"{part}_labels.npy", _remedy(folder))
        sides = images.shape[1:] if images.ndim == 3 else (*images.shape[1:3], *images.shape[3:])
        grey_or_rgb = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
        if (
            images.dtype != np.uint8
            or not grey_or_rgb
            or not all(sides)
            or labels.ndim != 1
            or labels.dtype.kind not in "iu"
        ):
            raise ValueError(
                f"{folder}: {part} images are {images.dtype} {images.shape}, labels {labels.dtype} {labels.shape}; uint8 "
                "(N, H, W) or (N, H, W, 1 or 3) and whole numbers (N,) are needed"
            )
        for what, array in (("images", images), ("labels", labels)):
            _check_count(folder / f"{part}_{what}.npy", len(array), count)
            expected = card.get("sha256_of_raw_pixels", {}).get(f"{part}_{what}")
            if expected and hashlib.sha256(np.ascontiguousarray(array)).hexdigest() != expected:
                raise ValueError(
                    f"{folder / f'{part}_{what}.npy'} differs from its card (SHA-256 of its values); {_remedy(folder)}"
                )
        parts[part] = Part(to_images(images), labels)
    shapes = {part: list(found.images.shape[1:]) for part, found in parts.items()}
    if (
        any(shape != shapes["train"] for shape in shapes.values())
        or card.get("shape", shapes["train"]) != shapes["train"]
    ):
        raise ValueError(
            f"{folder}: images are {shapes}, on its card {card.get('shape')}; one shape is needed everywhere"
        )
    card["image_shape"] = shapes["train"]
    return Parts(**parts)


def write_card(folder: str | os.PathLike, title: str | None = None) -> dict:
    """Write a `card.json` for class folders, `FOLDER/CLASS/image` or `FOLDER/{train,val,test}/CLASS/image`; returns it.

    Raises FileExistsError where there is a card already, and the errors of `list_class_folders`.
    """
    folder = Path(folder).expanduser().resolve()
    path = folder / "card.json"
    if path.exists():
        raise FileExistsError(f"{path} exists; move it away to have a new one written")
    likely = sorted(
        path.name for path in folder.glob("*/") if path.name.lower() in _LIKE_PARTS and path.name not in PARTS
    )
    if likely:
        raise ValueError(
            f"{folder} has {', '.join(likely)}: name parts train, val and test, and classes by what they show"
        )
    parts = {part: part for part in PARTS if (folder / part).is_dir()}
    if parts and "train" not in parts:
        raise ValueError(f"{folder} has the parts {', '.join(parts)} and no train; add it, or rename one")
    parts = parts or {"train": "."}
    found = {part: list_class_folders(folder / inner) for part, inner in parts.items()}
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
        "sha256_of_files": hash_files(folder, found),
    }
    try:
        write_whole(path, json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise OSError(f"{path} cannot be written ({error.strerror}); copy the folder to a place that can be") from error
    return card


def hash_files(folder: Path, parts: dict[str, dict[str, list[Path]]]) -> str:
    """One SHA-256 of the names and bytes of all images, in order."""
    digest = hashlib.sha256()
    for classes in parts.values():
        for path in (path for paths in classes.values() for path in paths):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def check_files(root: Path, card: dict) -> bool:
    """Whether class folders still hold the very files of the card; False if it has no hash of them."""
    if not card.get("sha256_of_files"):
        return False
    folder = root / card["name"]
    found = {part: list_class_folders(folder / inner) for part, inner in card["parts"].items()}
    if hash_files(folder, found) != card["sha256_of_files"]:
        raise ValueError(
            f"{folder} holds other files than its card says; restore them, or delete card.json and run "
            f"`spinalnet data new {folder}`"
        )
    return True


def _read_images(folder: Path, part: str, count: int, card: dict) -> np.ndarray:
    sheets = sorted(folder.glob(f"{part}_*.webp"))
    if card["kind"] == "sheets" and sheets:
        return read_sheets(sheets, card["tile"], card["columns"], count, _remedy(folder))
    return read_npy(folder / f"{part}_images.npy", _remedy(folder))


def _check_count(where: Path, found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(
            f"{where} holds {found:,} examples, its card says {expected:,}; restore it, or correct the card"
        )


def _remedy(folder: Path) -> str:
    return f"put {folder.name}/ there again from where you have it"
