"""`make bench`: every performance row as a ratio against a peer measured in the same run.

Method: the two are run in turn, A B A B, after a warm-up; each pair gives one ratio, and a row reports the
median with the tenth and ninetieth percentile. Only ratios travel between machines.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch.nn import functional as F

from .augment import Augmentation
from .counting import count_macs
from .datasets import load_dataset
from .fast_spine import fast_dropout, reference_loop
from .heads import create_head
from .models import create_model, paper_head
from .paths import data_path

PAIRS = 40
DENSE = "dense head of VGG-5"
MASKED = "dense head with the spine's masks"


def run_bench(out: str | None = None) -> list[dict]:
    """Measure all rows, print them as a table and, if `out`, write them as JSON with their provenance."""
    rows = [*_head_rows(), *_large_rows(), *_compiled_rows(), _cnn_row(), *_augmentation_rows(), _import_row()]
    print(f"{'figure':62} {'ratio':>6}   10–90 %        peer")
    for row in rows:
        print(f"{row['name']:62} {row['ratio']:6.2f}   {row['low']:.2f} to {row['high']:.2f}   {row['peer']}")
    if out:
        write_report(out, rows, __doc__.split("Method: ")[1].strip())
    return rows


def write_report(out: str | os.PathLike, rows: list[dict], method: str) -> None:
    """Write rows with date, machine, versions and method as JSON; the old report stays until the new one is whole."""
    report = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "method": method,
        "rows": rows,
    }
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    partial.replace(path)
    print(f"written to {path}")


def load_bench(name: str = "cpu") -> list[dict]:
    """Rows of a committed report in `data/results/bench`; empty where there is none yet."""
    return _report(name).get("rows", [])


def describe_bench(name: str = "cpu") -> str:
    """When, where and how often the rows of `load_bench` were measured, in one sentence."""
    report = _report(name)
    if not report:
        return "Not measured yet."
    pairs = sorted({row.get("pairs", 1) for row in report["rows"]})
    each = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    return f"Measured on {report['date']} ({report['machine']}, torch {report['torch']}), {each} pair{'' if pairs == [1] else 's'} a row."


def _report(name: str) -> dict:
    path = data_path("results", "bench", f"{name}.json")
    return json.loads(path.read_text()) if path.is_file() else {}


def compare_times(
    name: str, peer: str, ours: Callable[[], object], theirs: Callable[[], object], pairs: int = PAIRS
) -> dict:
    """One row: time of `ours` over time of `theirs`, pair by pair; each side repeats until it takes about 20 ms."""
    repeats = max(1, round(0.02 / max(_seconds(theirs, 3) / 3, 1e-6)))
    _seconds(ours, repeats), _seconds(theirs, repeats)  # warm-up
    ratios = sorted(_seconds(ours, repeats) / _seconds(theirs, repeats) for _ in range(pairs))
    tenths = statistics.quantiles(ratios, n=10, method="inclusive")  # within what was seen
    return {
        "name": name,
        "peer": peer,
        "ratio": round(statistics.median(ratios), 3),
        "low": round(tenths[0], 3),
        "high": round(tenths[-1], 3),
        "pairs": pairs,
    }


def _seconds(fn: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        fn()
    return time.perf_counter() - start


def _head_rows() -> list[dict]:
    """The paper's spinal head of VGG-5 against the dense head it replaces, as it is and with the spine's fast masks."""
    rows = []
    for batch in (100, 1000):
        spinal, dense = _vgg5_head("spinal"), _vgg5_head("mlp")
        masked = _with_fast_masks(_vgg5_head("mlp"))
        steps = [_training_step(head, batch, 256) for head in (spinal, dense, masked)]
        rows.append(compare_times(f"head training step, batch {batch}", DENSE, steps[0], steps[1]))
        rows.append(compare_times(f"head training step, batch {batch}", MASKED, steps[0], steps[2]))
        rows.append(compare_times(f"{MASKED}, training step, batch {batch}", DENSE, steps[2], steps[1]))
        loop = _reference(_training_step(_vgg5_head("spinal"), batch, 256))
        rows.append(compare_times(f"plain loop of the head, training step, batch {batch}", DENSE, loop, steps[1]))
    for batch in (1, 100, 1000):
        spinal, dense = (_evaluation(_vgg5_head(head), batch, 256) for head in ("spinal", "mlp"))
        rows.append(compare_times(f"head evaluation, batch {batch}", DENSE, spinal, dense))
    return rows


def _large_rows() -> list[dict]:
    """VGG's dense head for ImageNet, which reads 25,088 features, against a spine of width 512."""
    spinal = create_head("spinal", 25_088, 1000, layer_width=512, drop_rate=0.5)
    dense = create_head("mlp", 25_088, 1000, hidden_sizes=(4096, 4096), drop_rate=(0.0, 0.5, 0.5))
    macs = count_macs(spinal, (25_088,)) / count_macs(dense, (25_088,))
    peer = f"dense 4096-4096 head (the spine has {macs:.2f} of its multiply-adds)"
    return [
        compare_times(
            "head of VGG on ImageNet (25,088 features), training step, batch 32",
            peer,
            _training_step(spinal, 32, 25_088),
            _training_step(dense, 32, 25_088),
            pairs=15,
        ),
        compare_times(
            "head of VGG on ImageNet (25,088 features), evaluation, batch 32",
            peer,
            _evaluation(spinal, 32, 25_088),
            _evaluation(dense, 32, 25_088),
            pairs=15,
        ),
    ]


def _compiled_rows() -> list[dict]:
    """Both heads through torch.compile; on a GPU with CUDA graphs, too."""
    rows, peer = [], f"{DENSE}, compiled"
    devices = [("cpu", "default")] + ([("cuda", "reduce-overhead")] if torch.cuda.is_available() else [])
    for device, mode in devices:
        for what, measured, batches in (
            ("training step", _training_step, (100, 1000)),
            ("evaluation", _evaluation, (1, 100, 1000)),
        ):
            for batch in batches:
                torch._dynamo.reset()  # each row compiles its own shape, not one for all
                ours, theirs = (
                    measured(
                        torch.compile(_vgg5_head(head).to(device), mode=mode, fullgraph=True),
                        batch,
                        256,
                        device=device,
                    )
                    for head in ("spinal", "mlp")
                )
                ours(), theirs()  # compiles
                rows.append(compare_times(f"compiled head, {what}, batch {batch}, {device}", peer, ours, theirs))
    return rows


def _vgg5_head(name: str) -> torch.nn.Module:
    return create_head(name, 256, 10, **paper_head("vgg5", name))


class _FastDropout(torch.nn.Dropout):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return fast_dropout(x, self.p) if self.training else x


def _with_fast_masks(head: torch.nn.Module) -> torch.nn.Module:
    """The dense head with the spine's mask generator, to tell its gain from the spine's."""
    for module in list(head.modules()):
        for name, child in module.named_children():
            if type(child) is torch.nn.Dropout:
                setattr(module, name, _FastDropout(child.p))
    return head


def _reference(fn: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        with reference_loop():
            fn()

    return run


def _cnn_row() -> dict:
    spinal, dense = (
        _training_step(create_model("two_conv", head, 10, **paper_head("two_conv", head)), 64, 1, 28, 28)
        for head in ("spinal", "mlp")
    )
    return compare_times("2-conv CNN training step, batch 64", "the same CNN with its dense head", spinal, dense)


def _augmentation_rows() -> list[dict]:
    """The paper's warps of MNIST, a batch at a time, against torchvision's, one PIL image at a time in one process."""
    from PIL import Image
    from torchvision import transforms

    images = load_dataset("mnist_5k").train.images[:1000]
    pictures = [Image.fromarray(image.numpy()) for image in images[:, 0]]
    each = transforms.Compose(
        [transforms.RandomPerspective(), transforms.RandomRotation(10, fill=(0,)), transforms.ToTensor()]
    )
    generator = torch.Generator().manual_seed(0)
    rows = []
    for how, separate in (("one pass", False), ("the paper's two passes", True)):
        warp = Augmentation(perspective=0.5, degrees=10, separate_passes=separate)
        ours = partial(warp, images, generator)
        theirs = partial(_stack, each, pictures)
        name = f"perspective and rotation of 1,000 images of 28×28, {how}"
        rows.append(compare_times(name, "torchvision's PIL pipeline", ours, theirs, pairs=15))
    return rows


def _stack(transform: Callable, pictures: list) -> torch.Tensor:
    return torch.stack([transform(picture) for picture in pictures])


def _import_row() -> dict:
    def run(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    head = "import spinalnet_lib; spinalnet_lib.SpinalHead"
    return compare_times("import spinalnet_lib and SpinalHead", "import torch", run(head), run("import torch"), pairs=7)


def _training_step(model: torch.nn.Module, batch: int, *shape: int, device: str = "cpu") -> Callable[[], object]:
    x, y = torch.randn(batch, *shape, device=device), torch.randint(10, (batch,), device=device)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    model.train()

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        _wait_for(device)

    return step


def _evaluation(model: torch.nn.Module, batch: int, features: int, device: str = "cpu") -> Callable[[], object]:
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
