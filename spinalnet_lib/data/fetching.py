"""Getting official data sets through torchvision, which knows addresses, mirrors and hashes.

A fetch goes into a hidden folder beside the data; only what has the publisher's hash and can be read whole is moved to
its place. Nothing half-written is ever taken for whole.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path

from ..checks import needs
from ..files import locked
from .cards import find_place, is_present, load_card, remedy
from .publishers import MANIFEST, read_published

_ARCHIVES = (".gz", ".zip", ".tgz", ".tar")
_ROOM = 4  # times the download: the archive, what is in it, and what a reader makes of that
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG)


def fetch(name: str, root: Path) -> Path:
    """Download an official set under `root`, check its hashes and put it in its place; returns the place.

    Raises ValueError for a set that has to be got by hand, ConnectionError for a download that failed, OSError for a
    disk that is full or read-only.
    """
    card = load_card(name, root)
    if card["kind"] == "embedded":
        return root
    if "torchvision" not in card and not is_present(root, card):
        raise ValueError(f"{name} cannot be fetched: {remedy(card)}")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / ".fetching" / f"{name}.lock"):  # a second process waits for the first one's
            if "torchvision" in card and not (is_present(root, card) and _is_sound(root, card)):
                _fetch(root, card, root / ".fetching" / name)
    except OSError as error:
        if error.strerror is None or isinstance(error, (FileNotFoundError, ConnectionError)):
            raise
        advice = f"free some space or make {root} writable, or set SPINALNET_DATA to a folder that is"
        raise OSError(f"{name} could not be put into {root} ({error.strerror}); {advice}") from error
    return find_place(root, card)


def _is_sound(root: Path, card: dict) -> bool:
    with suppress(ValueError, FileNotFoundError):
        read_published(root, card, None)
        return True
    return False


def _fetch(root: Path, card: dict, partial: Path) -> None:
    shutil.rmtree(partial, ignore_errors=True)  # what a killed fetch left
    needed, free = card["download_mb"] * 2**20 * _ROOM, shutil.disk_usage(root).free
    if free < needed:
        room = f"needs about {needed / 2**20:,.0f} MB in {root}, {free / 2**20:,.0f} MB are free"
        raise OSError(f"{card['name']} {room}; free some space, or set SPINALNET_DATA to a folder on another disk")
    try:
        partial.mkdir()
        _download(partial, card)
        read_published(partial, card, None)
        for archive in [path for path in partial.rglob("*") if path.is_file() and path.name.endswith(_ARCHIVES)]:
            archive.unlink()
        if card.get("files"):  # hashes of unpacked files, as the archive's own was right
            place = find_place(partial, card)
            hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(place.iterdir())}
            (place / MANIFEST).write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")
        _move(partial, root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _download(partial: Path, card: dict) -> None:
    with needs("data"):
        from torchvision import datasets
    cls = getattr(datasets, card["torchvision"]["class"])
    try:
        for arguments in card["torchvision"]["calls"]:
            cls(partial, download=True, **arguments)
    except (OSError, RuntimeError, EOFError) as error:  # torchvision's for a hash that differs is a RuntimeError
        if isinstance(error, OSError) and error.errno in _FULL:
            raise
        said = f"{card['title']} could not be fetched ({' '.join(str(error).split())[:300]}); nothing was kept"
        places = " or ".join(f"{place}/" for place in card["places"])
        advice = f"Check the connection and try again, or put the publisher's files under the data root as {places}"
        raise ConnectionError(f"{said}. {advice}") from error


def _move(source: Path, target: Path) -> None:
    """Folders that are not there yet in one step each, so that none is ever there in part."""
    for path in sorted(source.iterdir()):
        place = target / path.name
        if path.is_dir() and place.is_dir():
            _move(path, place)
        else:
            path.replace(place)
