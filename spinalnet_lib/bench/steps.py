"""What the rows of training compare: a step as a run takes it, whole or with one thing undone, and the published way.

Source of that peer: the scripts beside Kabir et al., arXiv 2007.03347 (`MNIST/SpinalNet_MNIST.py`,
`MNIST_VGG/MNIST_VGG_and_SpinalVGG.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from ..checks import needs
from ..data.splits import Split
from ..training.config import TrainConfig
from ..training.steps import fast_ways, make_optimizer, make_step
from .measure import waited_for


def training_step(
    model: nn.Module, images: Tensor, labels: Tensor, config: TrainConfig, way: str
) -> Callable[[], None]:
    """A step of `model` on one batch, waited for: "plain" as anyone would write it, "fast", "compiled" by torch, or fast with one thing undone.

    "uncaptured" launches kernel by kernel instead of a CUDA graph; "all biases" has gradients of those before a BatchNorm.
    """
    device = images.device
    config = replace(config, fast=way == "fast" or (config.fast and way != "plain"))
    model.to(device, memory_format=torch.channels_last if config.fast else torch.preserve_format).train()
    ways = ExitStack()
    if config.fast and way != "all biases":
        ways.enter_context(fast_ways(model, config, device))
    called = torch.compile(model) if way == "compiled" else model
    step = make_step(called, make_optimizer(model, config, device), config)
    step = step.step if way == "uncaptured" else step
    run = waited_for(lambda: step(images, labels), device)
    run.ways = ways  # held as long as the step: let go, they would be undone
    return run


def pil_loader(split: Split, batch_size: int, warped: bool = False) -> DataLoader:
    """The scripts' loader in this process; `warped` adds the perspective and rotation that they train VGG-5 with.

    As torchvision's MNIST does it, an array becomes a PIL image whenever it is asked for.
    """
    with needs("data"):
        from PIL import Image
        from torchvision import transforms

    warps = [transforms.RandomPerspective(), transforms.RandomRotation(10, fill=(0,))] if warped else []
    normalise = transforms.Normalize(split.mean.tolist(), split.std.tolist())
    transform = transforms.Compose([*warps, transforms.ToTensor(), normalise])
    images, labels = split.images[:, 0].numpy(), split.labels.tolist()

    class PilImages(Dataset):
        def __len__(self) -> int:
            return len(labels)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            return transform(Image.fromarray(images[index])), labels[index]

    return DataLoader(PilImages(), batch_size, shuffle=True)


def train_epoch(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> None:
    """One epoch as the scripts take it, in float32, step by step."""
    device = next(model.parameters()).device
    model.train()
    for images, labels in loader:
        loss = F.cross_entropy(model(images.to(device)), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # printed now and then; it waits for the device
