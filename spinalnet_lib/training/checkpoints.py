"""The file of a checkpoint: one npz without pickles, replaced in one move, whose damage is noticed when it is read."""

from __future__ import annotations

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
from ..models.saved import read_array

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
            size = path.stat().st_size
            if sum(member.file_size for member in archive.infolist()) > size:  # none is compressed
                raise ValueError(f"it claims more than its {size:,} bytes")
            run = json.loads(str(read_array(archive, "run", size)))
            found = run["key"]
        if found != key:
            raise ValueError(f"{path} is the checkpoint of another run; give each run a file of its own, or delete it")
        with damage_named(path):
            if run["format"] != _FORMAT:
                raise ValueError(f"its format is {run['format']}, of another version of this library")
            names = [name.removesuffix(".npy") for name in archive.namelist() if name != "run.npy"]
            arrays = {name: read_array(archive, name, size) for name in names}
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
