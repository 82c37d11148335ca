"""Rows of stacked runs: sixteen seeds at once against the library's own loop, one seed after another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from ..data.splits import DataSet, Split
from ..models.classifier import create_model
from ..training.config import TrainConfig
from ..training.loop import train
from ..training.stacked.loop import Member, train_stacked
from .measure import ratio_row

SEEDS = 16
# Head, features, arguments, steps and how many times as fast was promised: the 2-conv CNN's two, VGG-5's width, and the
# features of EfficientNet-Lite0.
_SHAPES = (
    ("spinal", 320, {"layer_width": 8, "num_layers": 6}, 500, 5),
    ("mlp", 320, {"hidden_sizes": 26}, 500, 5),
    ("spinal", 256, {"layer_width": 26}, 500, 5),
    ("spinal", 256, {"layer_width": 128}, 200, 2.5),
    ("spinal", 1280, {"layer_width": 128}, 100, 1.8),
)
_RECIPE = TrainConfig(optimizer="adamw", learning_rate=0.003, weight_decay=0.01, batch_size=128)


def stacked_rows(pairs: int = 3) -> Iterator[dict]:
    """Whole runs, evaluation included, on generated features; the same recipe and number of threads on both sides."""
    for head, in_features, arguments, steps, promised in _SHAPES:
        data = _clouds(in_features)
        run = partial(_seconds, data, head, arguments)
        run(2, True), run(2, False)  # warm-up
        ratios = [run(steps, True) / run(steps, False) for _ in range(pairs)]
        width = arguments.get("layer_width", arguments.get("hidden_sizes"))
        name = f"{SEEDS} seeds stacked: {head} of width {width} on {in_features:,} features"
        yield ratio_row(name, "the same runs one after another with train", ratios, 1 / promised)


def _seconds(data: DataSet, head: str, arguments: dict, steps: int, stacked: bool) -> float:
    """Of sixteen seeds of one head on one set of features, in one stack or one by one."""
    recipe, in_chans = replace(_RECIPE, steps=steps, stacked=stacked), data.train.images.shape[1]
    models = [create_model("pixels", head, 10, in_chans, 1, **arguments) for _ in range(SEEDS)]
    start = time.perf_counter()
    if stacked:
        train_stacked(data, [Member(model, recipe, seed) for seed, model in enumerate(models)], "cpu", False)
    else:
        for seed, model in enumerate(models):
            train(model, data, recipe, seed, "cpu", False)
    return time.perf_counter() - start


def _clouds(in_features: int) -> DataSet:
    """Features of ten classes; as many to train on as a small data set has."""
    generator, examples = torch.Generator().manual_seed(0), 12_000
    labels = torch.arange(examples) % 10
    centres = torch.randn(10, in_features, generator=generator)
    images = centres[labels] + 4 * torch.randn(examples, in_features, generator=generator)
    images = images.view(examples, in_features, 1, 1)
    parts = (slice(0, 10_000), slice(10_000, 11_000), slice(11_000, None))
    splits = [Split(images[i], labels[i]) for i in parts]
    return DataSet(*splits, {"name": "clouds", "num_classes": 10}, "generated")
