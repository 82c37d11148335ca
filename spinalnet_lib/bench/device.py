"""Rows, figures and a profile of one GPU: VGG-5 with augmentation against the published way on the same GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

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
from .measure import compare_times, ratio_row, seconds_of, waited_for
from .steps import pil_loader, train_epoch, training_step

CUDA = torch.device("cuda")
EPOCH = 60_000  # images, as the paper counts: training and validation data
LARGE = 1000  # images a step that keep a GPU busy
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


def device_rows() -> Iterator[dict]:
    """Ratios on a GPU: an epoch against the published way, and each thing that makes a step fast on and off."""
    data = load_dataset("mnist")
    ratios: dict[int, list[float]] = {}
    _seconds_an_image_published(data)  # warm-up
    for seed in range(5):
        theirs = _seconds_an_image_published(data)
        for batch, config in _recipes().items():
            ratios.setdefault(batch, []).append(_seconds_an_image(data, config, seed) / theirs)
    for batch, found in ratios.items():
        promised = 1 / 50 if batch == LARGE else None
        peer = "the published way: PIL images, DataLoader, batch 100"
        yield ratio_row(f"VGG-5 with augmentation, an epoch, batch {batch}", peer, found, promised)
    for batch, config in _recipes().items():
        step = {way: _step(data, config, way) for way in ("fast", "uncaptured", "all biases", "plain", "compiled")}
        took = seconds_of(step["compiled"])
        for way, peer in (
            ("uncaptured", "the same, launched kernel by kernel"),
            ("all biases", "the same, with gradients of the biases before a BatchNorm"),
            ("compiled", f"the same, compiled, which took {took:.0f} s first"),
            ("plain", "the plain step, in float32"),
        ):
            yield compare_times(f"VGG-5 training step, batch {batch}, fast", peer, step["fast"], step[way], pairs=10)


def figures_and_profile() -> dict[str, list[dict]]:
    """What else a report of a GPU holds, printed: absolute figures of this one, and where a step's time goes."""
    figures, profile = device_figures(), profile_step()
    for figure in figures:
        print(f"{figure['name']:74} {figure['value']:g} {figure['unit']}")
    for part in profile:
        print(f"step of batch {part['batch']:5}: {part['kind']:40} {part['share']:6.1%}")
    return {"figures": figures, "profile": profile}


def device_figures() -> list[dict]:
    """Seconds an epoch, products a second, and their share of what the GPU's matrix product reaches."""
    data, peak = load_dataset("mnist"), _matmul_flops()
    found = [("bfloat16 matrix product of 8,192 by 8,192", peak / 1e12, "TFLOP/s")]
    for batch, config in _recipes().items():
        seconds = _seconds_an_image(data, config, 0)
        # A step takes the products of the forward pass three times: forward, to the weights, to what comes before.
        flops = 2 * 3 * measured_cost(_vgg5(), data.train.images.shape[1:]).macs / seconds
        name = f"VGG-5 with augmentation, batch {batch}"
        found.append((f"VGG-5 with augmentation, an epoch of 60,000, batch {batch}", seconds * EPOCH, "s"))
        found += [(name, flops / 1e12, "TFLOP/s"), (name, flops / peak, "of the matrix peak")]
    found.append(("the published way, an epoch of 60,000", _seconds_an_image_published(data) * EPOCH, "s"))
    figures = [{"name": name, "value": float(f"{value:.4g}"), "unit": unit} for name, value, unit in found]
    promised = f"an epoch of 60,000, batch {LARGE}"
    return [figure | ({"promised": 0.5} if figure["name"].endswith(promised) else {}) for figure in figures]


def profile_step() -> list[dict]:
    """Where a step of VGG-5 goes, by kind of kernel: microseconds a step, kernels a step and share of the wall time."""
    from torch.profiler import ProfilerActivity, profile

    data, rows, steps = load_dataset("mnist"), [], 20
    for batch, config in _recipes().items():
        step = _step(data, config, "fast")
        step()
        wall = seconds_of(step, steps) / steps * 1e6
        with profile(activities=[ProfilerActivity.CUDA]) as measured:
            for _ in range(steps):
                step()
        found: dict[str, list[float]] = {}
        for event in measured.key_averages():
            entry = found.setdefault(kind_of(event.key), [0.0, 0.0])
            entry[0] += event.self_device_time_total / steps
            entry[1] += event.count / steps
        found["between kernels"] = [max(0.0, wall - sum(time for time, _ in found.values())), 0]
        for kind, (micros, kernels) in sorted(found.items(), key=lambda item: -item[1][0]):
            values = {"microseconds": round(micros, 1), "kernels": round(kernels, 1), "share": round(micros / wall, 3)}
            rows.append({"batch": batch, "kind": kind, **values})
    return rows


def kind_of(kernel: str) -> str:
    """What a kernel of this name does."""
    return next((kind for kind, parts in _KINDS.items() if any(part in kernel for part in parts)), _OTHER)


def _seconds_an_image(data: DataSet, config: TrainConfig, seed: int) -> float:
    """Of training in the steady state: three epochs more, so that neither warm-up nor the graph's recording counts."""
    one, four = (replace(config, steps=None, epochs=epochs) for epochs in (1, 4))
    short, long = (train(_vgg5(), data, recipe, seed, CUDA, progress=False).seconds for recipe in (one, four))
    return (long - short) / (3 * len(data.train))


def _seconds_an_image_published(data: DataSet) -> float:
    """The scripts' way on the first images; an epoch is as many times as long as it has more of them."""
    images = 20_000
    some = Split(data.train.images[:images], data.train.labels[:images], data.train.statistics)
    model = _vgg5().to(CUDA)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    loader = pil_loader(some, 100, warped=True)
    return seconds_of(lambda: train_epoch(model, loader, optimizer)) / images


def _matmul_flops() -> float:
    """Floating-point operations a second of a large bfloat16 product: the median of eleven."""
    a, b = (torch.randn(_MATRIX, _MATRIX, device=CUDA, dtype=torch.bfloat16) for _ in range(2))
    product = waited_for(lambda: a @ b, CUDA)
    product()
    return 2 * _MATRIX**3 / sorted(seconds_of(product) for _ in range(11))[5]


def _recipes() -> dict[int, TrainConfig]:
    published = published_recipe("vgg5")
    large = tuned_recipe(0.003, LARGE, published.augmentation)
    return {config.batch_size: replace(config, fast=True, warmup=0) for config in (published, large)}


def _step(data: DataSet, config: TrainConfig, way: str) -> Callable[[], None]:
    images, labels = data.train.to(CUDA).batch(torch.arange(config.batch_size, device=CUDA))
    model = _vgg5()
    initialise(model, 0)
    return training_step(model, images, labels, config, way)


def _vgg5() -> Classifier:
    return create_model("vgg5", "spinal", 10, **paper_head("vgg5", "spinal"))
