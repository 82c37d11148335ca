"""The file of a checkpoint: one npz without pickles, replaced in one move, whose damage is noticed when it is read."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..files import whole_file

_FORMAT = 2


class DamagedCheckpoint(ValueError):
    """A file that cannot be read as a checkpoint."""


def write_checkpoint(path: str | os.PathLike, key: str, plain: dict, tensors: Iterable[tuple[str, Tensor]]) -> None:
    """Write what JSON holds, and named tensors, as the checkpoint of run `key`; an older one stays until it is on disk."""
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors}
    arrays["run"] = np.array(json.dumps({"format": _FORMAT, "key": key, **plain}))
    with whole_file(path, "wb") as file:
        np.savez(file, **arrays)


def read_checkpoint(path: str | os.PathLike, key: str) -> tuple[dict, dict[str, Tensor]]:
    """What `write_checkpoint` wrote, tensors on the CPU.

    Takes no more memory than the file has bytes, whatever its headers claim. Raises DamagedCheckpoint for a file of
    something else or of another format, ValueError for the checkpoint of another run.
    """
    path = Path(path)
    with path.open("rb") as file:
        with damage_named(path):
            archive = zipfile.ZipFile(file)
            run = json.loads(str(_read_array(archive, "run", path.stat().st_size)))
            found = run["key"]
        if found != key:
            raise ValueError(f"{path} is the checkpoint of another run; give each run a file of its own, or delete it")
        with damage_named(path):
            if run["format"] != _FORMAT:
                raise ValueError(f"its format is {run['format']}, of another version of this library")
            names = [name.removesuffix(".npy") for name in archive.namelist() if name != "run.npy"]
            arrays = {name: _read_array(archive, name, path.stat().st_size) for name in names}
    return run, {name: torch.from_numpy(array) for name, array in arrays.items()}


@contextmanager
def damage_named(path: str | os.PathLike) -> Iterator[None]:
    """Whatever does not fit while a checkpoint is read is DamagedCheckpoint: a flipped bit can end in any error."""
    try:
        yield
    except torch.cuda.OutOfMemoryError:  # the file is whole, the GPU is full
        raise
    except Exception as error:
        raise DamagedCheckpoint(f"{path} is no checkpoint ({error}); delete it to begin the run again") from error


def _read_array(archive: zipfile.ZipFile, name: str, most: int) -> np.ndarray:
    """An array of at most so many bytes as it was written: not compressed, so none is larger than its file."""
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED or not member.file_size == member.compress_size < most:
        raise ValueError(f"{name} claims {member.file_size:,} bytes of a file of {most:,}")
    content = bytearray(archive.read(member))
    header = io.BytesIO(content)
    if np.lib.format.read_magic(header) != (1, 0):
        raise ValueError(f"{name} is of another version of npy")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(header)
    return np.frombuffer(content, dtype, offset=header.tell()).reshape(shape, order="F" if by_column else "C")
