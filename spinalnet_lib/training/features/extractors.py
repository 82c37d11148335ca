"""Frozen bodies that turn images into features: EfficientNet-Lite0, torchvision's and timm's models, saved models of ours."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...checks import check_name
from ...data.splits import Split
from ...models.classifier import Classifier
from ...models.foreign import load_foreign
from ...models.lite0 import MEAN, STD, VIEW, lite0_network
from ...models.saved import load_model


@dataclass(eq=False)
class Extractor:
    """A frozen body: examples of a split to features, float32 `(B, num_features)`.

    `size` is the side in pixels that images are resized to, bilinearly with antialiasing, and `mean` and `std` are of the
    channels of the data that the body was trained on; None leaves images as `Split.batch` gives them, for a body that was
    trained on that data set. `sha256` is the hash of the body's weights and of how it sees images.
    """

    name: str
    body: nn.Module
    size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self):
        self.body.eval().requires_grad_(False)

    @property
    def sha256(self) -> str:
        digest = hashlib.sha256(repr((self.size, self.mean, self.std)).encode())
        for name, tensor in self.body.state_dict().items():
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def __call__(self, split: Split, index: Tensor | slice) -> Tensor:
        device = next(self.body.parameters(), torch.empty(0)).device
        if self.size is None:
            return self.body(split.batch(index)[0].to(device)).flatten(1).float()
        images = split.images[index].to(device).float() / 255
        images = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images  # grey as three equal channels
        if images.shape[-1] != self.size:
            images = F.interpolate(images, size=(self.size, self.size), mode="bilinear", antialias=True)
        mean, std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (self.mean, self.std))
        return self.body((images - mean) / std).flatten(1).float()


def create_extractor(name: str, pretrained: bool = True) -> Extractor:
    """A frozen body by name.

    "efficientnet_lite0": ImageNet weights out of two packages of the Python index, whose SHA-256 is checked.
    "torchvision:NAME", "timm:NAME": any classification model of theirs, with its weights as they publish them; torchvision
    checks the hash in a file's name, timm's come as safetensors from its hub. "saved:FILE": a model of ours, written by
    `save_model`, without its head. ("trained:…" is of `load_features`: it needs the data.) `pretrained=False` leaves the
    weights as drawn, to try things without a network.

    Raises ValueError for an unknown name or a damaged file, ImportError where a package is missing, OSError where
    weights cannot be downloaded.
    """
    kind, _, rest = name.partition(":")
    check_name("extractor", kind, _KINDS, ", as in torchvision:resnet18 or saved:FILE; trained:… are of load_features")
    if (kind == "efficientnet_lite0") == bool(rest):
        raise ValueError(f"extractor {name!r} is no name; try 'efficientnet_lite0', or 'torchvision:resnet18'")
    return _KINDS[kind](name, rest, pretrained)


def body_extractor(model: Classifier, name: str = "body") -> Extractor:
    """A copy of the body of a model of ours, which sees images as the model did when it was trained; the model stays as it is."""
    if not isinstance(model, Classifier):
        raise TypeError(f"body_extractor takes a Classifier, got {type(model).__name__}; create_model builds one")
    size = None if model.body.mean is None else model.body.image_size
    return Extractor(name, copy.deepcopy(model.body), size, model.body.mean, model.body.std)


def _foreign(name: str, rest: str, pretrained: bool) -> Extractor:
    found = load_foreign(name, pretrained)
    return Extractor(name, found.network, found.size, found.mean, found.std)


_KINDS: dict[str, Callable[[str, str, bool], Extractor]] = {
    "efficientnet_lite0": lambda name, _, pretrained: Extractor(name, lite0_network(pretrained), VIEW, MEAN, STD),
    "torchvision": _foreign,
    "timm": _foreign,
    "saved": lambda name, file, _: Extractor(name, load_model(file).body),
}
