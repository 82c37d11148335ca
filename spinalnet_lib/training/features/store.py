"""Features of a data set by a frozen body, computed once and kept: heads train on them as on any data set.

`load_dataset("mnist_5k+efficientnet_lite0")` is the same by name. What is kept is found by the hash of the images and of
the body: a file a split, which is checked when it is read.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...checks import check_int, check_number
from ...data.loading import load_images
from ...data.photos import cache_folder
from ...data.splits import DataSet, Split, Statistics
from ...files import locked, write_whole
from ...machine import pick_device
from ...models.classifier import Classifier
from ...paths import data_root
from ..keeper import Clock, Keeper, set_aside
from ..progress import Progress
from .extractors import Extractor, body_extractor, create_extractor
from .trained_bodies import TRAINED, trained_body

_FORMAT = 3  # of the kept files
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
    parts = []
    for part in _PARTS:
        keeper = Keeper("extract_features", None)
        parts.append(_extract(extractor, getattr(data, part), f"features of {part}", progress, keeper, "", batch_size))
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

    Features are kept under the data root, or in `$SPINALNET_CACHE`. A kept file that was damaged since is set aside with
    a warning, and its features are computed again. Two processes never compute the same: the second waits. With
    `time_limit`, in seconds, what is done by then is saved, and OutOfTime is raised. `download` is of `load_dataset`.
    """
    began = time.monotonic()
    if time_limit is not None:
        check_number("load_features", "time_limit", time_limit, "pass seconds, or leave it out for no limit")

    def left() -> float | None:
        return None if time_limit is None else time_limit - (time.monotonic() - began)

    data = load_images(dataset, root, download)
    trained = extractor.startswith(TRAINED)
    body = trained_body(extractor, data, root, device, progress, left()) if trained else create_extractor(extractor)
    key = hashlib.sha256(f"{_FORMAT} {data.sha256} {body.sha256}".encode()).hexdigest()
    folder = cache_folder(data_root(root), file_name(f"{data.name}+{extractor}")) / key[:16]
    _place(body, device)
    parts = []
    with locked(folder / ".lock"):
        for part in _PARTS:
            split, label = getattr(data, part), f"features of {dataset}, {part}"
            features = _read(folder, part, len(split))
            if features is None:
                keeper = Keeper("load_features", folder / f".{part}.checkpoint", time_limit=left())
                features = _extract(body, split, label, progress, keeper, f"{key} {part}")
                _write(folder, part, features)
                keeper.path.unlink(missing_ok=True)
            parts.append(features)
    return _with_features(data, body, parts)


def file_name(dataset: str) -> str:
    """A data set's name as that of a file or folder, on any system: "mnist+saved:a/b" holds what a name must not."""
    return dataset.replace("/", "_").replace(":", "_")


def _place(extractor: Extractor, device: torch.device | str | None) -> None:
    # Channels last: on a CPU the depthwise convolutions of mobile nets take a third of the time so.
    extractor.body.to(pick_device(device), memory_format=torch.channels_last)


class _Extraction:
    """Features of the first images of a split, as a Keeper saves them."""

    def __init__(self, size: int):
        self.size = size  # images a batch
        self.step = 0  # batches done
        self.found: list[Tensor] = []
        self.clock = Clock()

    def saved(self) -> tuple[dict, list[tuple[str, Tensor]]]:
        return {"step": self.step, "size": self.size}, [("features", torch.cat(self.found))]

    def restore(self, plain: dict, tensors: dict[str, Tensor]) -> None:
        self.step, self.size, self.found = plain["step"], plain["size"], [tensors["features"]]


def _extract(
    extractor: Extractor,
    split: Split,
    label: str,
    progress: bool,
    keeper: Keeper,
    key: str,
    batch_size: int | None = None,
) -> Tensor:
    """Features `(N, num_features)` of a split, gone on with where the keeper has some of them."""
    on_gpu = any(parameter.is_cuda for parameter in extractor.body.parameters())
    done = keeper.resume(key, lambda: _Extraction(batch_size or (200 if on_gpu else 10)))
    n_steps = math.ceil(len(split) / done.size)
    done.clock.start()
    for step in Progress(done.step, n_steps, progress, label):
        done.found.append(extractor(split, slice(step * done.size, min((step + 1) * done.size, len(split)))).cpu())
        done.step = step + 1
        keeper.after_step(done, n_steps)
    return torch.cat(done.found)


def _with_features(data: DataSet, extractor: Extractor, parts: list[Tensor]) -> DataSet:
    images = [part.view(*part.shape, 1, 1) for part in parts]
    statistics = Statistics.of(images[0])
    splits = [
        Split(features, getattr(data, part).labels, statistics) for features, part in zip(images, _PARTS, strict=True)
    ]
    about = {"kind": "features", "extractor": extractor.name, "extractor_sha256": extractor.sha256}
    card = {**data.card, **about, "name": f"{data.name}+{extractor.name}", "images_sha256": data.sha256}
    return DataSet(*splits, card, data.source)


def _write(folder: Path, part: str, features: Tensor) -> None:
    """A file whose name holds the start of its own SHA-256."""
    content = io.BytesIO()
    np.save(content, features.numpy(), allow_pickle=False)
    digest = hashlib.sha256(content.getbuffer()).hexdigest()
    write_whole(folder / f"{part}-{digest[:16]}.npy", content.getvalue())


def _read(folder: Path, part: str, count: int) -> Tensor | None:
    """Features of `count` images that were kept, if they are there and whole."""
    for path in folder.glob(f"{part}-*.npy"):
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if path.stem != f"{part}-{digest[:16]}":
                raise ValueError("its SHA-256 is another")
            features = np.load(path, mmap_mode="r")  # takes no memory, whatever its header claims
            if len(features) != count:
                raise ValueError(f"it has {len(features):,} images of {count:,}")
            return torch.from_numpy(np.array(features))
        except ValueError as damage:
            set_aside(path, damage, "its features are computed again")
    return None
