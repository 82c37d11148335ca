"""Photographs in folders, one a class: their listing, and the parts of a set made of them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from .photos import Photos
from .readers import Part, Parts

_SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".png", ".webp", ".avif", ".bmp", ".gif", ".tga"),
    *(".tif", ".tiff", ".ppm", ".pgm"),
}
_UNREAD = {
    ".heic",
    ".heif",
    ".jxl",
    ".dng",
    ".cr2",
    ".cr3",
    ".nef",
    ".arw",
    ".raf",
    ".orf",
    ".rw2",
    ".raw",
    ".psd",
    ".svg",
}
_PASSED_OVER = {"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini", "card.json"}
_KINDS = ", ".join(sorted(_SUFFIXES))
_MOST_NAMED = 10
_SLACK = 0.01  # of the number of photographs
_ANEW = "make a set of your own of this one with `spinalnet data new FOLDER`"


def list_class_folders(folder: Path, leave_out: Sequence[str] = ()) -> dict[str, list[Path]]:
    """Images of each class folder and its subfolders, classes and files sorted by name; other files are passed over.

    `leave_out` names folders that are no classes, and files that an archive holds by mistake. Names of classes come in
    Unicode's composed form, whatever the file system keeps.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is missing; it should hold a folder a class")
    found: dict[str, list[Path]] = {}
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.name.startswith(".") and child.name not in {*leave_out, *_PASSED_OVER}:
            name = unicodedata.normalize("NFC", child.name)
            if name in found:
                raise ValueError(f"{folder} has two folders {name}, written in two forms of Unicode; join them")
            found[name] = [path for path in _files(child) if _is_picture(path) and path.name not in leave_out]
    if not found:
        raise ValueError(f"{folder} holds no class folders; put the images of each class into a folder of its name")
    if empty := [str(folder / name) for name, paths in found.items() if not paths]:
        others = why_left_out([path for name in empty for path in _files(Path(name))])
        raise ValueError(f"{', '.join(empty)} holds no images ({others or _KINDS}); fill it or delete the folder")
    return found


def list_pictures(place: str | os.PathLike) -> list[Path]:
    """A picture, or those in a folder and its subfolders, sorted; ValueError for a folder without, FileNotFoundError for neither."""
    place = Path(place)
    if not place.exists():
        raise FileNotFoundError(f"no picture or folder at {place}; correct the name")
    found = [path for path in _files(place) if _is_picture(path)] if place.is_dir() else [place]
    if not found:
        raise ValueError(f"{place} holds no pictures ({why_left_out(_files(place)) or _KINDS})")
    return found


def list_left_out(folder: Path, taken: Iterable[Path]) -> list[Path]:
    """Files in a folder and its subfolders that are not among those taken."""
    taken = {*taken}
    return [path for path in _files(folder) if path not in taken]


def why_left_out(paths: Sequence[Path]) -> str:
    """How many files are not taken, why, and what to do, in words; none where there are no files."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        if _is_picture(path):
            why = "outside of the class folders"
        elif path.suffix.lower() in _UNREAD:
            why = "not read here: convert to JPEG or PNG"
        else:
            why = "no pictures by their names: rename those that are"
        found.setdefault(why, []).append(path)
    said = [f"{len(of):,} {why} ({_some({p.suffix.lower() or p.name for p in of})})" for why, of in found.items()]
    return "; ".join(said)


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")


def _files(folder: Path) -> list[Path]:
    """All files in a folder and its subfolders, sorted, but for hidden ones."""
    inside = ((path, path.relative_to(folder).parts) for path in sorted(folder.rglob("*")))
    return [
        path
        for path, parts in inside
        if path.is_file() and not any(part.startswith(".") or part in _PASSED_OVER for part in parts)
    ]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES


def read_class_folders(folders: dict[str, dict[str, list[Path]]], card: dict, cache: Path, size: int | None) -> Parts:
    """Parts of a set from their class folders; the classes are those of the card, or the training part's."""
    classes = card.get("classes") or list(folders["train"])
    if len(classes) != card["num_classes"]:
        count = f"{card['name']} has {len(classes)} class folders, its card says {card['num_classes']}"
        raise ValueError(f"{count}: another release? get that one, or {_ANEW}")
    for part, found in folders.items():
        if odd := sorted({*found} ^ {*classes}):
            odd = f"{', '.join(odd[:5])}{' …' if len(odd) > 5 else ''}"
            differ = f"{card['name']}: the {part} part and the card differ in the class folders {odd}"
            raise ValueError(f"{differ}; correct the folders' names, or {_ANEW}")
    files, labels = {}, {}
    for part, found in folders.items():
        files[part] = [path for name in classes for path in found[name]]
        labels[part] = np.repeat(np.arange(len(classes)), [len(found[name]) for name in classes])
    return parts_of_files(files, labels, card, cache, size)._replace(classes=classes)


def parts_of_files(
    files: dict[str, list[Path]], labels: dict[str, np.ndarray], card: dict, cache: Path, size: int | None
) -> Parts:
    """Parts of a set from the files and labels of each."""
    for part, paths in files.items():
        expected = card["sizes"][part]
        # A folder that was unpacked in part must not pass for whole; copies differ by a broken picture or two.
        if abs(len(paths) - expected) > _SLACK * expected:
            count = f"{card['name']}: the {part} part has {len(paths):,} photographs, its card says {expected:,}"
            raise ValueError(f"{count}; unpack the archive again, or {_ANEW}")
    photos = Photos([path for paths in files.values() for path in paths], size or card["image_shape"][-1], cache)
    indices = torch.arange(len(photos)).split([len(paths) for paths in files.values()])
    return Parts(**{p: Part(photos.index_select(0, i), labels[p]) for p, i in zip(files, indices, strict=True)})
