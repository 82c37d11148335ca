"""Rows of the heads: a training step and an evaluation against the dense heads they replace, like against like."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import torch

from ..heads.counting import count_macs
from ..heads.dropout import cheap_dropout
from ..heads.fused import fuse_head
from ..heads.registry import create_head
from ..models.classifier import create_model
from ..models.sizes import paper_head
from ..training.config import TrainConfig
from .measure import compare_times, waited_for
from .steps import training_step

HEADS = ("spinal", "mlp")  # ours, theirs
DENSE = "dense head of VGG-5"


def head_rows() -> Iterator[dict]:
    """The paper's spinal head of VGG-5 against the dense head it replaces: both plain, both with cheap masks, both fused."""
    for batch in (100, 1000):
        steps = (plain_step(_vgg5_head(head), batch, 256) for head in HEADS)
        yield compare_times(f"head training step, batch {batch}", DENSE, *steps)
        steps = (_with_cheap_masks(_vgg5_head(head), batch) for head in HEADS)
        peer = f"{DENSE} with the same masks"
        yield compare_times(f"head training step with cheap dropout masks, batch {batch}", peer, *steps)
    for batch in (1, 100, 1000):
        forwards = (evaluation(_vgg5_head(head), batch, 256) for head in HEADS)
        yield compare_times(f"head evaluation, batch {batch}", DENSE, *forwards)
        forwards = (evaluation(fuse_head(_vgg5_head(head)), batch, 256) for head in HEADS)
        yield compare_times(f"fused head, evaluation, batch {batch}", f"{DENSE}, fused", *forwards)


def large_rows() -> Iterator[dict]:
    """VGG's dense head for ImageNet, which reads 25,088 features, against a spine of width 512."""
    spinal = create_head("spinal", 25_088, 1000, layer_width=512, drop_rate=0.5)
    dense = create_head("mlp", 25_088, 1000, hidden_sizes=(4096, 4096), drop_rate=(0.0, 0.5, 0.5))
    macs = count_macs(spinal, (25_088,)) / count_macs(dense, (25_088,))
    peer = f"dense 4096-4096 head (the spine has {macs:.2f} of its multiply-adds)"
    for what, measured in _MEASURED.items():
        calls = (measured(head, 32, 25_088) for head in (spinal, dense))
        yield compare_times(f"head of VGG on ImageNet (25,088 features), {what}, batch 32", peer, *calls, pairs=15)


def compiled_rows(device: str = "cpu") -> Iterator[dict]:
    """Both heads through torch.compile; on a GPU with CUDA graphs, too."""
    mode = "reduce-overhead" if device == "cuda" else "default"
    for what, batch in (*itertools.product(_MEASURED, (100, 1000)), ("evaluation", 1)):
        torch._dynamo.reset()  # each row compiles its own shape, not one for all
        heads = (torch.compile(_vgg5_head(head).to(device), mode=mode, fullgraph=True) for head in HEADS)
        ours, theirs = (_MEASURED[what](head, batch, 256, device=device) for head in heads)
        ours(), theirs()  # compiles
        yield compare_times(f"compiled head, {what}, batch {batch}, {device}", f"{DENSE}, compiled", ours, theirs)


def cnn_rows() -> Iterator[dict]:
    """A step of the paper's 2-conv CNN with either head."""
    models = (create_model("two_conv", head, 10, **paper_head("two_conv", head)) for head in HEADS)
    steps = (plain_step(model, 64, 1, 28, 28) for model in models)
    yield compare_times("2-conv CNN training step, batch 64", "the same CNN with its dense head", *steps)


def import_rows() -> Iterator[dict]:
    """What the library adds to the import of torch."""
    codes = ("import spinalnet_lib; spinalnet_lib.SpinalHead", "import torch")
    calls = (partial(subprocess.run, [sys.executable, "-c", code], check=True) for code in codes)
    yield compare_times("import spinalnet_lib and SpinalHead", "import torch", *calls, pairs=7)


def plain_step(model: torch.nn.Module, batch: int, *shape: int, device: str = "cpu") -> Callable[[], object]:
    """A plain step on one random batch, waited for."""
    x, y = torch.randn(batch, *shape, device=device), torch.randint(10, (batch,), device=device)
    return training_step(model, x, y, TrainConfig(momentum=0.0), "plain")


def evaluation(model: torch.nn.Module, batch: int, features: int, device: str = "cpu") -> Callable[[], object]:
    """Logits of one random batch, waited for."""
    x = torch.randn(batch, features, device=device)
    model.eval()

    def forward() -> None:
        with torch.inference_mode():
            model(x)

    return waited_for(forward, device)


_MEASURED = {"training step": plain_step, "evaluation": evaluation}


def _vgg5_head(name: str) -> torch.nn.Module:
    return create_head(name, 256, 10, **paper_head("vgg5", name))


def _with_cheap_masks(head: torch.nn.Module, batch: int) -> Callable[[], object]:
    """A training step whose dropout is cheap, as `TrainConfig(fast=True)` has it."""
    step = plain_step(head, batch, 256)

    def masked() -> None:
        with cheap_dropout(head):
            step()

    return masked
