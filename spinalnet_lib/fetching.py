"""Getting official data sets through torchvision, and checking what is here.

A fetch goes into a temporary folder beside the data; only what has the publisher's hash and can be read whole is moved
to its place. Nothing half-written is ever taken for whole.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from .publishers import MANIFEST, find_place, is_present, read_published, remedy
from .readers import find_file

if TYPE_CHECKING:
    from .datasets import DataSet

_ARCHIVES = (".gz", ".zip", ".tgz", ".tar")
_ROOM = 4  # times the download: the archive, what is in it, and what a reader makes of that
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)


def fetch(name: str, root: Path) -> Path:
    """Download an official set under `root`, check its hashes and put it in its place; returns the place.

    Raises ValueError for a set that has to be got by hand, ConnectionError for a download that failed, OSError for a
    disk that is full or read-only.
    """
    from .datasets import load_card

    card = load_card(name, root)
    if card["kind"] == "embedded" or (is_present(root, card) and _is_sound(root, card)):
        return root
    if "torchvision" not in card:
        raise ValueError(f"{name} cannot be fetched: {remedy(card)}")
    _check_room(root, card["download_mb"] * 2**20 * _ROOM, name)
    _remove_leftovers(root)
    partial = root / f".fetching-{name}-{os.getpid()}"
    try:
        partial.mkdir()
        _download(partial, card)
        read_published(partial, card, None)
        _write_manifest(partial, card)
        for archive in [path for path in partial.rglob("*") if path.is_file() and path.name.endswith(_ARCHIVES)]:
            archive.unlink()
        _move(partial, root)
    except OSError as error:
        if error.strerror is None or isinstance(error, (FileNotFoundError, ConnectionError)):
            raise
        raise OSError(f"{name} could not be put into {root} ({error.strerror}); {_write_remedy(root)}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return find_place(root, card)


def check_dataset(name: str, root: str | os.PathLike | None = None) -> tuple[DataSet, str]:
    """Read a set whole, decode every photograph, compare every hash that is known; returns it and what was compared.

    Raises what loading raises, and ValueError for class folders that no longer hold the files of their card.
    """
    from .data_facts import load_facts
    from .datasets import load_dataset
    from .own_sets import check_files
    from .paths import data_root
    from .photos import Photos

    root = data_root(root)
    data = load_dataset(name, root)
    photos = data.train.images if isinstance(data.train.images, Photos) else None
    if photos is not None:
        photos.check()
    known = load_facts().get(name)
    if known and known["source"] == data.source:
        # Pixels of photographs depend on the decoder, so there the files are compared.
        key, found = ("sha256_of_files", photos.hash_files()) if photos is not None else ("sha256", data.sha256)
        if known[key] != found:
            raise ValueError(
                f"{name} is not what the project's records were made on: {key} is {found}, recorded is {known[key]}; "
                f"get it again, or give the folder another name"
            )
        return (
            data,
            "the same files as in the project's own records"
            if photos
            else "all pixels and labels as in the project's own records",
        )
    if data.source == "packed" and (check_files(root, data.card) or _all_hashed(data.card)):
        return data, "hash as on its card"
    hashed = data.card["kind"] == "torchvision" or any("sha256" in file for file in data.card.get("files", {}).values())
    manifest = data.source == "official" and data.card["kind"] == "idx"
    if hashed or (manifest and (find_place(root, data.card) / MANIFEST).is_file()):
        return data, "hash as published"
    return data, "whole and readable; no hash is known for it"


def _all_hashed(card: dict) -> bool:
    hashes = card.get("sha256_of_raw_pixels", {})
    return all(f"{part}_images" in hashes for part in card["sizes"])


def size_on_disk(name: str, root: str | os.PathLike | None = None) -> int:
    """Bytes of the files of a set that is here, what is decoded of it included."""
    from .datasets import load_card
    from .paths import data_root
    from .photos import cache_folder

    root = data_root(root)
    card = load_card(name, root)
    official = "places" in card and is_present(root, card)
    place = find_place(root, card) if official else root / name
    named = [*card.get("files", ()), *card.get("requires", ())] if official else []
    files = [place / name for name in named] or [place]
    found = [path for path in map(find_file, files) if path]
    found += [path for folder in files if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
    found += cache_folder(root, name).glob("*")
    return sum(path.stat().st_size for path in found)


def _is_sound(root: Path, card: dict) -> bool:
    try:
        read_published(root, card, None)
    except (ValueError, FileNotFoundError):
        return False
    return True


def _move(source: Path, target: Path) -> None:
    """Folders that are not there yet in one step each, so that none is ever there in part."""
    for path in sorted(source.iterdir()):
        place = target / path.name
        if path.is_dir() and place.is_dir():
            _move(path, place)
        else:
            path.replace(place)


def _download(partial: Path, card: dict) -> None:
    try:
        from torchvision import datasets
    except ImportError as error:
        raise ImportError(f"fetching needs torchvision ({error}); install it, or {remedy(card)}") from error
    cls = getattr(datasets, card["torchvision"]["class"])
    try:
        for arguments in card["torchvision"]["calls"]:
            cls(partial, download=True, **arguments)
    except (OSError, RuntimeError, EOFError) as error:  # torchvision's for a hash that differs is a RuntimeError
        if isinstance(error, OSError) and error.errno in _FULL:
            raise
        reason = " ".join(str(error).split())[:300]
        places = " or ".join(f"{place}/" for place in card["places"])
        raise ConnectionError(
            f"{card['title']} could not be fetched ({reason}); nothing was kept. Check the connection and try again, or "
            f"put the publisher's files under the data root as {places} yourself"
        ) from error


def _write_manifest(partial: Path, card: dict) -> None:
    """Hashes of the unpacked files, taken while the archive's own hash is known to be right."""
    place = find_place(partial, card)
    if not card.get("files"):
        return
    hashes = {path.name: _sha256(path) for path in sorted(place.iterdir()) if not path.name.endswith(_ARCHIVES)}
    (place / MANIFEST).write_text(json.dumps(hashes, indent=1) + "\n")


def _check_room(root: Path, nbytes: int, name: str) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{name} cannot be put into {root} ({error.strerror}); {_write_remedy(root)}") from error
    free = shutil.disk_usage(root).free
    if free < nbytes:
        raise OSError(
            f"{name} needs about {nbytes / 2**20:,.0f} MB in {root}, {free / 2**20:,.0f} MB are free; free some space, "
            "or set SPINALNET_DATA to a folder on another disk"
        )


def _remove_leftovers(root: Path) -> None:
    """What a killed fetch left; a fetch that still runs keeps its own."""
    for path in root.glob(".fetching-*"):
        pid = path.name.rpartition("-")[2]
        if not (pid.isdecimal() and _is_alive(int(pid))):
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_remedy(root: Path) -> str:
    return f"free some space or make {root} writable, or set SPINALNET_DATA to a folder that is"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
