"""The paper's bodies: modules from images `(N, in_chans, H, W)` to features `(N, num_features)`.

Source: the scripts of github.com/dipuk0506/SpinalNet, folders MNIST and MNIST_VGG; the bodies for 32×32 images
are in `cifar_backbones`. Each body has `num_features`, `image_size` and `forward_features`; biases before
BatchNorm are kept, as published, so that parameter counts equal the paper's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .checks import check_dtype, check_input, check_int, check_name

_BACKBONES: dict[str, Callable[..., nn.Module]] = {}


def register_backbone(cls: type[nn.Module]) -> type[nn.Module]:
    """Register a body under its `name`; use it as a class decorator. `in_chans` needs a default: `cls()` builds it."""
    if not (isinstance(cls, type) and issubclass(cls, Backbone)):
        raise TypeError(f"register_backbone takes a subclass of Backbone, got {cls!r}; Backbone says what it needs")
    if cls.name in _BACKBONES:
        raise ValueError(f"a backbone named {cls.name!r} is registered already; choose another name")
    _BACKBONES[cls.name] = cls
    return cls


def list_backbones() -> list[str]:
    """Names that `create_backbone` knows, sorted."""
    return sorted(_BACKBONES)


def create_backbone(name: str, in_chans: int | None = None, image_size: int | None = None) -> nn.Module:
    """Build a registered body.

    `in_chans` is the body's own unless given: 1, or 3 for the bodies of colour images. `image_size` is for those
    that take any ("pixels", "efficientnet_lite0"), the others have their own.

    >>> create_backbone("two_conv").num_features
    320
    """
    cls = _BACKBONES[check_name("backbone", name, _BACKBONES)]
    own = getattr(cls, "image_size", None)
    if own is not None and image_size not in (None, own):
        raise ValueError(
            f"backbone {name!r} reads images of {own} × {own}, got image_size={image_size}; leave it out, or take another body"
        )
    given = {"in_chans": in_chans, "image_size": image_size if own is None else None}
    return cls(**{argument: value for argument, value in given.items() if value is not None})


class Backbone(nn.Module):
    """What all bodies share: the input check. A subclass sets the four attributes and `forward_features`.

    A body that was trained before has `load_pretrained()`, and `mean` and `std`, a tuple each, of the channels of the data
    that it was trained on, in [0, 1]; images for others are normalised by the data set's own. `at_once` is how many images
    it is evaluated on at a time, fewer where its layers take much memory for each.
    """

    name: str
    in_chans: int
    image_size: int
    num_features: int
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    at_once: int = 1000

    def forward_features(self, x: Tensor) -> Tensor:
        """Images to features: `(N, in_chans, image_size, image_size) -> (N, num_features)`."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        owner = f"backbone {self.name!r}"
        shape = ("N", self.in_chans, self.image_size, self.image_size)
        check_input(owner, x, shape, "resize or pad the images, or choose a body made for them")
        check_dtype(owner, x, next(self.parameters(), None))
        return self.forward_features(x)


@register_backbone
class Pixels(Backbone):
    """No body at all: the pixels are the features. For heads alone and for tests in seconds."""

    name = "pixels"

    def __init__(self, in_chans: int = 1, image_size: int = 28):
        super().__init__()
        self.in_chans = check_int("Pixels", "in_chans", in_chans)
        self.image_size = check_int("Pixels", "image_size", image_size)
        self.num_features = in_chans * image_size**2

    def forward_features(self, x: Tensor) -> Tensor:
        return x.flatten(1)


@register_backbone
class TwoConv(Backbone):
    """The 2-conv CNN of `MNIST/SpinalNet_MNIST.py` (PyTorch's MNIST example of 2020): 28×28 images to 320 features."""

    name = "two_conv"
    image_size = 28
    num_features = 320

    def __init__(self, in_chans: int = 1):
        super().__init__()
        self.in_chans = check_int(type(self).__name__, "in_chans", in_chans)
        self.layers = nn.Sequential(
            nn.Conv2d(in_chans, 10, kernel_size=5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(10, 20, kernel_size=5),
            nn.Dropout2d(0.5),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )

    def forward_features(self, x: Tensor) -> Tensor:
        return self.layers(x).flatten(1)


@register_backbone
class Arch2(TwoConv):
    """The 2-conv CNN with taps, `MNIST/Arch2_MNIST.py`: 28×28 images to 2544 features (one channel).

    They are the pixels (784), the first map after pooling and ReLU (1440) and the second map (320), in this order;
    the head "spinal_columns" has a spine for each.
    """

    name = "arch2"

    def __init__(self, in_chans: int = 1):
        super().__init__(in_chans)
        self.num_features = self.in_chans * 28**2 + 10 * 12**2 + 20 * 4**2

    def forward_features(self, x: Tensor) -> Tensor:
        first = self.layers[:3](x)  # convolution, pooling, ReLU
        return torch.cat([x.flatten(1), first.flatten(1), self.layers[3:](first).flatten(1)], dim=1)


class VGG(Backbone):
    """Blocks of 3×3 convolutions, each with BatchNorm and ReLU; a pooling after each block. Subclasses set `blocks`."""

    blocks: tuple[tuple[int, ...], ...]

    def __init__(self, in_chans: int = 1):
        super().__init__()
        self.in_chans = check_int(type(self).__name__, "in_chans", in_chans)
        layers: list[nn.Module] = []
        for block in self.blocks:
            for width in block:
                layers += [nn.Conv2d(in_chans, width, kernel_size=3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                in_chans = width
            layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)

    def forward_features(self, x: Tensor) -> Tensor:
        return self.layers(x).flatten(1)


@register_backbone
class VGG5(VGG):
    """The paper's "VGG-5" of `MNIST_VGG`: ten convolutions in four blocks, 28×28 images to 256 features."""

    name = "vgg5"
    image_size = 28
    num_features = 256
    blocks = ((64, 64), (128, 128), (256, 256, 256), (256, 256, 256))


# Last, as those modules subclass Backbone: importing them registers their bodies, so that all names are known here.
from . import cifar_backbones, pretrained_backbones  # noqa: E402, F401
