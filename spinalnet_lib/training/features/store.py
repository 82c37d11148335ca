"""Features of a data set by a frozen body, computed once and kept: heads train on them as on any data set.

`load_dataset("mnist_5k+efficientnet_lite0")` is the same by name. What is kept is found by the hash of the images and of
the body: a Keeper's file a split, which is checked when it is read.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable

import torch
from torch import Tensor

from ...checks import check_int
from ...data.cards import find_set
from ...data.loading import load_images
from ...data.photos import cache_folder
from ...data.splits import DataSet, Split, Statistics
from ...files import locked
from ...machine import pick_device
from ...models.classifier import Classifier
from ..keeper import Clock, Keeper
from ..progress import Progress
from .extractors import Extractor, body_extractor, create_extractor
from .trained_bodies import TRAINED, trained_body


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
    return _extract(extractor, data, device, progress, lambda part: Keeper("extract_features", None), batch_size)


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

    def left() -> float | None:
        return None if time_limit is None else time_limit - (time.monotonic() - began)

    dataset, root = find_set(dataset, root)
    data = load_images(dataset, root, download)
    trained = extractor.startswith(TRAINED)
    body = trained_body(extractor, data, root, device, progress, left()) if trained else create_extractor(extractor)
    key = hashlib.sha256(f"{data.sha256} {body.sha256}".encode()).hexdigest()
    folder = cache_folder(root, file_name(f"{data.name}+{extractor}")) / key[:16]
    with locked(folder / ".lock"):
        return _extract(
            body, data, device, progress, lambda part: Keeper("load_features", folder / f"{part}.npz", 60.0, left())
        )


def file_name(dataset: str) -> str:
    """A data set's name as that of a file or folder, on any system: "mnist+saved:a/b" holds what a name must not."""
    return dataset.replace("/", "_").replace(":", "_")


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
    data: DataSet,
    device: torch.device | str | None,
    progress: bool,
    keeper_of: Callable[[str], Keeper],
    batch_size: int | None = None,
) -> DataSet:
    """Features of all parts, gone on with where the keeper of a part has some or all of them."""
    device = pick_device(device)
    # Channels last: on a CPU the depthwise convolutions of mobile nets take a third of the time so.
    extractor.body.to(device, memory_format=torch.channels_last)
    size = batch_size or (200 if device.type == "cuda" else 10)
    images = []
    for part in ("train", "val", "test"):
        split, keeper = getattr(data, part), keeper_of(part)
        done = keeper.resume(f"{part} of {data.sha256} by {extractor.sha256}", lambda: _Extraction(size))
        n_steps = math.ceil(len(split) / done.size)
        if done.step < n_steps:
            done.clock.start()
            for step in Progress(done.step, n_steps, progress, f"features of {data.name}, {part}"):
                done.found.append(extractor(split, slice(step * done.size, (step + 1) * done.size)).cpu())
                done.step = step + 1
                keeper.after_step(done, n_steps)
            keeper.save(done)
        images.append(torch.cat(done.found)[:, :, None, None])
    statistics = Statistics.of(images[0])
    parts = zip(images, (data.train, data.val, data.test), strict=True)
    about = {"kind": "features", "extractor": extractor.name, "extractor_sha256": extractor.sha256}
    card = {**data.card, **about, "name": f"{data.name}+{extractor.name}", "images_sha256": data.sha256}
    return DataSet(*(Split(features, split.labels, statistics) for features, split in parts), card, data.source)
