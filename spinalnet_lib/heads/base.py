"""What all heads are made of: `Layer`, and `Head` with the classifier on top.

Every head maps `(N, in_features)` to `(N, num_classes)` and follows timm's classifier contract:
`forward(x, pre_logits=False)`, `reset(num_classes)`, `head_hidden_size`. A layer is
dropout → linear → norm → activation; the classifier is dropout → linear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..checks import check_input, check_int, check_rate

MAX_LAYERS = 100_000  # more are a slip: building them takes minutes
MAX_WEIGHTS = 10**11  # more are a slip: 400 GB in float32
LayerFactory = str | Callable[..., nn.Module]


class Layer(nn.Module):
    """Dropout → linear → norm → activation: `(N, in_features) -> (N, out_features)`."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        drop_rate: float,
        norm_layer: LayerFactory | None,
        act_layer: LayerFactory,
    ):
        super().__init__()
        self.drop = make_dropout(drop_rate)
        self.linear = nn.Linear(in_features, out_features)
        self.norm = _build("norm_layer", norm_layer, out_features) if norm_layer is not None else nn.Identity()
        self.act = _build("act_layer", act_layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.linear(self.drop(x))))


class Head(nn.Module):
    """What all heads share: the classifier on top of `hidden(x)`, the checks, and timm's contract.

    Names in the `state_dict` are stable: `layers.I.linear` and `layers.I.norm` from 0, `classifier`; `columns.C.layers.I`
    and `merge` in `spinal_columns`, the buffer `read_index` in `spinal_random_mask`.

    A subclass validates its own arguments, calls `super().__init__`, builds its layers and defines
    `hidden: (N, in_features) -> (N, head_hidden_size)`. Its repr says what `shown` names; `settled` names those arguments
    of its parent that it chooses itself.
    """

    shown: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()

    def __init__(self, in_features: int, num_classes: int, head_hidden_size: int, classifier_drop_rate: float = 0.0):
        super().__init__()
        self.in_features = int(in_features)
        self.head_hidden_size = head_hidden_size
        self.background_class = False
        self.classifier_drop = make_dropout(classifier_drop_rate)
        self.reset(num_classes)

    def hidden(self, x: Tensor) -> Tensor:
        """Features to pre-logits: `(N, in_features) -> (N, head_hidden_size)`."""
        raise NotImplementedError

    def forward(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """`(N, in_features) -> (N, num_classes)`, or `(N, head_hidden_size)` if `pre_logits` or `num_classes == 0`."""
        self.check_input(x)
        x = self.hidden(x)
        return x if pre_logits or not self.num_classes else self.logits(x)

    def logits(self, x: Tensor) -> Tensor:
        """Pre-logits to logits: `(N, head_hidden_size) -> (N, num_classes)`."""
        logits = self.classifier(self.classifier_drop(x))
        return logits[:, : self.num_classes] if self.background_class and not self.training else logits

    def add_background_class(self) -> Head:
        """Give the classifier one more output, the last, for images of none of the classes; returns the head.

        In training mode logits are `(N, num_classes + 1)` and background images carry the label `num_classes`;
        in evaluation mode the background is left out: `(N, num_classes)`. Source: Kabir, *Reduction of Class
        Activation Uncertainty with Background Information*, arXiv 2305.03238. The classifier is drawn anew.
        """
        if not self.num_classes:
            raise ValueError(f"{type(self).__name__}: num_classes=0 leaves no classifier to extend; pass 1 or more")
        self.background_class = True
        self.reset(self.num_classes)
        return self

    def reset(self, num_classes: int) -> None:
        """Replace the classifier by a fresh one for `num_classes` (0: none) on the same device and dtype."""
        check_sizes(type(self).__name__, self.head_hidden_size, num_classes)
        self.num_classes = int(num_classes)
        like = next(self.parameters(), torch.empty(0))
        self.classifier = (
            nn.Linear(self.head_hidden_size, num_classes + self.background_class, device=like.device, dtype=like.dtype)
            if num_classes
            else nn.Identity()
        )

    def extra_repr(self) -> str:
        names = ("in_features", "num_classes", *(("background_class",) if self.background_class else ()), *self.shown)
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)

    def check_input(self, x: Tensor) -> None:
        """Raise TypeError or ValueError unless `x` is `(N, in_features)` in the dtype of the weights."""
        flatten = isinstance(x, Tensor) and x.dim() > 2
        remedy = "flatten it with x.flatten(1)" if flatten else f"it was built with in_features={self.in_features}"
        weight = self.classifier.weight if self.num_classes else next(self.parameters(), None)
        check_input(type(self).__name__, x, ("N", self.in_features), remedy, weight)


def check_sizes(owner: str, in_features: int, num_classes: int) -> None:
    """Raise TypeError or ValueError for sizes that no head has."""
    check_int(owner, "in_features", in_features)
    check_int(owner, "num_classes", num_classes, minimum=0, remedy="0 leaves the classifier out")
    check_weights(owner, int(in_features) * int(num_classes), in_features=in_features, num_classes=num_classes)


def check_count(owner: str, name: str, value: int) -> int:
    """Return `value` if a head can have as many layers or splits; raise TypeError or ValueError otherwise."""
    if check_int(owner, name, value) > MAX_LAYERS:
        raise ValueError(f"{owner}: {name}={value} is more than {MAX_LAYERS:,}, which takes minutes; lower it")
    return int(value)


class TooManyWeightsError(ValueError):
    """Sizes of a head that no machine holds."""


def check_weights(owner: str, weights: int, **sizes) -> None:
    """Raise TooManyWeightsError if `sizes` make more weights than any machine holds, before memory is taken."""
    if weights > MAX_WEIGHTS:
        says = ", ".join(f"{name}={value}" for name, value in sizes.items())
        made = f"make up to {weights:.0e} weights, at most {MAX_WEIGHTS:.0e} fit; lower them"
        raise TooManyWeightsError(f"{owner}: {says} {made}")


def drop_rates(owner: str, drop_rate: float | Sequence[float], num_linears: int) -> list[float]:
    """One rate per Linear, the classifier included."""
    if not isinstance(drop_rate, Sequence) or isinstance(drop_rate, str):
        return [check_rate(owner, "drop_rate", drop_rate)] * num_linears
    if len(drop_rate) != num_linears:
        raise ValueError(
            f"{owner}: drop_rate has {len(drop_rate)} values for {num_linears} Linear layers (the classifier is the last); pass one value or {num_linears}"
        )
    return [check_rate(owner, "drop_rate", rate) for rate in drop_rate]


def make_dropout(rate: float) -> nn.Module:
    # Identity, not Dropout(0): a head without dropout must not draw random numbers.
    return nn.Dropout(rate) if rate else nn.Identity()


def _build(argument: str, layer: LayerFactory, *sizes: int) -> nn.Module:
    factory = layer_factory(argument, layer)
    try:
        return factory(*sizes)
    except TypeError as error:
        raise TypeError(f"{argument}={layer!r} cannot be built of {sizes}: {error}; pass another class") from error


def layer_factory(argument: str, layer: LayerFactory) -> Callable[..., nn.Module]:
    """A class or function as it is; a name such as "BatchNorm1d" from torch.nn, so that records can hold it."""
    if isinstance(layer, nn.Module):
        raise TypeError(f"{argument} is a built {type(layer).__name__}; every layer needs its own, so pass the class")
    if callable(layer):
        return layer
    found = getattr(nn, layer, None) if isinstance(layer, str) else None
    # A lazy norm would take the width for its eps.
    fits = isinstance(found, type) and issubclass(found, nn.Module) and not layer.startswith("Lazy")
    if not fits or (argument == "norm_layer" and "Norm" not in layer):
        example = "BatchNorm1d" if argument == "norm_layer" else "ReLU"
        raise ValueError(f"{argument}={layer!r} is no layer; pass nn.{example}, another class or its name in torch.nn")
    return found
