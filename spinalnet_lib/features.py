"""Features of a data set by a frozen body, computed once and kept: heads train on them as on any data set.

`load_dataset("mnist_5k+efficientnet_lite0")` is the same by name. What is kept is found by the hash of the images and of
the body, and checked when it is read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .checks import check_int
from .datasets import DataSet, Split, Statistics, load_dataset
from .extractors import Extractor, body_extractor, create_extractor
from .models import Classifier
from .paths import data_root
from .photos import cache_folder
from .training import pick_device
from .whole_files import write_whole

_FORMAT = 1  # raise it when features of the same body and images would differ
_PARTS = ("train", "val", "test")


def extract_features(
    body: Extractor | Classifier,
    data: DataSet,
    device: torch.device | str | None = None,
    batch_size: int | None = None,
    progress: bool = True,
) -> DataSet:
    """The data set with features `(N, num_features, 1, 1)`, float32, in place of its images; nothing is kept.

    `body` is of `create_extractor`, or a trained model of ours, whose head is left out. Images go through it
    `batch_size` at a time: 10 on a CPU, whose cache they fit in, 200 on a GPU, unless given.
    """
    if batch_size is not None:
        check_int("extract_features", "batch_size", batch_size)
    extractor = body if isinstance(body, Extractor) else body_extractor(body)
    _place(extractor, device)
    parts = [_extract(extractor, getattr(data, part), batch_size, progress, part) for part in _PARTS]
    return _with_features(data, extractor, parts)


def load_features(
    dataset: str,
    extractor: str,
    root: str | os.PathLike | None = None,
    device: torch.device | str | None = None,
    progress: bool = True,
) -> DataSet:
    """`extract_features` by names, kept under the data root or `$SPINALNET_CACHE`: a part at a time, each written whole.

    A run that is cut off goes on with the part that it was at; a part that was damaged since is named in a warning and
    computed again.
    """
    data, body = load_dataset(dataset, root), create_extractor(extractor)
    key = hashlib.sha256(f"{_FORMAT} {data.sha256} {body.sha256}".encode()).hexdigest()
    name = f"{data.name}+{extractor}".replace("/", "_").replace(":", "_")
    folder = cache_folder(data_root(root), name) / key[:16]
    _place(body, device)
    parts = []
    for part in _PARTS:
        features = _read(folder, part, len(getattr(data, part)))
        if features is None:
            features = _extract(body, getattr(data, part), None, progress, f"{dataset}, {part}")
            _write(folder, part, features)
        parts.append(features)
    return _with_features(data, body, parts)


def _place(extractor: Extractor, device: torch.device | str | None) -> None:
    # Channels last: on a CPU the depthwise convolutions of mobile nets take a third of the time so.
    extractor.body.to(pick_device(device), memory_format=torch.channels_last)


def _extract(extractor: Extractor, split: Split, batch_size: int | None, progress: bool, label: str) -> Tensor:
    on_gpu = any(parameter.is_cuda for parameter in extractor.body.parameters())
    size = batch_size or (200 if on_gpu else 10)
    with _progress(len(split), progress, f"features of {label}") as advance:
        found = []
        for start in range(0, len(split), size):
            found.append(extractor(split, slice(start, start + size)).cpu())
            advance(len(found[-1]))
    return torch.cat(found)


@contextmanager
def _progress(count: int, show: bool, label: str) -> Iterator[Callable[[int], object]]:
    """A bar over images, to be advanced; without tqdm a line that says what goes on."""
    try:
        from tqdm import tqdm
    except ImportError:
        if show:
            print(f"{label}: {count:,} images", file=sys.stderr, flush=True)
        yield lambda images: None
        return
    with tqdm(total=count, desc=label, unit="images", mininterval=0.5, leave=False, disable=not show) as bar:
        yield bar.update


def _with_features(data: DataSet, extractor: Extractor, parts: list[Tensor]) -> DataSet:
    images = [part.view(*part.shape, 1, 1) for part in parts]
    statistics = Statistics(images[0])
    splits = [
        Split(features, getattr(data, part).labels, statistics) for features, part in zip(images, _PARTS, strict=True)
    ]
    about = {"kind": "features", "extractor": extractor.name, "extractor_sha256": extractor.sha256}
    card = {**data.card, **about, "name": f"{data.name}+{extractor.name}", "images_sha256": data.sha256}
    return DataSet(*splits, card, data.source)


def _write(folder: Path, part: str, features: Tensor) -> None:
    content = io.BytesIO()
    np.save(content, features.numpy(), allow_pickle=False)
    write_whole(folder / f"{part}.npy", content.getvalue())
    write_whole(folder / f"{part}.json", json.dumps({"sha256": hashlib.sha256(content.getvalue()).hexdigest()}))


def _read(folder: Path, part: str, count: int) -> Tensor | None:
    """A part that was kept, if it is there and whole."""
    path, note = folder / f"{part}.npy", folder / f"{part}.json"
    if not path.is_file() or not note.is_file():
        return None
    content = path.read_bytes()
    try:
        if hashlib.sha256(content).hexdigest() != json.loads(note.read_text())["sha256"]:
            raise ValueError("its SHA-256 is another")
        features = torch.from_numpy(np.load(io.BytesIO(content), allow_pickle=False))
    except (ValueError, KeyError) as error:
        warnings.warn(f"{path} is damaged ({error}); its features are computed again", stacklevel=3)
        return None
    return features if len(features) == count else None
