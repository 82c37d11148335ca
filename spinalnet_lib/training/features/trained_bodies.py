"""Frozen bodies that were trained on the data set they read: "trained:two_conv-linear-0" is the 2-conv CNN, trained
under a linear head with seed 0. They are trained when first asked for, and kept.
"""

from __future__ import annotations

import os
import re
import time

import torch

from ...data.photos import cache_folder
from ...data.splits import DataSet
from ...files import locked
from ...machine import one_thread, pick_device
from ...models.classifier import create_model
from ...models.saved import load_model, save_model
from ...models.sizes import arm_arguments
from ...paths import data_root
from ..keeper import set_aside
from ..loop import train
from ..recipes import tuned_recipe
from ..runs import run_key
from .extractors import Extractor, body_extractor

TRAINED = "trained:"
_RATE = 0.003  # of all bodies; their heads, which are thrown away, have no dropout
_NAME = re.compile(r"(?P<backbone>\w+)-(?P<head>\w+)-(?P<seed>\d+)")


def trained_body(
    name: str,
    data: DataSet,
    root: str | os.PathLike | None = None,
    device: torch.device | str | None = None,
    progress: bool = True,
    time_limit: float | None = None,
) -> Extractor:
    """The body of a name "trained:BACKBONE-HEAD-SEED" for `data`, trained with the study's recipe on training images only.

    On one thread, so that the weights are the same however many there are. Raises ValueError for another name; OutOfTime
    where the training did not end within `time_limit` seconds, and the same call goes on with it.
    """
    match = _NAME.fullmatch(name.removeprefix(TRAINED))
    if match is None:
        raise ValueError(
            f"extractor {name!r} is no trained body; write trained:two_conv-linear-0, the last is the seed"
        )
    backbone, head, seed = match["backbone"], match["head"], int(match["seed"])
    model = create_model(
        backbone,
        head,
        data.card["num_classes"],
        in_chans=data.train.images.shape[1],
        **arm_arguments(head, 0.0, backbone),
    )
    config, device, began = tuned_recipe(_RATE), pick_device(device), time.monotonic()
    with one_thread():
        key = run_key(model, data, config, seed, device)
        folder = cache_folder(data_root(root), "trained_bodies")
        path = folder / f"{data.name}-{match[0]}-{key[:16]}.npz"
        checkpoint = folder / f".{path.name}.checkpoint"
        with locked(folder / f".{path.name}.lock"):  # a second process waits for the first one's
            if path.exists():
                try:
                    return body_extractor(load_model(path), name)
                except ValueError as error:
                    set_aside(path, error, "the body is trained again")
            left = None if time_limit is None else time_limit - (time.monotonic() - began)
            train(model, data, config, seed, device, progress, checkpoint, time_limit=left)
            save_model(model, path)
            checkpoint.unlink(missing_ok=True)
            return body_extractor(load_model(path), name)
