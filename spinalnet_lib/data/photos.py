"""Photographs in class folders as images of one size, decoded when they are first asked for and never again."""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image

_FORMAT = 1  # raise it when `decode` gives other pixels
_NOT_PHOTOGRAPHS = {
    "CMYK": "whose colours would be guessed",
    "I": "whose range is not known",
    "F": "whose range is not known",
}
SMALLEST_SIDE = 8  # pixels; below, there is nothing to see


class Photos:
    """Indexes like a uint8 tensor `(N, 3, size, size)`: the middle square of each photograph, resized.

    Pixels are decoded at first use into a file `cache`, mapped into memory, with a checksum an image: what an
    interrupted run left half-written is decoded again. Raises ValueError for a file that is no usable image.
    """

    dtype = torch.uint8

    def __init__(self, files: Sequence[Path], size: int, cache: Path):
        self._store = _Store(list(files), size, cache)
        self._index = np.arange(len(files))

    def __len__(self) -> int:
        return len(self._index)

    @property
    def files(self) -> list[Path]:
        return [self._store.files[i] for i in self._index]

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self), 3, self._store.size, self._store.size))

    def select(self, index: np.ndarray) -> Photos:
        """Some of the photographs, in this order; both share what is decoded."""
        part = object.__new__(Photos)
        part._store, part._index = self._store, self._index[index]
        return part

    def joined(self, other: Photos) -> Photos:
        """These and then others of the same set."""
        part = object.__new__(Photos)
        part._store, part._index = self._store, np.concatenate([self._index, other._index])
        return part

    def __getitem__(self, index) -> Tensor:
        index = index.cpu().numpy() if isinstance(index, Tensor) else index
        found = torch.from_numpy(self._store.pixels_of(np.atleast_1d(self._index[index])))
        return found[0] if np.ndim(self._index[index]) == 0 else found

    def chunks(self, size: int = 512) -> Iterator[Tensor]:
        """All photographs in turn, `size` at a time."""
        starts = range(0, len(self), size)
        return (self[start : start + size] for start in _progress(starts, len(self), "photographs, in chunks"))

    def check(self) -> None:
        """Decode every file of the whole set anew, whatever is kept of it; raises ValueError for the first that fails."""
        files, size = self._store.files, self._store.size
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for _ in _progress(pool.map(lambda path: decode(path, size), files), len(files), "checking photographs"):
                pass

    def hash_files(self) -> str:
        """One SHA-256 of names (class and file) and bytes of all files of the whole set, in order."""
        digest = hashlib.sha256()
        for path in self._store.files:
            digest.update(f"{'/'.join(path.parts[-2:])}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()

    def to(self, device: torch.device | str) -> Tensor:
        """All of them as one tensor on `device`."""
        return self[:].to(device)


class _Store:
    """The decoded pixels of all files of a set, behind every split of it."""

    def __init__(self, files: list[Path], size: int, cache: Path):
        self.files, self.size, self._cache = files, size, cache
        self._pixels: np.ndarray | None = None  # opened at first use
        self._sums: np.ndarray | None = None  # a checksum an image; 0 for one not decoded yet
        self._sound = np.zeros(len(files), bool)  # seen whole by this process

    def pixels_of(self, index: np.ndarray) -> np.ndarray:
        if self._pixels is None:
            self._open()
        wanted = np.unique(index[~self._sound[index]])
        self._sound[wanted] = [self._sums[i] != 0 and _checksum(self._pixels[i]) == self._sums[i] for i in wanted]
        missing = wanted[~self._sound[wanted]]
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            decoded = pool.map(lambda i: decode(self.files[i], self.size), missing.tolist())
            for i, image in zip(missing, _progress(decoded, len(missing), "decoding photographs, once"), strict=True):
                self._pixels[i] = image
                self._sums[i] = _checksum(image)
                self._sound[i] = True
        return self._pixels[index]

    def _open(self) -> None:
        shapes = {"pixels": ((len(self.files), 3, self.size, self.size), np.uint8), "sums": ((len(self.files),), "<u4")}
        # The listing is part of the name: photographs added, replaced or removed make another cache.
        stem = f"{self.size}px-{self._fingerprint()}"
        for old in self._cache.glob(f"{self.size}px-*"):
            if not old.name.startswith(stem):
                old.unlink(missing_ok=True)
        arrays = []
        for name, (shape, dtype) in shapes.items():
            path = self._cache / f"{stem}.{name}"
            nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
            if not path.is_file() or path.stat().st_size != nbytes:
                _allocate(path, nbytes)
            arrays.append(np.memmap(path, dtype, "r+", shape=shape))
        self._pixels, self._sums = arrays

    def _fingerprint(self) -> str:
        import PIL

        digest = hashlib.sha256(f"{_FORMAT} {PIL.__version__}".encode())  # another decoder gives other pixels
        for path in self.files:
            status = path.stat()
            digest.update(f"{'/'.join(path.parts[-3:])}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]


def decode(path: Path, size: int) -> np.ndarray:
    """The middle square of an image, upright, `(3, size, size)` uint8."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            mode, (width, height) = image.mode, image.size
            why_not = _NOT_PHOTOGRAPHS.get(mode.partition(";")[0])
            usable = not why_not and min(width, height) >= SMALLEST_SIDE
            square = usable and ImageOps.fit(
                _opaque(ImageOps.exif_transpose(image)), (size, size), Image.Resampling.BILINEAR
            )
    except Exception as error:  # Pillow raises a dozen kinds for damaged files
        raise ValueError(f"{path} cannot be read as an image ({error}); replace it or delete it") from error
    if why_not:
        raise ValueError(f"{path} is a {mode} image, {why_not}; convert it to 8-bit RGB or delete it")
    if not usable:
        raise ValueError(
            f"{path} is {width}×{height} pixels, at least {SMALLEST_SIDE} a side are needed; replace it or delete it"
        )
    return np.asarray(square).transpose(2, 0, 1)


def _opaque(image: Image.Image) -> Image.Image:
    """RGB; what is transparent shows white, not the colours hidden behind it."""
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def cache_folder(root: Path, name: str) -> Path:
    """Where decoded photographs are kept: `$SPINALNET_CACHE`, else beside the data."""
    return Path(os.environ.get("SPINALNET_CACHE") or root / ".decoded").expanduser() / name


def _allocate(path: Path, nbytes: int) -> None:
    """A file of zeros whose disk space is taken now: a mapped file that outgrows the disk would kill the process."""
    remedy = "free some space, ask for a smaller size, or set SPINALNET_CACHE to a folder on another disk"
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if free < nbytes:
            raise OSError(f"decoded photographs need {nbytes:,} bytes in {path.parent}, {free:,} are free; {remedy}")
        with partial.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, nbytes)
            else:
                file.truncate(nbytes)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.strerror is None:  # our own
            raise
        raise OSError(
            f"decoded photographs cannot be kept in {path.parent} ({error.strerror}); set SPINALNET_CACHE to a folder "
            "that can be written"
        ) from error


def _checksum(image: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(image)) or 1  # 0 stands for "not decoded"


def _progress(steps: Iterable, count: int, what: str) -> Iterable:
    if count < 1000:
        return steps
    from tqdm import tqdm

    return tqdm(steps, desc=what, leave=False, mininterval=0.5, total=len(steps) if isinstance(steps, range) else count)
