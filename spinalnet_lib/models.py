"""Body + head with timm's contract, and the heads that the paper puts on its bodies."""

from __future__ import annotations

from torch import Tensor, nn

from .backbones import Backbone, create_backbone, list_backbones
from .checks import check_name, plain
from .heads import Head, create_head, list_heads

# Source: the scripts of github.com/dipuk0506/SpinalNet (MNIST/default_pytorch_MNIST.py, MNIST/SpinalNet_MNIST.py,
# MNIST/Arch2_MNIST.py, MNIST_VGG/*, CIFAR-10/*, CIFAR-100/*). The baselines and the spinal heads differ in dropout,
# too, and on ResNet in the features they read: keep that in mind when comparing them.
_PAPER_HEADS = {
    ("two_conv", "mlp"): {"hidden_sizes": 50, "drop_rate": (0.0, 0.5)},
    ("two_conv", "spinal"): {"layer_width": 8, "num_layers": 6},
    ("vgg5", "mlp"): {"hidden_sizes": 512, "drop_rate": 0.5, "norm_layer": "BatchNorm1d"},
    ("vgg5", "spinal"): {"layer_width": 128, "num_layers": 4, "drop_rate": 0.5, "norm_layer": "BatchNorm1d"},
    ("arch2", "spinal_columns"): {
        "column_sizes": (784, 1440, 320),  # pixels, first map, second map
        "num_layers": (10, 8, 8),
        "layer_width": 30,  # as for MNIST; other scripts take 50 or 300
        "hidden_size": 50,
    },
    ("cifar_cnn", "mlp"): {"hidden_sizes": (1024, 512), "drop_rate": (0.1, 0.0, 0.1)},
    ("cifar_cnn", "spinal"): {"layer_width": 128, "num_layers": 4, "drop_rate": 0.1},
}
for _name in ("resnet18", "resnet34"):
    _PAPER_HEADS[_name, "linear"] = {}
    _PAPER_HEADS[f"{_name}_cells", "spinal_spatial"] = {"layer_width": 256, "num_splits": 4, "num_layers": 4}
for _name in ("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"):
    _PAPER_HEADS[_name, "mlp"] = {"hidden_sizes": (4096, 4096), "drop_rate": (0.0, 0.5, 0.5)}
    _PAPER_HEADS[_name, "spinal"] = {"layer_width": 512, "num_layers": 4, "drop_rate": 0.5}

# The heads in folder CIFAR-100 differ from those in CIFAR-10 in these widths only.
_WIDTHS_FOR_100_CLASSES = {
    ("cifar_cnn", "spinal"): 256,
    ("resnet18_cells", "spinal_spatial"): 512,
    ("resnet34_cells", "spinal_spatial"): 512,
}


class Classifier(nn.Module):
    """A body and a head: images `(N, in_chans, H, W)` to logits `(N, num_classes)`.

    timm's contract: `forward(x) = forward_head(forward_features(x))`, `forward_head(x, pre_logits=False)`,
    `get_classifier()`, `reset_classifier(num_classes)`, `num_features`, `head_hidden_size`, `num_classes`.
    """

    def __init__(self, body: Backbone, head: Head):
        super().__init__()
        if not isinstance(body, Backbone) or not isinstance(head, Head):
            raise TypeError(
                f"Classifier takes a Backbone and a Head, got {type(body).__name__} and {type(head).__name__}; "
                "build them with create_backbone and create_head"
            )
        if body.num_features != head.in_features:
            raise ValueError(
                f"the body gives {body.num_features} features, the head reads {head.in_features}; build the head with in_features={body.num_features}"
            )
        self.body = body
        self.head = head
        self.arguments: dict = {}  # how create_model built it; a record stores it

    @property
    def num_classes(self) -> int:
        return self.head.num_classes

    @property
    def num_features(self) -> int:
        return self.body.num_features

    @property
    def head_hidden_size(self) -> int:
        return self.head.head_hidden_size

    def forward_features(self, x: Tensor) -> Tensor:
        """Images to features: `(N, in_chans, H, W) -> (N, num_features)`."""
        return self.body(x)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Features to logits: `(N, num_features) -> (N, num_classes)`, or `(N, head_hidden_size)` if `pre_logits`."""
        return self.head(x, pre_logits=pre_logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def get_classifier(self) -> nn.Module:
        """The last Linear of the head (Identity if `num_classes == 0`)."""
        return self.head.classifier

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the last Linear by a fresh one; the spine below it stays. 0 leaves features only."""
        self.head.reset(num_classes)
        self.arguments = {**self.arguments, "num_classes": num_classes}


def create_model(
    backbone: str,
    head: str,
    num_classes: int,
    in_chans: int | None = None,
    image_size: int | None = None,
    **head_kwargs,
) -> Classifier:
    """Build a registered body with a registered head; further arguments go to the head.

    `in_chans` is the body's own unless given; `image_size` is for bodies that take any size ("pixels"). Weights are
    torch's defaults, drawn from the global generator; `train` draws them anew from its seed.

    >>> model = create_model("two_conv", "spinal", num_classes=10, layer_width=8, num_layers=6)
    >>> sum(p.numel() for p in model.parameters())
    13818
    """
    check_name("backbone", backbone, list_backbones())
    check_name("head", head, list_heads())
    body = create_backbone(backbone, in_chans, image_size)
    model = Classifier(body, create_head(head, body.num_features, num_classes, **head_kwargs))
    model.arguments = {
        "backbone": backbone,
        "head": head,
        "num_classes": model.num_classes,
        "in_chans": body.in_chans,
        "image_size": body.image_size,
        "head_arguments": {name: _recordable(value) for name, value in head_kwargs.items()},
    }
    return model


def paper_head(backbone: str, head: str, num_classes: int = 10) -> dict:
    """Arguments of the paper's `head` on `backbone`, for `create_model`; some are wider for 100 classes.

    "mlp" or "linear" is the paper's baseline, "spinal", "spinal_spatial" or "spinal_columns" its own head.

    >>> paper_head("vgg5", "mlp")
    {'hidden_sizes': 512, 'drop_rate': 0.5, 'norm_layer': 'BatchNorm1d'}
    """
    if (backbone, head) not in _PAPER_HEADS:
        near = [key for key in _PAPER_HEADS if key[0] == backbone] or _PAPER_HEADS
        raise ValueError(
            f"the paper has no head {head!r} on {backbone!r}; known: {', '.join(f'{b} + {h}' for b, h in near)}"
        )
    arguments = dict(_PAPER_HEADS[backbone, head])
    if num_classes == 100 and (backbone, head) in _WIDTHS_FOR_100_CLASSES:
        arguments["layer_width"] = _WIDTHS_FOR_100_CLASSES[backbone, head]
    return arguments


def list_paper_heads() -> list[tuple[str, str]]:
    """The pairs of body and head that `paper_head` knows, sorted."""
    return sorted(_PAPER_HEADS)


def _recordable(value):
    """An argument as JSON can hold it: layer classes by their name; what has none is left as it is, and `train` refuses it."""
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, type):
        return (
            value.__name__ if getattr(nn, value.__name__, None) is value else f"{value.__module__}.{value.__qualname__}"
        )
    return plain(value)
