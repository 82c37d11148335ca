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
from ..training import recipes
from ..training.config import TrainConfig
from ..training.loop import train
from ..training.stacked.loop import Member, train_stacked

STEPS = 20
CLASSES = 10
_WARP = Augmentation(perspective=0.5, degrees=10)
_SIZES = {"layer_width": 12, "hidden_sizes": 12, "column_sizes": (32, 32)}  # for heads that must be given one

Check = Callable[[], tuple[str, bool]]  # what was found, and whether it is good


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


def _checks(device: torch.device) -> Iterator[tuple[str, Check]]:
    for name in list_heads():
        yield f"head {name} equals its reference", partial(_head_equals_reference, name, device)
    yield "a warp is the CPU's", partial(_warp_equals_cpu, device)
    yield "a run goes on from its checkpoint", partial(_goes_on, device)
    yield "stacked recipe", partial(_stack_trains, device)
    for what, *run in _runs():
        yield what, partial(_trains, *run, device)


def _runs() -> Iterator[tuple[str, str, str, dict, TrainConfig]]:
    """Every recipe, on every body that has it: what it is, body, head, the head's sizes and the recipe."""
    spine = {"layer_width": 8}
    for rate in (recipes.TUNING_RATES[0], recipes.TUNING_RATES[-1]):
        yield f"tuned recipe, learning rate {rate:g}", "two_conv", "spinal", spine, recipes.tuned_recipe(rate)
    yield "quick recipe", "two_conv", "spinal", spine, recipes.quick_recipe()
    yield "recipe of the regressions", "pixels", "spinal", spine, recipes.regression_recipe()
    for body, head in list_paper_heads():
        recipe = recipes.published_recipe(body)
        yield f"published recipe, {body} + {head}", body, head, paper_head(body, head), recipe
    yield "redraws, vgg5", "vgg5", "spinal", paper_head("vgg5", "spinal"), recipes.redraw_recipe("vgg5")
    for tier, plan in ((name, TIERS[name]) for name in "GHT"):
        for body in plan.backbones(plan.datasets[0]):
            head, recipe = primary_arms(body)[0], plan.recipe(body, plan.datasets[0], recipes.TUNING_RATES[0])
            yield f"tier {tier}, {body} + {head}", body, head, arm_arguments(head, 0.5, body), recipe


def _trains(backbone: str, head: str, sizes: dict, config: TrainConfig, device: torch.device) -> tuple[str, bool]:
    if backbone == "efficientnet_lite0" and importlib.util.find_spec("efficientnet_lite_pytorch") is None:
        return "left out, as its packages are not installed", True
    if config.loss == "mse":
        data = regression_data("regression_sum", 0)
    else:
        body = create_backbone(backbone)
        data = _images(body.in_chans, min(body.image_size, 64))
    channels, _, side = data.train.images.shape[1:]
    model = create_model(backbone, head, data.card["num_classes"], channels, side, **sizes)
    if device.type == "cpu" and (side > 28 or backbone == "vgg5"):  # their batches are for a GPU
        config = replace(config, batch_size=2 if side > 32 else 8)
    return _found(train(model, data, _shortened(config, fast=True), 0, device, progress=False))


def _stack_trains(device: torch.device) -> tuple[str, bool]:
    config = _shortened(recipes.tuned_recipe(recipes.TUNING_RATES[0]), fast=False, stacked=True)
    members = [Member(create_model("pixels", "spinal", CLASSES, layer_width=8), config, seed) for seed in range(4)]
    return _found(train_stacked(_images(1, 28), members, device, progress=False)[0])


def _shortened(config: TrainConfig, **changes) -> TrainConfig:
    return replace(config, steps=STEPS, epochs=None, warmup=min(config.warmup, STEPS // 2), **changes)


def _found(record: Record) -> tuple[str, bool]:
    speed = f"{record.images_per_second:,.0f} images/s, loss {record.last['train_loss']}"
    return speed, not record.diverged and record.last["step"] == STEPS


def _head_equals_reference(name: str, device: torch.device) -> tuple[str, bool]:
    """Logits and gradients on the device against those in float64 on the CPU."""
    torch.manual_seed(0)
    sizes = {argument: size for argument, size in _SIZES.items() if argument in head_arguments(name)}
    head, x = create_head(name, 64, CLASSES, **sizes).eval(), torch.randn(32, 64)
    expected = _logits_and_gradients(copy.deepcopy(head).double(), x.double())
    return _compare(_logits_and_gradients(head.to(device), x.to(device)), expected)


def _logits_and_gradients(head: nn.Module, x: Tensor) -> list[Tensor]:
    logits = head(x)
    logits.square().mean().backward()
    return [logits, *(parameter.grad for parameter in head.parameters())]


def _warp_equals_cpu(device: torch.device) -> tuple[str, bool]:
    """A batch on the device against its images one by one on the CPU."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(100, 3, 32, 32, generator=generator)
    corners, degrees = _WARP.draw(len(images), 32, 32, generator)[:2]
    on_device = _WARP.apply(images.to(device), Warps(corners.to(device), degrees.to(device)))
    on_cpu = [_WARP.apply(images[[i]], Warps(corners[[i]], degrees[[i]])) for i in range(len(images))]
    return _compare([on_device], [torch.cat(on_cpu)])


def _compare(found: list[Tensor], expected: list[Tensor]) -> tuple[str, bool]:
    """The largest difference, relative to the largest value of its tensor; float32 rounds by less than the tolerance."""
    worst = max(
        ((a.detach().double().cpu() - b.detach().double()).abs().max() / b.abs().max().clamp(min=1e-6)).item()
        for a, b in zip(found, expected, strict=True)
    )
    return f"largest difference {worst:.1e} of 2e-4", worst < 2e-4


def _goes_on(device: torch.device) -> tuple[str, bool]:
    """A run cut off after each of its first steps, then left to end, against the same run in one go."""
    config = TrainConfig("adam", 0.003, steps=STEPS, batch_size=100, augmentation=_WARP, fast=True)

    def run(checkpoint: Path | None, time_limit: float | None = None) -> float:
        model = create_model("two_conv", "spinal", CLASSES, layer_width=8)
        record = train(model, _images(1, 28), config, 0, device, False, checkpoint, time_limit=time_limit)
        return record.last["train_loss"]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.npz"
        for _ in range(3):
            with suppress(OutOfTime):
                run(path, time_limit=0)
        whole, again = run(None), run(path)
    # A GPU may add in another order each time, of bfloat16; on a CPU the bits are the same.
    return f"losses {whole} and {again}", abs(whole - again) < (0.05 if device.type == "cuda" else 1e-12)


@cache
def _images(channels: int, side: int) -> DataSet:
    """Ten shades in noise: enough to train on where no data set is."""
    labels = torch.arange(2000, dtype=torch.uint8) % CLASSES
    noise = torch.randint(
        30, (2000, channels, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    images = noise + 25 * labels[:, None, None, None]
    parts = [Split(images[i], labels[i].long()) for i in (slice(0, 1600), slice(1600, 1800), slice(1800, None))]
    return DataSet(*parts, {"name": "shades", "num_classes": CLASSES}, "generated")
