"""`spinalnet selftest`: is this machine fit for the study? The first command on a new GPU; needs torch and numpy only.

Every recipe takes 20 steps on generated images, and whatever runs a faster way on this device is compared with the plain
way on the CPU. On a CPU the batches of the large bodies are small, so that it takes not much more than a minute there.
"""

from __future__ import annotations

import copy
import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data.augment import Augmentation, Warps
from ..data.regression import regression_data
from ..data.splits import DataSet, Split
from ..heads.registry import create_head, head_arguments, list_heads
from ..machine import OutOfTime, pick_device
from ..models.bodies import create_backbone
from ..models.classifier import create_model
from ..models.sizes import arm_arguments, list_paper_heads, paper_head, primary_arms
from ..records.record import Record
from ..study.tiers import TIERS
from ..training.config import TrainConfig
from ..training.loop import train
from ..training.recipes import (
    TUNING_RATES,
    published_recipe,
    quick_recipe,
    redraw_recipe,
    regression_recipe,
    tuned_recipe,
)
from ..training.stacked.loop import Member, train_stacked

STEPS = 20
CLASSES = 10
_ROUNDING = 2e-4  # of float32, after a head or a warp
_HALF = 0.05  # of bfloat16, after a run
_WARP = Augmentation(perspective=0.5, degrees=10)
# One architecture serves all heads: sizes are named where a head needs others.
_SIZES = {
    "linear": {},
    "mlp": {"hidden_sizes": (12,)},
    "spinal_big": {"hidden_sizes": (12,)},
    "spinal_spatial": {"layer_width": 12, "num_splits": 4},
    "spinal_columns": {"column_sizes": (32, 32), "num_layers": (2, 2), "layer_width": 12, "hidden_size": 8},
}


def selftest(device: torch.device | str | None = None) -> int:
    """Run all checks on a device, print a line for each, and return how many failed."""
    device = pick_device(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"selftest on {name}, torch {torch.__version__}")
    start, failed = time.perf_counter(), 0
    for what, check in _checks(device):
        began = time.perf_counter()
        try:
            found, good = check()
        except Exception as error:  # whatever it is, it is this check's finding, and the others go on
            found, good = f"{type(error).__name__}: {error}"[:300], False
        failed += not good
        print(f"{'ok    ' if good else 'FAILED'} {what}: {found} ({time.perf_counter() - began:.1f} s)", flush=True)
    print(f"{'all good' if not failed else f'{failed} FAILED'}, {time.perf_counter() - start:.0f} s")
    return failed


Check = Callable[[], tuple[str, bool]]  # what was found, and whether it is good


def _checks(device: torch.device) -> Iterator[tuple[str, Check]]:
    for name in list_heads():
        yield f"head {name} equals its reference", partial(_head_equals_reference, name, device)
    yield "a warp is the CPU's", partial(_warp_equals_cpu, device)
    yield "a run goes on from its checkpoint", partial(_goes_on, device)
    yield from _recipes(device)


def _recipes(device: torch.device) -> Iterator[tuple[str, Check]]:
    """Every recipe, on every body that has it."""
    spine = {"layer_width": 8}
    for rate in (TUNING_RATES[0], TUNING_RATES[-1]):
        config = tuned_recipe(rate)
        yield f"tuned recipe, learning rate {rate:g}", partial(_trains, "two_conv", "spinal", spine, config, device)
    yield "quick recipe", partial(_trains, "two_conv", "spinal", spine, quick_recipe(), device)
    yield "recipe of the regressions", partial(_trains, "pixels", "spinal", spine, regression_recipe(), device)
    yield "stacked recipe", partial(_stack_trains, device)
    for backbone, head in list_paper_heads():
        # The bodies' spinal heads and what they replace have one recipe.
        config = published_recipe(backbone.removesuffix("_cells"))
        sizes = paper_head(backbone, head)
        yield f"published recipe, {backbone} + {head}", partial(_trains, backbone, head, sizes, config, device)
    yield (
        "redraws, vgg5",
        partial(_trains, "vgg5", "spinal", paper_head("vgg5", "spinal"), redraw_recipe("vgg5"), device),
    )
    for name in "GHT":
        plan = TIERS[name]
        for backbone in plan.backbones(plan.datasets[0]):
            if backbone == "efficientnet_lite0" and importlib.util.find_spec("efficientnet_lite_pytorch") is None:
                yield f"tier {name}, {backbone}", lambda: ("left out, as its packages are not installed", True)
                continue
            head, *_ = primary_arms(backbone)
            config = plan.recipe(backbone, plan.datasets[0], TUNING_RATES[0])
            sizes = arm_arguments(head, 0.5, backbone)
            yield f"tier {name}, {backbone} + {head}", partial(_trains, backbone, head, sizes, config, device)


def _trains(backbone: str, head: str, sizes: dict, config: TrainConfig, device: torch.device) -> tuple[str, bool]:
    if config.loss == "mse":
        data = regression_data("regression_sum", 0)
    else:
        body = create_backbone(backbone)
        data = _images(body.in_chans, min(body.image_size, 64))
    channels, _, side = data.train.images.shape[1:]
    model = create_model(backbone, head, data.card["num_classes"], channels, side, **sizes)
    batch_size = config.batch_size
    if device.type == "cpu" and (side > 28 or backbone == "vgg5"):  # for a GPU, all of these
        batch_size = 2 if side > 32 else 8
    record = train(model, data, _shortened(config, batch_size, fast=True), 0, device, progress=False)
    return _found(record)


def _stack_trains(device: torch.device) -> tuple[str, bool]:
    config = _shortened(replace(tuned_recipe(TUNING_RATES[0]), fast=False, stacked=True), 128)
    members = [Member(create_model("pixels", "spinal", CLASSES, layer_width=8), config, seed) for seed in range(4)]
    return _found(train_stacked(_images(1, 28), members, device, progress=False)[0])


def _shortened(config: TrainConfig, batch_size: int, **changes) -> TrainConfig:
    warmup = min(config.warmup, STEPS // 2)
    return replace(config, steps=STEPS, epochs=None, warmup=warmup, batch_size=batch_size, **changes)


def _found(record: Record) -> tuple[str, bool]:
    speed = f"{record.images_per_second:,.0f} images/s, loss {record.curve[-1]['train_loss']}"
    return speed, not record.diverged and record.curve[-1]["step"] == STEPS


def _head_equals_reference(name: str, device: torch.device) -> tuple[str, bool]:
    """Logits and gradients on the device against those in float64 on the CPU."""
    torch.manual_seed(0)
    head = create_head(name, 64, CLASSES, **_sizes(name)).eval()
    x = torch.randn(32, 64)
    expected = _logits_and_gradients(copy.deepcopy(head).double(), x.double())
    found = _logits_and_gradients(head.to(device), x.to(device))
    return _compare(found, expected, _ROUNDING)


def _sizes(name: str) -> dict:
    """A small size for each argument that a head must be given."""
    sizes = {"layer_width": 12, "hidden_sizes": 12, "column_sizes": (32, 32)}
    return {argument: sizes[argument] for argument in head_arguments(name) if argument in sizes}


def _logits_and_gradients(head: nn.Module, x: Tensor) -> list[Tensor]:
    logits = head(x)
    logits.square().mean().backward()
    return [logits, *(parameter.grad for parameter in head.parameters())]


def _warp_equals_cpu(device: torch.device) -> tuple[str, bool]:
    """A batch on the device against its images one by one on the CPU."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(100, 3, 32, 32, generator=generator)
    warps = _WARP.draw(len(images), 32, 32, generator)
    on_device = _WARP.apply(images.to(device), _each(warps, lambda part: part.to(device)))
    on_cpu = [_WARP.apply(images[[i]], _each(warps, lambda part, i=i: part[[i]])) for i in range(len(images))]
    return _compare([on_device], [torch.cat(on_cpu)], _ROUNDING)


def _each(warps: Warps, change: Callable[[Tensor], Tensor]) -> Warps:
    return Warps(*(part if part is None else change(part) for part in warps))


def _goes_on(device: torch.device) -> tuple[str, bool]:
    """A run cut off after each of its first steps, then left to end, against the same run in one go."""
    config = TrainConfig("adam", 0.003, steps=STEPS, batch_size=100, augmentation=_WARP, fast=True)

    def run(checkpoint: Path | None, time_limit: float | None = None) -> float:
        model = create_model("two_conv", "spinal", CLASSES, layer_width=8)
        record = train(model, _images(1, 28), config, 0, device, False, checkpoint, time_limit=time_limit)
        return record.curve[-1]["train_loss"]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        for _ in range(3):
            with suppress(OutOfTime):
                run(path, time_limit=0)
        whole, again = run(None), run(path)
    # A GPU may add in another order each time; on a CPU the bits are the same.
    return f"losses {whole} and {again}", abs(whole - again) < (_HALF if device.type == "cuda" else 1e-12)


def _compare(found: list[Tensor], expected: list[Tensor], tolerance: float) -> tuple[str, bool]:
    """The largest difference, relative to the largest value of its tensor."""
    worst = max(
        ((a.detach().double().cpu() - b.detach().double().cpu()).abs().max() / b.abs().max().clamp(min=1e-6)).item()
        for a, b in zip(found, expected, strict=True)
    )
    return f"largest difference {worst:.1e} of {tolerance:g}", worst < tolerance


@cache
def _images(channels: int, side: int) -> DataSet:
    """Ten blurred patterns in noise: enough to train on where no data set is."""
    generator = torch.Generator().manual_seed(0)
    patterns = torch.rand(CLASSES, channels, 4, 4, generator=generator)
    patterns = nn.functional.interpolate(patterns, size=(side, side), mode="bilinear")
    labels = torch.arange(2000) % CLASSES
    noise = torch.rand(len(labels), channels, side, side, generator=generator)
    images = ((patterns[labels] + noise) * 127).to(torch.uint8)
    parts = [Split(images[i], labels[i]) for i in (slice(0, 1600), slice(1600, 1800), slice(1800, None))]
    return DataSet(*parts, {"name": "patterns", "num_classes": CLASSES}, "generated")
