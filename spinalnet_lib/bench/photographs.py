"""Rows of photographs: whether training waits for its pictures."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from ..checks import needs
from ..data.photos import Photos
from ..data.splits import Split
from ..models.classifier import create_model
from ..training.batches import Batches
from ..training.recipes import transfer_recipe
from ..training.runs import initialise
from ..training.steps import fast_ways, make_optimizer, make_step, to_training_mode
from .measure import compare_times, waited_for

_EPOCH = 4  # batches


def photo_rows(
    device: torch.device | str = "cpu", batch_size: int = 8, size: int = 224, pairs: int = 7
) -> Iterator[dict]:
    """A step of the transfer recipe on photographs, taken from their memory map and warped, against one on a batch at hand."""
    device = torch.device(device)
    config = replace(transfer_recipe(), batch_size=batch_size, start="seed")
    model = create_model("torchvision:resnet18", "spinal", 2, image_size=size, layer_width=20, num_layers=4)
    initialise(model, 0)
    model.to(device, memory_format=torch.channels_last)
    with tempfile.TemporaryDirectory() as folder, fast_ways(model, config, device):
        split = _photographs(Path(folder), _EPOCH * batch_size, size).seen_by(model).to(device)
        batches = Batches(split, config, torch.Generator(device).manual_seed(0))
        step = make_step(model, make_optimizer(model, config, device), config)
        order, positions = torch.randperm(len(split)), itertools.cycle(range(_EPOCH))
        at_hand = batches.take(order, 0)  # and all are decoded
        to_training_mode(model)
        ours = waited_for(lambda: step(*batches.take(order, next(positions))), device)
        theirs = waited_for(lambda: step(*at_hand), device)
        name = f"resnet18 + spinal at {size} pixels, training step, batch {batch_size}, from photographs"
        peer = "the same step on one batch at hand"
        yield compare_times(name, peer, ours, theirs, pairs) | {"promised": 2.0}


def _photographs(folder: Path, count: int, size: int) -> Split:
    """Noise as JPEG files of the size of a photograph, in two classes."""
    with needs("data"):
        from PIL import Image

    generator = torch.Generator().manual_seed(0)
    files = [folder / f"{i}.jpg" for i in range(count)]
    for file in files:
        noise = torch.randint(0, 256, (375, 500, 3), generator=generator, dtype=torch.uint8)
        Image.fromarray(noise.numpy()).save(file)
    return Split(Photos(files, size, folder / "decoded"), torch.arange(count) % 2)
