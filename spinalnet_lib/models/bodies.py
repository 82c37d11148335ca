"""Bodies and their registry: modules from images `(N, in_chans, H, W)` to features `(N, num_features)`.

Each has `num_features`, `image_size` and `forward_features`. The paper's are in `mnist_bodies` and `cifar_bodies`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from ..checks import check_input, check_int, check_name

_BACKBONES: dict[str, Callable[..., nn.Module]] = {}
_LIBRARIES: dict[str, Callable[..., nn.Module]] = {}
_MOST_CHANNELS = 100_000  # of features there are thousands; more are a slip


def register_backbone(cls: type[nn.Module]) -> type[nn.Module]:
    """Register a body under its `name`; use it as a class decorator. `in_chans` needs a default: `cls()` builds it."""
    if cls.name in _BACKBONES:
        raise ValueError(f"a backbone named {cls.name!r} is registered already; choose another name")
    _BACKBONES[cls.name] = cls
    return cls


def register_library(name: str, build: Callable[..., nn.Module]) -> None:
    """Let `create_backbone("NAME:MODEL")` build bodies: `build(full name, in_chans, image_size)`, the last two if given."""
    _LIBRARIES[name] = build


def list_backbones() -> list[str]:
    """Names of ours that `create_backbone` knows, sorted; it also takes "torchvision:NAME" and "timm:NAME"."""
    return sorted(_BACKBONES)


def create_backbone(name: str, in_chans: int | None = None, image_size: int | None = None) -> nn.Module:
    """Build a registered body, or a classification model of "torchvision:NAME" or "timm:NAME" without its classifier.

    `in_chans` is the body's own unless given: 1, or 3 for the bodies of colour images. `image_size` is for those
    that take any ("pixels", "efficientnet_lite0", those of libraries), the others have their own.

    >>> create_backbone("two_conv").num_features
    320
    """
    own, library = own_size(name), name.partition(":")[0] if ":" in name else None
    cls = partial(_LIBRARIES[library], name) if library else _BACKBONES[name]
    if own is not None and image_size not in (None, own):
        raise ValueError(f"backbone {name!r} reads images of {own} × {own}, got {image_size=}; leave it out")
    given = {"in_chans": in_chans, "image_size": image_size if own is None else None}
    return cls(**{argument: value for argument, value in given.items() if value is not None})


def own_size(name: str) -> int | None:
    """The side in pixels of the only images that a body reads; None for one that takes any."""
    library, colon, _ = str(name).partition(":")
    if colon:
        check_name("library of backbones", library, _LIBRARIES, ", as in torchvision:resnet18")
        return None
    return getattr(_BACKBONES[check_name("backbone", name, _BACKBONES)], "image_size", None)


class Backbone(nn.Module):
    """What all bodies share: the input check. A subclass sets the four attributes, and `layers` or `forward_features`.

    A body that was trained before has `load_pretrained()` and `pretrained_sha256()`, the hash of those weights, and `mean` and
    `std`, a tuple each, of the channels of the data that it was trained on, in [0, 1]; images for others are normalised by
    the data set's own. One whose first weights are not all drawn by `reset_parameters` of its layers has `draw_weights()`.
    `repeats_grey` says that with `in_chans=1` it repeats a grey image to the three channels that it reads.
    `at_once` is how many images it is evaluated on at a time, fewer where its layers take much memory for each.
    """

    name: str
    in_chans: int
    image_size: int
    num_features: int
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    at_once: int = 1000
    repeats_grey: bool = False

    def __init__(self, in_chans: int = 1):
        super().__init__()
        self.in_chans = check_int(type(self).__name__, "in_chans", in_chans)
        if self.in_chans > _MOST_CHANNELS:
            raise ValueError(f"{type(self).__name__}: in_chans={in_chans} is more than {_MOST_CHANNELS:,}; lower it")

    def forward_features(self, x: Tensor) -> Tensor:
        """Images to features: `(N, in_chans, image_size, image_size) -> (N, num_features)`."""
        return self.layers(x).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        shape = ("N", self.in_chans, self.image_size, self.image_size)
        remedy = "resize or pad the images, or choose a body made for them"
        check_input(f"backbone {self.name!r}", x, shape, remedy, next(self.parameters(), None))
        return self.forward_features(x)


@register_backbone
class Pixels(Backbone):
    """No body at all: the pixels are the features. For heads alone and for tests in seconds."""

    name = "pixels"

    def __init__(self, in_chans: int = 1, image_size: int = 28):
        super().__init__(in_chans)
        self.image_size = check_int("Pixels", "image_size", image_size)
        self.num_features = in_chans * image_size**2

    def forward_features(self, x: Tensor) -> Tensor:
        return x.flatten(1)
