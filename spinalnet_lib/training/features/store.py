"""Features of a data set by a frozen body, computed once and kept: heads train on them as on any data set.

`load_dataset("mnist_5k+efficientnet_lite0")` is the same by name. What is kept is found by the hash of the images and of
the body, some hundred images a file, and each file is checked when it is read.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...checks import check_int
from ...data.loading import load_images
from ...data.photos import cache_folder
from ...data.splits import DataSet, Split, Statistics
from ...files import locked, write_whole
from ...machine import OutOfTime, pick_device
from ...models.classifier import Classifier
from ...paths import data_root
from .extractors import Extractor, body_extractor, create_extractor
from .trained_bodies import TRAINED, trained_body

_FORMAT = 2  # of the kept files
_PARTS = ("train", "val", "test")
_KEPT = 500  # images a file: what a process that is killed loses at most


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
    parts = []
    for part in _PARTS:
        split = getattr(data, part)
        with _bar(len(split), progress, f"features of {part}") as advance:
            parts.append(_extract(extractor, split, range(len(split)), advance, batch_size))
    return _with_features(data, extractor, parts)


def load_features(
    dataset: str,
    extractor: str,
    root: str | os.PathLike | None = None,
    device: torch.device | str | None = None,
    progress: bool = True,
    time_limit: float | None = None,
    download: bool = False,
) -> DataSet:
    """`extract_features` by names, of `create_extractor` or `trained_body`; what was cut off is gone on with.

    Features are kept under the data root, or in `$SPINALNET_CACHE`.
    A kept file that was damaged since is named in a warning and computed again. Two processes never compute the same:
    the second waits. With `time_limit`, in seconds, OutOfTime is raised where the next images would not end in time.
    """
    end = None if time_limit is None else time.monotonic() + time_limit
    data = load_images(dataset, root, download)
    trained = extractor.startswith(TRAINED)
    body = trained_body(extractor, data, root, device, progress, time_limit) if trained else create_extractor(extractor)
    key = hashlib.sha256(f"{_FORMAT} {data.sha256} {body.sha256}".encode()).hexdigest()
    folder = cache_folder(data_root(root), file_name(f"{data.name}+{extractor}")) / key[:16]
    _place(body, device)
    with locked(folder / ".lock"):
        parts = [_kept(folder, part, body, getattr(data, part), f"{dataset}, {part}", progress, end) for part in _PARTS]
    return _with_features(data, body, parts)


def file_name(dataset: str) -> str:
    """A data set's name as that of a file or folder, on any system: "mnist+saved:a/b" holds what a name must not."""
    return dataset.replace("/", "_").replace(":", "_")


def _kept(
    folder: Path, part: str, body: Extractor, split: Split, label: str, progress: bool, end: float | None
) -> Tensor:
    """Features of a split: those files that are there, and the others now, unless they would not be done by `end`."""
    found, seconds = [], 0.0
    with _bar(len(split), progress, f"features of {label}") as advance:
        for start in range(0, len(split), _KEPT):
            index = range(start, min(start + _KEPT, len(split)))
            features = _read(folder, f"{part}-{start:06}", len(index))
            if features is None:
                begun = time.monotonic()
                if end is not None and begun + seconds > end:
                    raise OutOfTime(
                        f"time was up after {start:,} of {len(split):,} images of {label}; the same call goes on from there"
                    )
                features = _extract(body, split, index, advance)
                _write(folder, f"{part}-{start:06}", features)
                seconds = time.monotonic() - begun
            else:
                advance(len(index))
            found.append(features)
    return torch.cat(found)


def _place(extractor: Extractor, device: torch.device | str | None) -> None:
    # Channels last: on a CPU the depthwise convolutions of mobile nets take a third of the time so.
    extractor.body.to(pick_device(device), memory_format=torch.channels_last)


def _extract(
    extractor: Extractor,
    split: Split,
    index: range,
    advance: Callable[[int], object],
    batch_size: int | None = None,
) -> Tensor:
    on_gpu = any(parameter.is_cuda for parameter in extractor.body.parameters())
    size = batch_size or (200 if on_gpu else 10)
    found = []
    for start in range(index.start, index.stop, size):
        found.append(extractor(split, slice(start, min(start + size, index.stop))).cpu())
        advance(len(found[-1]))
    return torch.cat(found)


@contextmanager
def _bar(count: int, show: bool, label: str) -> Iterator[Callable[[int], object]]:
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


def _write(folder: Path, name: str, features: Tensor) -> None:
    """A file whose name holds the start of its own SHA-256; one of the same images is replaced."""
    content = io.BytesIO()
    np.save(content, features.numpy(), allow_pickle=False)
    old = list(folder.glob(f"{name}-*.npy"))
    path = folder / f"{name}-{_short_hash(content.getvalue())}.npy"
    write_whole(path, content.getvalue())
    for other in old:
        if other != path:
            other.unlink()


def _read(folder: Path, name: str, count: int) -> Tensor | None:
    """Features of `count` images that were kept, if they are there and whole."""
    for path in folder.glob(f"{name}-*.npy"):
        content = path.read_bytes()
        if _short_hash(content) == path.stem.rpartition("-")[2]:
            features = torch.from_numpy(np.load(io.BytesIO(content), allow_pickle=False))
            if len(features) == count:
                return features
        warnings.warn(f"{path} is damaged (its SHA-256 is another); its features are computed again", stacklevel=4)
    return None


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
