"""Rows, figures and a profile of one GPU: VGG-5 with augmentation against the published way on the same GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch

from ..data.splits import DataSet, Split
from ..datasets import load_dataset
from ..heads.counting import measured_cost
from ..models.classifier import Classifier, create_model
from ..models.sizes import paper_head
from ..training.config import TrainConfig
from ..training.loop import train
from ..training.recipes import published_recipe, tuned_recipe
from ..training.runs import initialise
from ..training.steps import Step, idle_biases, make_optimizer, make_step
from .measure import compare_times, ratio_row, seconds_of
from .published_way import pil_loader, train_epoch

EPOCH = 60_000  # images, as the paper counts: training and validation data
LARGE = 1000  # images a step that keep a GPU busy
_PEER = "the published way: PIL images, DataLoader, batch 100"
_MATRIX = 8192

# What a kernel does, by a part of its name; the first that fits.
_KINDS = {
    "convolution and matrix products": ("gemm", "cutlass", "xmma", "nvjet", "conv", "cudnn::engines"),
    "batch norm": ("batch_norm", "batchnorm"),
    "optimizer": ("multi_tensor_apply",),
    "pooling": ("pool",),
    "casts and copies": ("copy", "nchwToNhwc", "nhwcToNchw", "Memcpy", "Memset"),
    "reductions": ("reduce",),
}
_OTHER = "elementwise and other"


def device_rows(device: torch.device, pairs: int = 5) -> Iterator[dict]:
    """Ratios on a GPU: an epoch against the published way, and each thing that makes a step fast on and off."""
    data = load_dataset("mnist")
    ratios: dict[int, list[float]] = {}
    _seconds_an_image_published(data, device)  # warm-up
    for seed in range(pairs):
        theirs = _seconds_an_image_published(data, device)
        for batch, config in _recipes().items():
            ratios.setdefault(batch, []).append(seconds_an_image(data, config, device, seed) / theirs)
    for batch, found in ratios.items():
        promised = 1 / 50 if batch == max(ratios) else None  # of the batch that keeps a GPU busy
        yield ratio_row(f"VGG-5 with augmentation, an epoch, batch {batch}", _PEER, found, promised)
    for batch, config in _recipes().items():
        measured = {
            how: _step(data, config, device, how)
            for how in ("captured", "uncaptured", "all biases", "plain", "compiled")
        }
        took = seconds_of(measured["compiled"])
        name = f"VGG-5 training step, batch {batch}, fast"
        for how, peer in (
            ("uncaptured", "the same, launched kernel by kernel"),
            ("all biases", "the same, with gradients of the biases before a BatchNorm"),
            ("compiled", f"the same, compiled, which took {took:.0f} s first"),
            ("plain", "the plain step, in float32"),
        ):
            yield compare_times(name, peer, measured["captured"], measured[how], pairs=10)


def device_figures(device: torch.device) -> list[dict]:
    """Absolute figures of a GPU, which is one machine: seconds an epoch, products a second, and their share of the peak."""
    data = load_dataset("mnist")
    peak = matmul_flops(device)
    figures = [{"name": "bfloat16 matrix product of 8,192 by 8,192", "value": peak / 1e12, "unit": "TFLOP/s"}]
    for batch, config in _recipes().items():
        seconds = seconds_an_image(data, config, device, 0)
        model = _vgg5()
        # A step takes the products of the forward pass three times: forward, to the weights, to what comes before.
        products = 3 * measured_cost(model, data.train.images.shape[1:]).macs
        flops = 2 * products / seconds
        figures += [
            {
                "name": f"VGG-5 with augmentation, an epoch of 60,000, batch {batch}",
                "value": seconds * EPOCH,
                "unit": "s",
                **({"promised": 0.5} if batch == LARGE else {}),
            },
            {"name": f"VGG-5 with augmentation, batch {batch}", "value": flops / 1e12, "unit": "TFLOP/s"},
            {"name": f"VGG-5 with augmentation, batch {batch}", "value": flops / peak, "unit": "of the matrix peak"},
        ]
    seconds = _seconds_an_image_published(data, device)
    figures.append({"name": "the published way, an epoch of 60,000", "value": seconds * EPOCH, "unit": "s"})
    return [{**figure, "value": float(f"{figure['value']:.4g}")} for figure in figures]


def profile_step(device: torch.device, steps: int = 20) -> list[dict]:
    """Where a step of VGG-5 goes, by kind of kernel: microseconds a step, kernels a step and share of the wall time."""
    from torch.profiler import ProfilerActivity, profile

    data, rows = load_dataset("mnist"), []
    for batch, config in _recipes().items():
        step = _step(data, config, device, "captured")
        step()
        wall = seconds_of(step, steps) / steps * 1e6
        with profile(activities=[ProfilerActivity.CUDA]) as measured:
            for _ in range(steps):
                step()
        found: dict[str, list[float]] = {}
        for event in measured.key_averages():
            entry = found.setdefault(_kind(event.key), [0.0, 0.0])
            entry[0] += event.self_device_time_total / steps
            entry[1] += event.count / steps
        found["between kernels"] = [max(0.0, wall - sum(time for time, _ in found.values())), 0]
        for kind, (micros, kernels) in sorted(found.items(), key=lambda item: -item[1][0]):
            rows.append(
                {
                    "batch": batch,
                    "kind": kind,
                    "microseconds": round(micros, 1),
                    "kernels": round(kernels, 1),
                    "share": round(micros / wall, 3),
                }
            )
    return rows


def seconds_an_image(data: DataSet, config: TrainConfig, device: torch.device, seed: int) -> float:
    """Of training in the steady state: three epochs more, so that neither warm-up nor the graph's recording counts."""
    runs = [
        train(_vgg5(), data, replace(config, steps=None, epochs=epochs), seed, device, progress=False).seconds
        for epochs in (1, 4)
    ]
    return (runs[1] - runs[0]) / (3 * len(data.train))


def matmul_flops(device: torch.device) -> float:
    """Floating-point operations a second of a large bfloat16 product: the median of ten."""
    a, b = (torch.randn(_MATRIX, _MATRIX, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = _waiting(lambda: a @ b)
    product()
    times = sorted(seconds_of(product) for _ in range(11))
    return 2 * _MATRIX**3 / times[5]


def _recipes() -> dict[int, TrainConfig]:
    published = published_recipe("vgg5")
    large = tuned_recipe(0.003, LARGE, published.augmentation)
    return {config.batch_size: replace(config, fast=True, warmup=0) for config in (published, large)}


def _seconds_an_image_published(data: DataSet, device: torch.device, images: int = 20_000) -> float:
    """The scripts' way on the first images; an epoch is as many times as long as it has more of them."""
    some = Split(data.train.images[:images], data.train.labels[:images], data.train.statistics)
    model = _vgg5().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    loader = pil_loader(some, 100, warped=True)
    return seconds_of(lambda: train_epoch(model, loader, optimizer)) / images


def _step(data: DataSet, config: TrainConfig, device: torch.device, how: str) -> Callable[[], object]:
    """A step on one batch, waited for: as a fast run takes it ("captured"), or otherwise in one thing."""
    images, labels = data.train.to(device).batch(torch.arange(config.batch_size, device=device))
    model = _vgg5()
    initialise(model, 0)
    config = replace(config, fast=how != "plain")
    model.to(device, memory_format=torch.channels_last if config.fast else torch.preserve_format).train()
    for bias in idle_biases(model) if how not in ("plain", "all biases") else ():
        bias.requires_grad_(False)
    called = torch.compile(model) if how == "compiled" else model
    step: Step = make_step(called, make_optimizer(model, config, device), config)
    if how == "uncaptured":
        step = step.step
    return _waiting(partial(step, images, labels))


def _waiting(fn: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        fn()
        torch.cuda.synchronize()

    return run


def _vgg5() -> Classifier:
    return create_model("vgg5", "spinal", 10, **paper_head("vgg5", "spinal"))


def _kind(kernel: str) -> str:
    return next((kind for kind, parts in _KINDS.items() if any(part in kernel for part in parts)), _OTHER)
