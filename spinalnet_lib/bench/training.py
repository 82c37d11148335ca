"""Rows of training: the race to 98.5 %, the fast step, augmentation, sweeps in two processes, records read."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from ..checks import needs
from ..data.augment import Augmentation
from ..data.splits import DataSet
from ..datasets import load_dataset
from ..models.classifier import create_model
from ..models.sizes import paper_head
from ..records.files import load_records
from ..study.cell import Cell
from ..study.sweep import sweep
from ..training.config import TrainConfig
from ..training.evaluation import evaluate
from ..training.loop import train
from ..training.recipes import quick_recipe, tuned_recipe
from ..training.runs import initialise
from ..training.steps import make_optimizer
from .measure import compare_times, ratio_row, seconds_of
from .steps import pil_loader, train_epoch, training_step

GOAL = 0.985  # accuracy on validation data, which of MNIST are 10,000 images of the training set
RECORDS = 10_000


def race_rows(pairs: int = 3, patience: float = 6.0) -> Iterator[dict]:
    """The 2-conv CNN on all of MNIST until it is right on 98.5 %: our quick recipe against the published way.

    The quick recipe has no dropout in the head: within few epochs that only slows the net down.
    The published way is stopped when it has taken `patience` times as long without getting there: then the ratio is an
    upper bound, and the row says so.
    """
    data, ratios, bounds = load_dataset("mnist"), [], 0
    for seed in range(pairs):
        ours = _seconds_ours(data, seed)
        theirs, arrived = _seconds_published(data, seed, ours * patience)
        ratios.append(ours / theirs)
        bounds += not arrived
    bound = f", stopped at {patience:g} times our time in {bounds} of {pairs} races: a bound" if bounds else ""
    name = "2-conv CNN on MNIST to 98.5 % on validation, quick recipe"
    yield ratio_row(name, f"the published way: SGD, PIL images, DataLoader{bound}", ratios, promised=1 / 5)


def _seconds_ours(data: DataSet, seed: int) -> float:
    """A whole run of the quick recipe: its accuracy at the end is at the goal, or the race is lost."""
    model = create_model("two_conv", "mlp", 10, **{**paper_head("two_conv", "mlp"), "drop_rate": 0.0})
    start = time.perf_counter()
    record = train(model, data, quick_recipe(), seed, "cpu", progress=False)
    if record.curve[-1]["val_error"] > 1 - GOAL:
        raise RuntimeError(f"the quick recipe ended at {record.outcome}, seed {seed}; the race is lost")
    return time.perf_counter() - start


def _seconds_published(data: DataSet, seed: int, limit: float) -> tuple[float, bool]:
    """Seconds until the goal, or until `limit`, and whether it got there; it is tested after each epoch, as published."""
    model, config = create_model("two_conv", "mlp", 10, **paper_head("two_conv", "mlp")), TrainConfig()
    initialise(model, seed)
    torch.manual_seed(seed)
    optimizer = make_optimizer(model, config, torch.device("cpu"))
    loader = pil_loader(data.train, config.batch_size)
    start = time.perf_counter()
    while True:
        train_epoch(model, loader, optimizer)
        arrived = evaluate(model, data.val)[0] >= GOAL
        seconds = time.perf_counter() - start
        if arrived or seconds > limit:
            return seconds, arrived


def step_rows() -> Iterator[dict]:
    """A step of two nets, fast and compiled, against the plain one."""
    for backbone, batch, pairs in (("two_conv", 128, 20), ("vgg5", 100, 7)):
        images, labels = torch.randn(batch, 1, 28, 28), torch.randint(10, (batch,))
        step = {}
        for way in ("plain", "fast", "compiled"):
            model = create_model(backbone, "spinal", 10, **paper_head(backbone, "spinal"))
            step[way] = training_step(model, images, labels, replace(tuned_recipe(0.003), fast=False), way)
        step["compiled"]()  # compiles
        for way in ("fast", "compiled"):
            name = f"{backbone} + spinal, training step, batch {batch}, {way}"
            yield compare_times(name, "the plain step", step[way], step["plain"], pairs)


def augmentation_rows() -> Iterator[dict]:
    """The paper's warps of MNIST, a batch at a time, against torchvision's, one PIL image at a time in one process."""
    with needs("data"):
        from PIL import Image
        from torchvision import transforms

    images = load_dataset("mnist_5k").train.images[:1000]
    pictures = [Image.fromarray(image.numpy()) for image in images[:, 0]]
    warps = [transforms.RandomPerspective(), transforms.RandomRotation(10, fill=(0,)), transforms.ToTensor()]
    each, generator = transforms.Compose(warps), torch.Generator().manual_seed(0)
    for how, separate in (("one pass", False), ("the paper's two passes", True)):
        warp = Augmentation(perspective=0.5, degrees=10, separate_passes=separate)
        name = f"perspective and rotation of 1,000 images of 28×28, {how}"
        ours, theirs = partial(warp, images, generator), lambda: torch.stack([each(picture) for picture in pictures])
        yield compare_times(name, "torchvision's PIL pipeline", ours, theirs, pairs=15)


def sweep_rows(pairs: int = 2, cells: Sequence[Cell] = ()) -> Iterator[dict]:
    """A sweep in two processes, from one server of them, against half the time of one process, which no two could beat."""
    recipe = replace(tuned_recipe(0.003), steps=200)
    head = paper_head("two_conv", "spinal")
    cells = cells or [Cell("mnist", "two_conv", "spinal", seed, recipe, head) for seed in range(24)]
    for engine, workers in (("serial", 1), ("process", 2)):  # warm-up, which also starts the server of processes
        _sweep_seconds(cells[:workers], engine, workers)
    serial, ratios = 0.0, []
    for _ in range(pairs):
        serial = _sweep_seconds(cells, "serial", 1)
        ratios.append(_sweep_seconds(cells, "process", 2) / (serial / 2))
    name = f"sweep of {len(cells)} runs of {serial / len(cells):.1f} s in two processes"
    yield ratio_row(name, "half the time of one process", ratios, promised=1 / 0.9)


def _sweep_seconds(cells: Sequence[Cell], engine: str, workers: int) -> float:
    threads, start = torch.get_num_threads(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        left = sweep(cells, folder, engine=engine, workers=workers, device="cpu")
    torch.set_num_threads(threads)  # a sweep in this process leaves it at one
    if left:
        raise RuntimeError(f"{len(left)} of {len(cells)} runs failed, so their time says nothing")
    return time.perf_counter() - start


def record_rows() -> Iterator[dict]:
    """Reading records against parsing their lines as JSON and nothing else."""
    model = create_model("pixels", "spinal", 10, image_size=8, layer_width=8)
    record = train(model, load_dataset("digits"), TrainConfig(epochs=8), 0, "cpu", progress=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.jsonl"
        path.write_text((record.to_json() + "\n") * RECORDS, encoding="utf-8")
        seconds = seconds_of(lambda: load_records(path))

        def parsed() -> list[dict]:
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

        name, theirs = f"{RECORDS:,} records read and checked, {seconds:.1f} s", "json.loads of the lines"
        yield compare_times(name, theirs, partial(load_records, path), parsed, pairs=5)
