"""Files of data sets to arrays, each checked as it is read: idx, npy, image sheets; plain, gzipped or xz-packed.

An error names the file, what is wrong with it and what to do.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from .photos import Photos


_OPENERS = {"": bytes, ".gz": gzip.decompress, ".xz": lzma.decompress}
_IDX_TYPES = {8: np.dtype(np.uint8), 12: np.dtype(">i4")}


class Part(NamedTuple):
    """Images uint8 `(N, C, H, W)` and labels `(N,)` from 0, as they are in the files."""

    images: Tensor | Photos
    labels: np.ndarray


class Parts(NamedTuple):
    """What a reader returns: the publisher's parts; None for one that the publisher does not ship."""

    train: Part
    val: Part | None = None
    test: Part | None = None


def find_file(plain: Path) -> Path | None:
    """The file itself, or its packed form beside it."""
    candidates = (plain.with_name(plain.name + suffix) for suffix in _OPENERS)
    return next((path for path in candidates if path.is_file()), None)


def read_file(plain: Path, remedy: str) -> bytes:
    """Content of a file or of its packed form; `remedy` ends every error: how to get the file anew."""
    path = find_file(plain)
    if path is None:
        raise FileNotFoundError(f"{plain} is missing; {remedy}")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise OSError(f"{path} cannot be read ({error.strerror}); check the disk and the file's permissions") from error
    if raw[:200].lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ValueError(f"{path} is a web page, not data: a download met an error page; delete it, then {remedy}")
    try:
        return _OPENERS[path.suffix if path != plain else ""](raw)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise ValueError(f"{path} cannot be unpacked ({error}); delete it, then {remedy}") from error


def read_idx(plain: Path, shape: Sequence[int], sha256: str | None, remedy: str) -> np.ndarray:
    """An array in the format of MNIST's files, of exactly this shape and, where it is known, this SHA-256."""
    content, delete = read_file(plain, remedy), f"delete it, then {remedy}"
    magic, dims = content[:4], len(shape)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or magic[3] != dims:
        raise ValueError(f"{plain} begins with {magic.hex()}, no idx file of {dims} dimensions; {delete}")
    dtype, header = _IDX_TYPES[magic[2]], 4 + 4 * dims
    found = np.frombuffer(content[4:header], ">u4").tolist() if len(content) >= header else []
    if found != list(shape):
        raise ValueError(f"{plain} holds an array {tuple(found)}, its card says {tuple(shape)}; {delete}")
    expected = header + int(np.prod(shape)) * dtype.itemsize
    if len(content) != expected:
        raise ValueError(f"{plain} has {len(content):,} bytes where its own header says {expected:,}; {delete}")
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{plain} differs from the published file (SHA-256 on its card); {delete}")
    return np.frombuffer(content, dtype, offset=header).reshape(shape)


def read_npy(plain: Path, remedy: str) -> np.ndarray:
    """A `.npy` array, without pickles."""
    content = read_file(plain, remedy)
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{plain} is no whole .npy array ({error}); delete it, then {remedy}") from error


def read_sheets(paths: Sequence[Path], tile: int, columns: int, count: int, remedy: str) -> np.ndarray:
    """Images `(count, tile, tile, 3)` cut out of lossless sheets with `columns` tiles a row, in reading order."""
    from PIL import Image

    tiles = []
    for path in paths:
        content = read_file(path, remedy)
        try:
            sheet = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
            tiles.append(sheet.reshape(-1, tile, columns, tile, 3).swapaxes(1, 2).reshape(-1, tile, tile, 3))
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{path} is no sheet of {tile}-pixel images ({error}); delete it, then {remedy}"
            ) from error
    found = sum(map(len, tiles))
    if found < count:
        where = paths[0].parent if paths else "the set's folder"
        raise ValueError(f"the sheets in {where} hold {found:,} images, the card says {count:,}; {remedy}")
    return np.concatenate(tiles)[:count]


def to_images(images: np.ndarray) -> Tensor:
    """(N, H, W) or (N, H, W, C) to a uint8 tensor (N, C, H, W)."""
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return torch.from_numpy(np.array(images, order="C"))  # a copy: a file's own buffer is read-only
