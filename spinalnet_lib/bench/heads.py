"""Rows of the heads: a step and an evaluation against the dense heads they replace, plain, compiled, on a GPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import torch
from torch.nn import functional as F

from ..heads.counting import count_macs
from ..heads.dropout import CheapDropout
from ..heads.registry import create_head
from ..models.classifier import create_model
from ..models.sizes import paper_head
from .measure import compare_times

DENSE = "dense head of VGG-5"
MASKED = "dense head with the spine's masks"


def head_rows() -> Iterator[dict]:
    """The paper's spinal head of VGG-5 against the dense head it replaces, as it is and with the spine's fast masks."""
    for batch in (100, 1000):
        spinal, dense = _vgg5_head("spinal"), _vgg5_head("mlp")
        masked = _with_fast_masks(_vgg5_head("mlp"))
        steps = [training_step(head, batch, 256) for head in (spinal, dense, masked)]
        yield compare_times(f"head training step, batch {batch}", DENSE, steps[0], steps[1])
        yield compare_times(f"head training step, batch {batch}", MASKED, steps[0], steps[2])
        yield compare_times(f"{MASKED}, training step, batch {batch}", DENSE, steps[2], steps[1])
    for batch in (1, 100, 1000):
        spinal, dense = (evaluation(_vgg5_head(head), batch, 256) for head in ("spinal", "mlp"))
        yield compare_times(f"head evaluation, batch {batch}", DENSE, spinal, dense)


def large_rows() -> Iterator[dict]:
    """VGG's dense head for ImageNet, which reads 25,088 features, against a spine of width 512."""
    spinal = create_head("spinal", 25_088, 1000, layer_width=512, drop_rate=0.5)
    dense = create_head("mlp", 25_088, 1000, hidden_sizes=(4096, 4096), drop_rate=(0.0, 0.5, 0.5))
    macs = count_macs(spinal, (25_088,)) / count_macs(dense, (25_088,))
    peer = f"dense 4096-4096 head (the spine has {macs:.2f} of its multiply-adds)"
    for what, measured in (("training step", training_step), ("evaluation", evaluation)):
        ours, theirs = (measured(head, 32, 25_088) for head in (spinal, dense))
        yield compare_times(
            f"head of VGG on ImageNet (25,088 features), {what}, batch 32", peer, ours, theirs, pairs=15
        )


def compiled_rows(device: str = "cpu") -> Iterator[dict]:
    """Both heads through torch.compile; on a GPU with CUDA graphs, too."""
    mode = "reduce-overhead" if device == "cuda" else "default"
    for what, measured, batches in (
        ("training step", training_step, (100, 1000)),
        ("evaluation", evaluation, (1, 100, 1000)),
    ):
        for batch in batches:
            torch._dynamo.reset()  # each row compiles its own shape, not one for all
            ours, theirs = (
                measured(
                    torch.compile(_vgg5_head(head).to(device), mode=mode, fullgraph=True), batch, 256, device=device
                )
                for head in ("spinal", "mlp")
            )
            ours(), theirs()  # compiles
            yield compare_times(f"compiled head, {what}, batch {batch}, {device}", f"{DENSE}, compiled", ours, theirs)


def cnn_rows() -> Iterator[dict]:
    """A step of the paper's 2-conv CNN with either head."""
    spinal, dense = (
        training_step(create_model("two_conv", head, 10, **paper_head("two_conv", head)), 64, 1, 28, 28)
        for head in ("spinal", "mlp")
    )
    yield compare_times("2-conv CNN training step, batch 64", "the same CNN with its dense head", spinal, dense)


def import_rows() -> Iterator[dict]:
    """What the library adds to the import of torch."""

    def run(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    head = "import spinalnet_lib; spinalnet_lib.SpinalHead"
    yield compare_times("import spinalnet_lib and SpinalHead", "import torch", run(head), run("import torch"), pairs=7)


def training_step(model: torch.nn.Module, batch: int, *shape: int, device: str = "cpu") -> Callable[[], object]:
    """A plain step on one random batch, waited for."""
    x, y = torch.randn(batch, *shape, device=device), torch.randint(10, (batch,), device=device)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    model.train()

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        _wait_for(device)

    return step


def evaluation(model: torch.nn.Module, batch: int, features: int, device: str = "cpu") -> Callable[[], object]:
    """Logits of one random batch, waited for."""
    x = torch.randn(batch, features, device=device)
    model.eval()

    def forward() -> None:
        with torch.inference_mode():
            model(x)
        _wait_for(device)

    return forward


def _wait_for(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _vgg5_head(name: str) -> torch.nn.Module:
    return create_head(name, 256, 10, **paper_head("vgg5", name))


def _with_fast_masks(head: torch.nn.Module) -> torch.nn.Module:
    """The head with cheap dropout masks for good."""
    for module in list(head.modules()):
        for name, child in module.named_children():
            if type(child) is torch.nn.Dropout:
                setattr(module, name, CheapDropout(child.p))
    return head
