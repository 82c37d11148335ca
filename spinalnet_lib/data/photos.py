"""Photographs as images of one size, decoded when they are first asked for and never again."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ..checks import needs
from ..files import locked, whole_file
from .decoding import SMALLEST_SIDE, decode

T = TypeVar("T")
_MOST_NAMED = 10  # files in one error
_SHARE_OF_GPU = 0.4  # of its free memory, for a whole set; the rest is the model's
_FORMAT = 2  # raise it when `decode` gives other pixels, or they are kept in another way


class Photos:
    """What a uint8 tensor `(N, 3, size, size)` offers, of photographs: the middle square of each, resized.

    All files of a set are decoded at first use into one file under `cache`, which is mapped into memory. Raises
    ValueError for a file that is no usable image, OSError where there is no room.
    """

    dtype = torch.uint8

    def __init__(self, files: Sequence[Path], size: int, cache: Path):
        self._store, self._index = _Store(list(files), size, cache), np.arange(len(files))

    def __len__(self) -> int:
        return len(self._index)

    @property
    def files(self) -> list[Path]:
        return [self._store.files[i] for i in self._index]

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self), 3, self._store.size, self._store.size))

    def __getitem__(self, index) -> Tensor:
        index = index.cpu().numpy() if isinstance(index, Tensor) else index
        return torch.from_numpy(np.require(self._store.pixels[self._index[index]], requirements="W"))

    def split(self, size: int) -> Iterator[Tensor]:
        """All photographs in turn, `size` at a time: they need not be in memory at once."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def to(self, device: torch.device | str) -> Tensor | Photos:
        """All of them as one tensor on a GPU with room for it; else as they are, and batches are sent when they are taken."""
        device = torch.device(device)
        nbytes = self.shape.numel()
        fits = device.type == "cuda" and nbytes < torch.cuda.mem_get_info(device)[0] * _SHARE_OF_GPU
        return self[:].to(device) if fits else self

    def index_select(self, dim: int, index: Tensor) -> Photos:
        """Some of the photographs, in this order, undecoded; `dim` is 0, as it would be for a tensor."""
        return self._part(self._index[index.numpy()])

    def joined(self, other: Photos) -> Photos:
        """These and then others of the same set."""
        return self._part(np.concatenate([self._index, other._index]))

    def _part(self, index: np.ndarray) -> Photos:
        part = copy(self)
        part._index = index
        return part

    def check(self) -> None:
        """Decode every file of the whole set anew, whatever is kept of it; raises ValueError that names those that fail."""
        check_photos(self._store.files)

    def hash_files(self) -> str:
        """One SHA-256 of names (class and file) and bytes of all files of the whole set, in order."""
        return hash_files(("/".join(path.parts[-2:]), path) for path in self._store.files)


def check_photos(files: Sequence[Path]) -> int:
    """Decode every photograph and count those without colour; raises ValueError that names those that fail."""
    return sum(_decoded(files, SMALLEST_SIDE, "checking photographs", lambda image: bool((image == image[:1]).all())))


def decode_photos(files: Sequence[Path], size: int) -> Tensor:
    """Photographs as a tensor uint8 `(N, 3, size, size)`; raises ValueError that names those that fail."""
    return torch.from_numpy(np.stack(_decoded(files, size, "reading pictures", lambda image: image)))


def _decoded(files: Sequence[Path], size: int, what: str, keep: Callable[[np.ndarray], T]) -> list[T]:
    def attempt(path: Path) -> T | ValueError:
        try:
            return keep(decode(path, size))
        except ValueError as error:
            return error

    found = list(_of_each(attempt, files, what))
    if failures := [str(error) for error in found if isinstance(error, ValueError)]:
        more = f"; and {len(failures) - _MOST_NAMED:,} more" if len(failures) > _MOST_NAMED else ""
        raise ValueError("; ".join(failures[:_MOST_NAMED]) + more)
    return found


def _of_each(work: Callable[[Path], T], files: Sequence[Path], what: str) -> Iterator[T]:
    """What a function gives of each file, some at a time, with a bar where there are many."""
    with needs("data"):
        from tqdm import tqdm

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            few = {"disable": True} if len(files) < 1000 else {}  # an argument would overrule $TQDM_DISABLE
            yield from tqdm(pool.map(work, files), desc=what, total=len(files), leave=False, mininterval=0.5, **few)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # Ctrl-C does not wait for the whole set


def hash_files(files: Iterable[tuple[str, Path]]) -> str:
    """One SHA-256 of names and bytes, in order."""
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


class _Store:
    """The decoded pixels of all files of a set, behind every split of it."""

    def __init__(self, files: list[Path], size: int, cache: Path):
        self.files, self.size, self._cache = files, size, cache

    @cached_property
    def pixels(self) -> np.ndarray:
        shape = (len(self.files), 3, self.size, self.size)
        nbytes = int(np.prod(shape))
        path = self._cache / f"{self.size}px-{self._fingerprint()}.pixels"
        try:
            if not _is_whole(path, nbytes):
                with locked(self._cache / ".lock"):  # a second process waits for the first one's
                    if not _is_whole(path, nbytes):
                        self._write(path, nbytes)
        except OSError as error:
            if error.strerror is None:  # our own
                raise
            kept = f"decoded photographs cannot be kept in {self._cache} ({error.strerror})"
            raise OSError(f"{kept}; set SPINALNET_CACHE to a folder that can be written") from error
        return np.memmap(path, np.uint8, "r", shape=shape)

    def _write(self, path: Path, nbytes: int) -> None:
        for old in self._cache.glob("*"):  # of photographs that were added, replaced or removed since, or half a file
            if old.name.lstrip(".").startswith(f"{self.size}px-"):
                with suppress(PermissionError):  # on Windows, of one that another process has open
                    old.unlink(missing_ok=True)
        free = shutil.disk_usage(self._cache).free
        if free < nbytes:
            remedy = "free some space, ask for a smaller size, or set SPINALNET_CACHE to a folder on another disk"
            need = f"decoded photographs need {nbytes:,} bytes in {self._cache}, {free:,} are free"
            raise OSError(f"{need}; {remedy}")
        # Written, not mapped: a mapped file that outgrows the disk would kill the process.
        with whole_file(path, "wb") as file:
            for image in _of_each(partial(decode, size=self.size), self.files, "decoding photographs, once"):
                file.write(image.tobytes())

    def _fingerprint(self) -> str:
        """The listing as a part of the name: other photographs, or another decoder, make another file."""
        with needs("data"):
            import PIL

        digest = hashlib.sha256(f"{_FORMAT} {PIL.__version__}".encode())
        for path in self.files:
            status = path.stat()
            digest.update(f"{'/'.join(path.parts[-3:])}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]


def cache_folder(root: Path, name: str) -> Path:
    """Where decoded photographs are kept: `$SPINALNET_CACHE`, else beside the data."""
    return Path(os.environ.get("SPINALNET_CACHE") or root / ".decoded").expanduser() / name


def _is_whole(path: Path, nbytes: int) -> bool:
    return path.is_file() and path.stat().st_size == nbytes
