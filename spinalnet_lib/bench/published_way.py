"""How the published scripts train: PIL images, one at a time, through torchvision and a DataLoader; a plain step. The peer.

Source: the scripts beside Kabir et al., arXiv 2007.03347 (`MNIST/SpinalNet_MNIST.py`, `MNIST_VGG/MNIST_VGG_and_SpinalVGG.py`).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from ..checks import needs
from ..data.splits import Split


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
