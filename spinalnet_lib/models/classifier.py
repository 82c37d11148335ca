"""Body + head with timm's contract."""

from __future__ import annotations

import json

import torch
from torch import Tensor, nn

from ..checks import check_flag
from ..heads.base import Head
from ..heads.registry import create_head, find_head, plain
from .bodies import Backbone, create_backbone
from .weights import fingerprint

_FREE = (
    "training",
    "arguments",
    "own_layers",
    "at_once",
    "trained_on",
    "origin",
    "statistics",
)  # attributes that change no number of a run, or that its recipe names


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
            raise ValueError(f"the body gives {body.num_features} features, the head reads {head.in_features}")
        self.body = body
        self.head = head
        self.arguments: dict = {}  # how create_model built it; a record stores it
        self.trained_on: dict | None = None  # classes and normalisation, of a model that was saved with its data
        self.statistics: tuple | None = (
            None  # mean and std that its images are normalised by, where its recipe has some
        )
        self.own_layers: dict = {}  # arguments of the head that are classes: `arguments` has their names only
        self.origin: dict = {}  # of "body" and "head": a fingerprint of the weights that this library gave it, and whose they are

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
        drawn = self.weights_from("head") is None
        self.head.reset(num_classes)
        if drawn:
            self.note_weights("head")
        self.arguments = {**self.arguments, "num_classes": num_classes}

    def note_weights(self, part: str, source: str | None = None) -> None:
        """The weights of "body" or "head" are, as they are now, this library's to draw anew; or have the hash `source`."""
        self.origin[part] = fingerprint(getattr(self, part)), source

    def weights_from(self, part: str) -> str | None:
        """None while the weights of "body" or "head" are drawn, or trained by `train`; their publisher's hash; or "loaded".

        "loaded" are all others, however they came: by `load_state_dict` of any module in it, or changed in place.
        """
        found, source = self.origin.get(part, (None, None))
        return source if fingerprint(getattr(self, part)) == found else "loaded"

    def record_head(self, head: str, num_classes: int, arguments: dict) -> None:
        """Say in `arguments` how the head was built, and that its weights are drawn."""
        self.note_weights("head")
        self.own_layers = {name: value for name, value in arguments.items() if isinstance(value, type)}
        recorded = {name: recordable(value) for name, value in arguments.items()}
        self.arguments = {**self.arguments, "head": head, "num_classes": num_classes, "head_arguments": recorded}

    def as_built(self) -> Classifier:
        """What `arguments` build, on the meta device: the model before anything was changed by hand, without weights."""
        arguments = {**self.arguments, **self.arguments["head_arguments"], **self.own_layers}
        del arguments["head_arguments"]
        arguments.pop("pretrained", None)  # weights are no part of what it is, and would be downloaded
        try:
            with torch.device("meta"):
                return create_model(**arguments)
        except RuntimeError:  # a body of the user's that reads values off a tensor while it is built
            with torch.random.fork_rng(devices=[]):
                return create_model(**arguments)


def create_model(
    backbone: str,
    head: str,
    num_classes: int,
    in_chans: int | None = None,
    image_size: int | None = None,
    pretrained: bool = False,
    **head_kwargs,
) -> Classifier:
    """Build a body with a registered head; further arguments go to the head.

    `backbone` is a registered body, or "torchvision:NAME" or "timm:NAME". `in_chans` is the body's own unless given;
    `image_size` is for bodies that take any size. Weights are drawn from the global generator; `train` draws them anew
    from its seed. With `pretrained` the body has its publisher's weights, downloaded if need be, and
    `TrainConfig(start="given")` trains on from them. Raises ValueError for a body that has none.

    >>> model = create_model("two_conv", "spinal", num_classes=10, layer_width=8, num_layers=6)
    >>> sum(p.numel() for p in model.parameters())
    13818
    """
    find_head(head)  # before the body is made
    body = create_backbone(backbone, in_chans, image_size)
    if check_flag("create_model", "pretrained", pretrained):
        if not hasattr(body, "load_pretrained"):
            raise ValueError(f"backbone {backbone!r} has no weights of its own; leave pretrained=True out")
        if not next(body.parameters()).is_meta:
            body.load_pretrained()
    model = Classifier(body, create_head(head, body.num_features, num_classes, **head_kwargs))
    model.arguments = {"backbone": backbone, "in_chans": body.in_chans, "image_size": body.image_size}
    model.arguments |= {"pretrained": True} if pretrained else {}
    model.note_weights("body", body.pretrained_sha256() if pretrained else None)
    model.record_head(head, model.num_classes, head_kwargs)
    return model


def recordable(value):
    """An argument as JSON can hold it: layer classes by their name; what has none is left as it is, and `train` refuses it."""
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, type):
        in_torch = getattr(nn, value.__name__, None) is value
        return value.__name__ if in_torch else f"{value.__module__}.{value.__qualname__}"
    return plain(value)


def first_difference(model: nn.Module, built: nn.Module) -> str | None:
    """Where a model is another network than `built`, in words; weights, dtype, device, mode and hooks are no difference."""
    now, then = _blueprint(model), _blueprint(built)
    for name in {**then, **now}:
        if now.get(name) != then.get(name):
            return f"{name} is {now.get(name, 'nothing')}, not {then.get(name, 'nothing')}"
    return None


def _blueprint(model: nn.Module) -> dict[str, str]:
    """Every module, its settings, and the shape of its tensors."""
    found = {}
    for name, module in model.named_modules():
        if "_orig_mod" in module._modules:
            continue  # compiled: what it was compiled from comes next
        found[name] = f"{type(module).__module__}.{type(module).__qualname__}"
        for setting, value in vars(module).items():
            if not setting.startswith("_") and setting not in _FREE:
                said = json.dumps(plain(value), skipkeys=True, default=lambda value: type(value).__name__)
                found[f"{name}.{setting}"] = said
    found |= {name: f"of shape {tuple(tensor.shape)}" for name, tensor in model.state_dict().items()}
    return {name.replace("._orig_mod", ""): said for name, said in found.items()}
