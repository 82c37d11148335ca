"""Files of data sets to arrays, each checked as it is read: idx, npy, image sheets; plain, gzipped or xz-packed.

An error names the file, what is wrong with it and what to do.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

from ..checks import needs
from ..machine import memory_bytes

if TYPE_CHECKING:
    from .photos import Photos

MOST_BYTES = memory_bytes() // 2  # of one array: what is packed says its size before memory is taken
_OPENERS = {"": open, ".gz": gzip.open, ".xz": lzma.open}
_IDX_TYPES = {8: np.dtype(np.uint8), 12: np.dtype(">i4")}
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError)


class Part(NamedTuple):
    """Images uint8 `(N, C, H, W)` and labels `(N,)` from 0, as they are in the files."""

    images: Tensor | Photos
    labels: np.ndarray


class Parts(NamedTuple):
    """What a reader returns: the publisher's parts; None for one that the publisher does not ship."""

    train: Part
    val: Part | None = None
    test: Part | None = None
    classes: list[str] | None = None  # their names, where the files say them and the card does not


def find_file(plain: Path) -> Path | None:
    """The file itself, or its packed form beside it; "train-images.idx3-ubyte" is MNIST's file, too."""
    names = dict.fromkeys((plain.name, plain.name.replace("-idx", ".idx")))
    candidates = (plain.with_name(name + suffix) for name in names for suffix in _OPENERS)
    return next((path for path in candidates if path.is_file()), None)


@contextmanager
def unpacked(plain: Path, remedy: str) -> Iterator[IO[bytes]]:
    """The content of a file, or of its packed form, to be read in pieces: a small one may unpack to more than memory holds.

    `remedy` ends every error: how to get the file anew.
    """
    path = find_file(plain)
    if path is None:
        raise FileNotFoundError(f"{plain} is missing; {remedy}")
    try:
        with path.open("rb") as file:
            start = file.read(200).lstrip().lower()
        if start.startswith((b"<!doctype", b"<html", b"<?xml")):
            raise ValueError(f"{path} is a web page, not data: a download met an error page; delete it, then {remedy}")
        with _OPENERS.get(path.suffix if path != plain else "", open)(path, "rb") as file:
            yield file
    except _DAMAGE as error:
        if said := getattr(error, "strerror", None):
            raise OSError(f"{path} cannot be read ({said}); check the disk and the file's permissions") from error
        raise ValueError(f"{path} cannot be unpacked ({error}); delete it, then {remedy}") from error


def read_idx(plain: Path, shape: Sequence[int], sha256: str | None, remedy: str) -> np.ndarray:
    """An array in the format of MNIST's files, of exactly this shape and, where it is known, this SHA-256."""
    delete, dims = f"delete it, then {remedy}", len(shape)
    with unpacked(plain, remedy) as file:
        header = file.read(4 + 4 * dims)
        magic, found = header[:4], np.frombuffer(header[4 : len(header) // 4 * 4], ">u4").tolist()
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or magic[3] != dims:
            raise ValueError(f"{plain} begins with {magic.hex()}, no idx file of {dims} dimensions; {delete}")
        if found != list(shape):
            raise ValueError(f"{plain} holds an array {tuple(found)}, its card says {tuple(shape)}; {delete}")
        dtype = _IDX_TYPES[magic[2]]
        content = _read_exactly(file, math.prod(shape) * dtype.itemsize, plain, delete)
    if sha256 and hashlib.sha256(header + content).hexdigest() != sha256:
        raise ValueError(f"{plain} differs from the published file (SHA-256 on its card); {delete}")
    return np.frombuffer(content, dtype).reshape(shape)


def read_npy(plain: Path, fits: Callable[[np.dtype, tuple], bool], needed: str, remedy: str) -> np.ndarray:
    """A `.npy` array, without pickles; `fits` sees its header before the rest is unpacked, `needed` says what it wants."""
    delete = f"delete it, then {remedy}"
    with unpacked(plain, remedy) as file:
        try:
            shape, by_columns, dtype = npy_header(file)
        except Exception as error:  # numpy raises half a dozen kinds for a damaged header
            if isinstance(error, _DAMAGE):
                raise
            raise ValueError(f"{plain} is no whole .npy array ({error!r}); {delete}") from error
        if not fits(dtype, shape):
            raise ValueError(f"{plain} holds {dtype} {shape}, needed is {needed}; restore it, or correct the card")
        content = _read_exactly(file, math.prod(shape) * dtype.itemsize, plain, delete)
    return np.frombuffer(content, dtype).reshape(shape, order="F" if by_columns else "C")


def npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether by columns, and dtype of a `.npy` array, of which nothing else is read; ValueError where it is none."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"it is an array of format {version}")
    return (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(file)


def _read_exactly(file: IO[bytes], nbytes: int, plain: Path, delete: str) -> bytes:
    """All that is left of a file, which must be so many bytes."""
    if nbytes > MOST_BYTES:
        raise ValueError(f"{plain} says that it holds {nbytes:,} bytes, this machine takes {MOST_BYTES:,}; {delete}")
    pieces, left = [], nbytes + 1  # one more, to see that there is none
    while left and (piece := file.read(min(left, 2**24))):  # a header may claim more than there is
        pieces.append(piece)
        left -= len(piece)
    if left != 1:
        found = f"{nbytes + 1 - left:,}" if left else f"more than {nbytes:,}"
        raise ValueError(f"{plain} holds {found} bytes after its header, which says {nbytes:,}; {delete}")
    return b"".join(pieces)


def read_sheets(paths: Sequence[Path], tile: int, columns: int, count: int, remedy: str) -> np.ndarray:
    """Images `(count, tile, tile, 3)` cut out of lossless sheets with `columns` tiles a row, in reading order."""
    with needs("data"):
        from PIL import Image

    tiles = []
    for path in paths:
        try:
            with Image.open(path) as image:
                if image.width != columns * tile or image.height > tile * math.ceil(count / columns):
                    raise ValueError(f"it is {image.width}×{image.height} pixels")
                sheet = np.asarray(image.convert("RGB"))
            tiles.append(sheet.reshape(-1, tile, columns, tile, 3).swapaxes(1, 2).reshape(-1, tile, tile, 3))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            problem = f"{path} is no sheet of {tile}-pixel images ({error})"
            raise ValueError(f"{problem}; delete it, then {remedy}") from error
    found = sum(map(len, tiles))
    if found < count:
        where = paths[0].parent if paths else "the set's folder"
        raise ValueError(f"the sheets in {where} hold {found:,} images, the card says {count:,}; {remedy}")
    return np.concatenate(tiles)[:count]


def to_images(images: np.ndarray) -> Tensor:
    """(N, H, W) or (N, H, W, C) to a uint8 tensor (N, C, H, W)."""
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.array(images, order="C"))  # a copy: a file's own buffer is read-only
