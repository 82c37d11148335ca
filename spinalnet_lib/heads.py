"""Classifier heads: the layers between a network's features and its logits, and their registry.

Every head maps `(N, in_features)` to `(N, num_classes)` and follows timm's classifier contract:
`forward(x, pre_logits=False)`, `reset(num_classes)`, `head_hidden_size`. A layer is
dropout → linear → norm → activation; the classifier is dropout → linear.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .checks import check_dtype, check_flag, check_input, check_int, check_name, check_rate
from .fast_spine import fast_drop, fast_hidden

LayerFactory = str | Callable[..., nn.Module]

_HEADS: dict[str, Callable[..., nn.Module]] = {}
# Arguments that some heads need, with an example, and those that heads may take: for messages.
_EXAMPLES = {"layer_width": 64, "hidden_sizes": 512, "column_sizes": (784, 1440), "hidden_size": 50}
_OPTIONS = ("num_layers", "num_splits", "drop_rate", "feature_drop_rate", "norm_layer", "act_layer", "overlap", "seed")


def register_head(fn: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Register `fn(in_features, num_classes, **kwargs) -> head` under its own name; use it as a decorator.

    Raises ValueError if the name is taken: a second head of that name would silently replace the first.
    """
    if fn.__name__ in _HEADS:
        raise ValueError(f"a head named {fn.__name__!r} is registered already; rename the function")
    _HEADS[fn.__name__] = fn
    return fn


def list_heads() -> list[str]:
    """Names that `create_head` knows, sorted."""
    from . import controls, relatives  # noqa: F401  (they register on import, and build on this module)

    return sorted(_HEADS)


def create_head(name: str, in_features: int, num_classes: int, background_class: bool = False, **kwargs) -> nn.Module:
    """Build a registered head; `background_class` adds the output that `Head.add_background_class` describes.

    >>> create_head("spinal", 320, 10, layer_width=8, num_layers=6)(torch.zeros(2, 320)).shape
    torch.Size([2, 10])
    """
    fn = _HEADS[check_name("head", name, list_heads())]
    try:
        head = fn(in_features, num_classes, **kwargs)
    except TypeError as error:
        raise explain_arguments(error, name) from error
    check_flag("create_head", "background_class", background_class)
    return head.add_background_class() if background_class else head


def explain_arguments(error: TypeError, name: str) -> TypeError:
    """Python's words for an argument that is missing or unknown, with the head's name and the remedy."""
    text = str(error)
    quoted = re.findall("'([a-z_]+)'", text)
    if "missing" in text and "argument" in text:
        return TypeError(
            f"head {name!r} needs {' and '.join(quoted)}; pass, say, {quoted[0]}={_EXAMPLES.get(quoted[0], '…')}"
        )
    if "unexpected keyword argument" in text:
        near = difflib.get_close_matches(quoted[0], [*_EXAMPLES, *_OPTIONS], n=1)
        return TypeError(
            f"head {name!r} takes no {quoted[0]!r}; {f'did you mean {near[0]!r}?' if near else 'leave it out'}"
        )
    return error


def split_sizes(in_features: int, num_splits: int) -> list[int]:
    """Sizes of the input splits, as `torch.tensor_split` cuts: they differ by at most one, larger first.

    >>> split_sizes(7, 3)
    [3, 2, 2]
    """
    check_int("split_sizes", "in_features", in_features)
    check_int("split_sizes", "num_splits", num_splits)
    size, larger = divmod(in_features, num_splits)
    return [size + 1] * larger + [size] * (num_splits - larger)


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
        self.drop = _dropout(drop_rate)
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
    `hidden: (N, in_features) -> (N, head_hidden_size)`.
    """

    def __init__(self, in_features: int, num_classes: int, head_hidden_size: int, classifier_drop_rate: float = 0.0):
        super().__init__()
        self.in_features = int(in_features)
        self.num_classes = int(num_classes)
        self.head_hidden_size = head_hidden_size
        self.background_class = False
        self.classifier_drop = _dropout(classifier_drop_rate)
        self.classifier = nn.Linear(head_hidden_size, num_classes) if num_classes else nn.Identity()

    def hidden(self, x: Tensor) -> Tensor:
        """Features to pre-logits: `(N, in_features) -> (N, head_hidden_size)`."""
        raise NotImplementedError

    def forward(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """`(N, in_features) -> (N, num_classes)`, or `(N, head_hidden_size)` if `pre_logits` or `num_classes == 0`."""
        self._check_input(x)
        x = self.hidden(x)
        if pre_logits or not self.num_classes:
            return x
        logits = self.classifier(self.drop_pre_logits(x))
        return logits[:, : self.num_classes] if self.background_class and not self.training else logits

    def drop_pre_logits(self, x: Tensor) -> Tensor:
        """The classifier's dropout."""
        return self.classifier_drop(x)

    def add_background_class(self) -> Head:
        """Give the classifier one more output, the last, for images of none of the classes; returns the head.

        In training mode logits are `(N, num_classes + 1)` and background images carry the label `num_classes`;
        in evaluation mode the background is left out: `(N, num_classes)`. Source: Kabir, *Reduction of Class
        Activation Uncertainty with Background Information*, arXiv 2305.03238. The classifier is drawn anew.
        """
        if not self.num_classes:
            raise ValueError(
                f"{type(self).__name__}: num_classes=0 leaves no classifier for a background class; pass num_classes of 1 or more"
            )
        self.background_class = True
        self.reset(self.num_classes)
        return self

    def reset(self, num_classes: int) -> None:
        """Replace the classifier by a fresh one for `num_classes` (0: none) on the same device and dtype."""
        self.num_classes = check_int(
            type(self).__name__, "num_classes", num_classes, minimum=0, remedy="0 removes the classifier"
        )
        like = next(self.parameters(), torch.empty(0))
        self.classifier = (
            nn.Linear(self.head_hidden_size, num_classes + self.background_class, device=like.device, dtype=like.dtype)
            if num_classes
            else nn.Identity()
        )

    def extra_repr(self) -> str:
        background = ", background_class=True" if self.background_class else ""
        return f"in_features={self.in_features}, num_classes={self.num_classes}{background}"

    def _check_input(self, x: Tensor) -> None:
        name = type(self).__name__
        flatten = isinstance(x, Tensor) and x.dim() > 2
        remedy = "flatten it with x.flatten(1)" if flatten else f"it was built with in_features={self.in_features}"
        check_input(name, x, ("N", self.in_features), remedy)
        check_dtype(name, x, self.classifier.weight if self.num_classes else next(self.parameters(), None))


class LinearHead(Head):
    """One Linear, the head of ResNets: `(N, in_features) -> (N, num_classes)`. `head_hidden_size` is `in_features`."""

    def __init__(self, in_features: int, num_classes: int, drop_rate: float | Sequence[float] = 0.0):
        _check_sizes("LinearHead", in_features, num_classes)
        (rate,) = _drop_rates("LinearHead", drop_rate, 1)
        super().__init__(in_features, num_classes, in_features, rate)

    def hidden(self, x: Tensor) -> Tensor:
        return x


class MLPHead(Head):
    """Hidden layers in a row, the dense head of VGG: `(N, in_features) -> (N, num_classes)`.

    `hidden_sizes` is one width or a sequence of widths. `drop_rate` is one rate for every Linear or one
    rate per Linear, the classifier last: the paper's 2-conv CNN drops before its classifier only, `(0, .5)`.
    `norm_layer` and `act_layer` are factories or names in `torch.nn` ("BatchNorm1d"). `head_hidden_size` is the
    last width.
    """

    all_layers_feed_output = False

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        hidden_sizes: int | Sequence[int],
        drop_rate: float | Sequence[float] = 0.0,
        norm_layer: LayerFactory | None = None,
        act_layer: LayerFactory = nn.ReLU,
    ):
        _check_sizes("MLPHead", in_features, num_classes)
        sizes = (
            list(hidden_sizes)
            if isinstance(hidden_sizes, Sequence) and not isinstance(hidden_sizes, str)
            else [hidden_sizes]
        )
        if not sizes:
            raise ValueError("MLPHead: hidden_sizes is empty; pass at least one width, or use LinearHead")
        for size in sizes:
            check_int("MLPHead", "every width in hidden_sizes", size)
        *rates, last_rate = _drop_rates("MLPHead", drop_rate, len(sizes) + 1)
        super().__init__(in_features, num_classes, sum(sizes) if self.all_layers_feed_output else sizes[-1], last_rate)
        self.hidden_sizes = sizes
        widths = [in_features, *sizes]
        self.layers = nn.ModuleList(
            Layer(widths[i], widths[i + 1], rate, norm_layer, act_layer) for i, rate in enumerate(rates)
        )

    def hidden(self, x: Tensor) -> Tensor:
        outputs: list[Tensor] = []
        for layer in self.layers:
            x = layer(x)
            outputs.append(x)
        return torch.cat(outputs, dim=1) if self.all_layers_feed_output else x

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, hidden_sizes={self.hidden_sizes}"


class SpinalHead(Head):
    """A chain of narrow layers that read the features split by split: `(N, in_features) -> (N, num_classes)`.

    Source: Kabir et al., *SpinalNet: Deep Neural Network with Gradual Input*, arXiv 2007.03347. Layer `i`
    (from 0) reads input split `i mod num_splits` and the output of layer `i - 1`; the classifier reads the
    outputs of all layers. Differs from the published code in the cut only: there `num_splits` is 2 and an
    odd width loses a feature; here splits are `torch.tensor_split`'s and every feature is read.

    `head_hidden_size` is `num_layers * layer_width`. `drop_rate` is one rate for every Linear or one rate per
    Linear, the classifier last. `norm_layer` and `act_layer` are factories or names in `torch.nn`.
    Raises ValueError if `num_layers < num_splits` (some features would never be read) or if there are
    more splits than features.

    >>> head = SpinalHead(in_features=256, num_classes=10, layer_width=128, drop_rate=0.5, norm_layer=nn.BatchNorm1d)
    >>> head(torch.zeros(4, 256)).shape, head(torch.zeros(4, 256), pre_logits=True).shape
    (torch.Size([4, 10]), torch.Size([4, 512]))
    """

    # What the variants in `relatives` and the study's controls in `controls` change, beside `read_sizes` and `read`.
    chained = True  # every layer but the first reads the one before
    all_layers_feed_output = True

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        layer_width: int,
        num_layers: int = 4,
        num_splits: int = 2,
        drop_rate: float | Sequence[float] = 0.0,
        norm_layer: LayerFactory | None = None,
        act_layer: LayerFactory = nn.ReLU,
    ):
        name = type(self).__name__
        check_spine(in_features, num_classes, layer_width, num_layers, num_splits, name)
        *rates, last_rate = _drop_rates(name, drop_rate, num_layers + 1)
        hidden_size = num_layers * layer_width if self.all_layers_feed_output else layer_width
        super().__init__(in_features, num_classes, hidden_size, last_rate)
        self.layer_width, self.num_layers, self.num_splits = layer_width, num_layers, num_splits
        previous = layer_width if self.chained else 0
        self.layers = nn.ModuleList(
            Layer(size + (previous if i else 0), layer_width, rate, norm_layer, act_layer)
            for i, (size, rate) in enumerate(zip(self.read_sizes(), rates, strict=True))
        )

    def read_sizes(self) -> list[int]:
        """How many features each layer reads."""
        sizes = split_sizes(self.in_features, self.num_splits)
        return [sizes[i % self.num_splits] for i in range(self.num_layers)]

    def read(self, x: Tensor) -> list[Tensor]:
        """The features that each layer reads: `(N, in_features)` to one `(N, size)` a layer."""
        splits = x.tensor_split(self.num_splits, 1)
        return [splits[i % self.num_splits] for i in range(self.num_layers)]

    def hidden(self, x: Tensor) -> Tensor:
        # The same numbers sooner, where nothing watches or changes the calls; the loop below is the definition.
        fast = fast_hidden(self, x)
        if fast is not None:
            return fast
        outputs: list[Tensor] = []
        for split, layer in zip(self.read(x), self.layers, strict=True):
            chain = self.chained and outputs
            outputs.append(layer(torch.cat([split, outputs[-1]], dim=1) if chain else split))
        return torch.cat(outputs, dim=1) if self.all_layers_feed_output else outputs[-1]

    def drop_pre_logits(self, x: Tensor) -> Tensor:
        return fast_drop(self.classifier_drop, x)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, layer_width={self.layer_width}, num_layers={self.num_layers}, num_splits={self.num_splits}"


@register_head
def linear(in_features: int, num_classes: int, **kwargs) -> LinearHead:
    return LinearHead(in_features, num_classes, **kwargs)


@register_head
def mlp(in_features: int, num_classes: int, **kwargs) -> MLPHead:
    return MLPHead(in_features, num_classes, **kwargs)


@register_head
def spinal(in_features: int, num_classes: int, **kwargs) -> SpinalHead:
    return SpinalHead(in_features, num_classes, **kwargs)


def check_spine(
    in_features: int, num_classes: int, layer_width: int, num_layers: int, num_splits: int, owner: str = "SpinalHead"
) -> None:
    """Raise TypeError or ValueError if these sizes do not make a spinal head; the closed forms use it too."""
    _check_sizes(owner, in_features, num_classes)
    check_int(owner, "layer_width", layer_width)
    check_int(owner, "num_layers", num_layers)
    check_int(owner, "num_splits", num_splits)
    if num_splits > in_features:
        raise ValueError(
            f"{owner}: in_features={in_features} cannot fill num_splits={num_splits}; lower num_splits to {in_features}"
        )
    if num_layers < num_splits:
        raise ValueError(
            f"{owner}: num_layers={num_layers} cannot read num_splits={num_splits}; raise num_layers to {num_splits} or lower num_splits to {num_layers}"
        )


def _check_sizes(owner: str, in_features: int, num_classes: int) -> None:
    check_int(owner, "in_features", in_features)
    check_int(owner, "num_classes", num_classes, minimum=0, remedy="0 leaves the classifier out")


def _drop_rates(owner: str, drop_rate: float | Sequence[float], num_linears: int) -> list[float]:
    """One rate per Linear, the classifier included."""
    if not isinstance(drop_rate, Sequence) or isinstance(drop_rate, str):
        return [check_rate(owner, "drop_rate", drop_rate)] * num_linears
    if len(drop_rate) != num_linears:
        raise ValueError(
            f"{owner}: drop_rate has {len(drop_rate)} values for {num_linears} Linear layers (the classifier is the last); pass one value or {num_linears}"
        )
    return [check_rate(owner, "drop_rate", rate) for rate in drop_rate]


def _dropout(rate: float) -> nn.Module:
    # Identity, not Dropout(0): a head without dropout must not draw random numbers.
    return nn.Dropout(rate) if rate else nn.Identity()


def _build(argument: str, layer: LayerFactory, *sizes: int) -> nn.Module:
    factory, says = _factory(argument, layer), f"{argument}({', '.join(map(str, sizes))})"
    try:
        built = factory(*sizes)
    except TypeError as error:
        raise TypeError(f"{argument}={layer!r} cannot be built as {says}: {error}; pass another class") from error
    if not isinstance(built, nn.Module):
        raise TypeError(
            f"{argument}={layer!r} gives {built!r} for {says}; pass a class or function that gives a module"
        )
    return built


def _factory(argument: str, layer: LayerFactory) -> Callable[..., nn.Module]:
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
        raise ValueError(
            f"{argument}={layer!r} is no layer; pass a class such as nn.{example} or its name in torch.nn, {example!r}"
        )
    return found
