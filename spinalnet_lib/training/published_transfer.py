"""What the paper fine-tunes: body, size, head and recipe of each of its data sets of photographs.

Source: `Transfer Learning/*.py` and two notebooks of github.com/dipuk0506/SpinalNet. All train every layer from ImageNet's
weights with SGD and `StepLR(7, 0.1)`, some in two stages with an optimizer each, and normalise by CIFAR-100's statistics.

Four things are not as in the scripts. They cut a training image out of one a few pixels larger; here it is shifted by as
many. They go on from, and report, the epoch with the best accuracy on validation or test images; here a run goes on, and
its record tells both. Vertical flips (`fruits360`, `monkeys10`) are left out. torchvision's default weights of the wide
ResNet-101 are newer ones today than in 2020.
"""

from __future__ import annotations

from typing import NamedTuple

from ..data.augment import Augmentation
from ..data.cards import whole_set
from .config import TrainConfig, step_milestones


class Transfer(NamedTuple):
    """A row: its spinal head and the head that it replaces, as arguments of `create_model`, which takes `size` as image_size."""

    dataset: str
    backbone: str
    size: int  # side of the images in pixels
    head: str
    head_arguments: dict
    rival: str
    rival_arguments: dict
    recipe: TrainConfig
    source: str


_CIFAR100 = (0.507, 0.487, 0.441), (0.267, 0.256, 0.276)
_CINIC10 = (0.47889522, 0.47227842, 0.43047404), (0.24205776, 0.23828046, 0.25874835)
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_MNIST = (0.1307,), (0.3081,)

_WIDE, _VGG = "torchvision:wide_resnet101_2", "torchvision:vgg19_bn"
_LINEAR = "linear", {}
_DENSE = "mlp", {"hidden_sizes": (4096, 4096), "drop_rate": (0.0, 0.5, 0.5)}


def _relu(width: int) -> tuple[str, dict]:
    return "spinal", {"layer_width": width, "num_layers": 4}


def _dropout_norm(width: int) -> tuple[str, dict]:
    return "spinal", {"layer_width": width, "num_layers": 4, "drop_rate": 0.5, "norm_layer": "BatchNorm1d"}


def _row(
    dataset: str,
    size: int,
    batch_size: int,
    stages: tuple[tuple[int, float], ...],
    spine: tuple[str, dict],
    source: str,
    shift: int = 0,
    backbone: str = _WIDE,
    rival: tuple[str, dict] = _LINEAR,
    statistics: tuple = _CIFAR100,
    **warps,
) -> Transfer:
    """`stages` are epochs and learning rate of each; images turn by up to 15 degrees and flip, unless `warps` says otherwise."""
    first_rate = stages[0][1]
    recipe = TrainConfig(
        optimizer="sgd",
        learning_rate=first_rate,
        momentum=0.9,
        batch_size=batch_size,
        epochs=sum(epochs for epochs, _ in stages),
        schedule="step",
        milestones=step_milestones(*((epochs, rate / first_rate) for epochs, rate in stages)),
        augmentation=Augmentation(**{"degrees": 15, "padding": shift, "flip": True, "separate_passes": True} | warps),
        start="given",
        statistics=statistics,
    )
    return Transfer(dataset, backbone, size, *spine, *rival, recipe, source)


# The first row of a set is the one behind the number that the paper gives for it.
TRANSFERS = (
    _row("stl10", 256, 24, ((20, 0.001),), _dropout_norm(512), "Transfer_Learning_STL10.py", 8),
    _row("cifar10", 256, 28, ((50, 0.001),), _relu(20), "Transfer_Learning_CIFAR10.py", 8),
    _row("cifar100", 256, 24, ((50, 0.001),), _dropout_norm(512), "Transfer_Learning_CIFAR100.py", 8),
    _row("svhn", 256, 28, ((50, 0.001),), _relu(20), "Transfer_Learning_SVHN.py", 8, flip=False),
    _row(  # its docstring says 256 pixels, its code 448
        *("cinic10", 448, 9, ((20, 0.01), (20, 0.001)), _relu(20), "Transfer_Learning_CINIC10.py", 4),
        statistics=_CINIC10,
    ),
    _row("birds225", 224, 24, ((25, 0.001),), _dropout_norm(1024), "Transfer_Learning_Bird225.py", 3),
    _row(
        *("birds225", 224, 24, ((25, 0.001),), _dropout_norm(1024), "Transfer_Learning_Bird225.py", 3),
        backbone=_VGG,
        rival=_DENSE,
    ),
    _row("caltech101", 224, 64, ((5, 0.01), (5, 0.001)), _relu(101), "spinalnet-caltech101.ipynb", 3),
    _row("caltech101", 224, 30, ((20, 0.001),), _dropout_norm(1024), "Transfer_Learning_Caltech101.py", 3),
    _row("fruits360", 128, 224, ((20, 0.01),), _relu(131), "Transfer_Learning_Fruits360.py", crop_scale=(0.08, 1)),
    _row("cars", 448, 9, ((25, 0.001), (25, 0.0001)), _relu(196), "Transfer_Learning_Stanford_Cars.py", 4),
    _row("flowers102", 448, 8, ((50, 0.001),), _relu(102), "Transfer_Learning_Oxford102flower.py", 8),
    _row(  # its last two layers are the third and the fourth again
        *("hymenoptera", 224, 4, ((25, 0.001),)),
        ("spinal_tied", {"layer_width": 5, "num_layers": 6, "act_layer": "LeakyReLU"}),
        "Transfer_Learning_hymenoptera.py",
        backbone="torchvision:resnet18",
        statistics=_IMAGENET,
        degrees=0,
        crop_scale=(0.08, 1),
    ),
    _row(
        *("monkeys10", 300, 40, ((10, 0.01), (10, 0.01)), _relu(20), "alexnet-spinalnet-fc-tl-10-monkey.ipynb"),
        backbone="torchvision:alexnet",
        rival=_DENSE,
        crop_scale=(0.08, 1),
    ),
    _row(
        *("mnist", 112, 128, ((10, 0.01), (10, 0.001)), _dropout_norm(1024), "Transfer_Learning_MNIST.py", 4),
        backbone=_VGG,
        rival=_DENSE,
        statistics=_MNIST,
        degrees=10,
        perspective=0.5,
        flip=False,
    ),
)


def published_transfer(dataset: str, backbone: str | None = None, layer_width: int | None = None) -> Transfer:
    """What the paper fine-tunes on a data set: body, size in pixels, spinal head, the head that it replaces, recipe, source.

    Of several rows of a set, the one behind the paper's number, unless `backbone` or `layer_width` names another. A part of
    a set, such as "cifar10_small", is fine-tuned as the whole. Raises ValueError where there is none, with what there is.

    >>> published_transfer("stl10").backbone, published_transfer("stl10").size
    ('torchvision:wide_resnet101_2', 256)
    """
    whole = whole_set(dataset)
    for row in TRANSFERS:
        width = row.head_arguments["layer_width"]
        if row.dataset == whole and backbone in (None, row.backbone) and layer_width in (None, width):
            return row
    rows = [f"{row.backbone}, width {row.head_arguments['layer_width']}" for row in TRANSFERS if row.dataset == whole]
    known = "; ".join(rows) or ", ".join(dict.fromkeys(row.dataset for row in TRANSFERS))
    asked = (
        f"{f'no {backbone}' if backbone else 'nothing'} on {dataset!r}{f', width {layer_width}' if layer_width else ''}"
    )
    ours = "for others there is transfer_recipe(), in a command --recipe transfer"
    raise ValueError(f"the paper fine-tunes {asked}; it has {'there ' if rows else ''}{known}; {ours}")
