"""Drawings of ideas, to scale where they show counts: the analogy with touch, and heads as weight matrices."""

from __future__ import annotations

import itertools

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..heads.counting import head_cost
from ..heads.spinal import split_sizes
from .palette import Theme
from .picture import NARROW, Picture, panels
from .shapes import arrow, block, box, way_up

_LEVELS = (1.2, 3.0, 4.8, 6.6)  # from below
_TOUCH = {
    "title": "Touch",
    "inputs": ("leg", "trunk", "arm", "neck"),
    "middle": ("lumbar", "thoracic", "cervical", "cervical"),
    "words": ("brain", "dermatomes", "segments and their local links", "ascending tracts"),
    "direct": "dorsal column:\nno synapse",
}
_HEAD = {
    "title": "Spinal head",
    "inputs": tuple(f"split {i % 2}" for i in range(4)),
    "middle": tuple(f"layer {i}" for i in range(4)),
    "words": ("logits", "input splits", "intermediate split: the chain", "output split"),
    "direct": "no such line\nin the head",
}


def draw_touch_to_layers() -> Picture:
    """The analogy in one picture: spinal segments and the layers of a spinal head, side by side, both from below."""
    alt = (
        "One line of the cord has no counterpart in the head: the fibre that goes straight up. Two pictures side by side, both to be read "
        "from below. Left, touch: leg, trunk, arm and neck each send a nerve into their own segment of the spinal cord; neighbouring segments "
        "are linked both ways; every segment has its own way up to the brain; and a fibre of each nerve goes up in the dorsal column, past all "
        "segments. Right, the spinal head: input splits 0 and 1 enter layers 0 to 3 in turn; each layer also reads the layer below it; all four "
        "layers feed the logits. Where the dorsal column would be there is a dotted line only."
    )

    def draw(figure: Figure, theme: Theme) -> None:
        for axes, side in zip(panels(figure, 2), (_TOUCH, _HEAD), strict=True):
            axes.set(xlim=(0, 10), ylim=(0, 10), aspect="equal")
            axes.set_axis_off()
            axes.set_title(side["title"], fontsize=12, fontweight="bold", color=theme.text)
            _draw_side(axes, theme, side, in_cord=side is _TOUCH)

    return Picture(draw, alt, (8.2, 4.5), narrow=(NARROW, 8.0))


def _draw_side(axes: Axes, theme: Theme, side: dict, in_cord: bool) -> None:
    top, reading, chain, up = side["words"]
    direct = 3.2
    for i, y in enumerate(_LEVELS):
        box(axes, theme, 0.2, y, 2.0, 1.0, side["inputs"][i], theme.input)
        box(axes, theme, 4.2, y, 2.2, 1.0, side["middle"][i], theme.text)
        arrow(axes, (2.2, y + 0.5), (4.2, y + 0.5), theme.input)
        way_up(axes, (6.4, y + 0.5), 7.4 + 0.45 * (3 - i), 8.6, theme.output)
        if i:  # in the cord the links lead both ways
            arrow(axes, (5.3, _LEVELS[i - 1] + 1.0), (5.3, y), theme.chain, both=in_cord, dashed=in_cord)
        if in_cord:
            axes.plot(direct, y + 0.5, marker="o", markersize=5, color=theme.linear)
    if in_cord:
        arrow(axes, (direct, _LEVELS[0] + 0.5), (direct, 8.6), theme.linear)
    else:
        axes.plot([direct] * 2, [_LEVELS[0] + 0.7, 8.5], color=theme.linear, linestyle=":", linewidth=1.6)
    box(axes, theme, 2.9, 8.6, 6.5, 1.1, top, theme.output)
    axes.text(1.2, 9.15, side["direct"], ha="center", va="center", color=theme.linear, fontsize=10)
    axes.text(1.2, 7.9, reading, ha="center", color=theme.input, fontsize=10)
    axes.text(5.3, 0.55, chain, ha="center", color=theme.chain, fontsize=10)
    axes.text(9.2, 5.0, up, rotation=90, va="center", color=theme.output, fontsize=10)


def draw_heads(
    in_features: int, num_classes: int, hidden_size: int, layer_width: int, num_layers: int, num_splits: int = 2
) -> Picture:
    """A dense head and a spinal head as weight matrices, drawn to one scale: the area is the number of weights.

    The numbers stand in the alt text only: the picture is for guessing them.
    """
    dense = head_cost("mlp", in_features, num_classes, hidden_sizes=hidden_size).weights
    sizes = {"layer_width": layer_width, "num_layers": num_layers, "num_splits": num_splits}
    spinal = head_cost("spinal", in_features, num_classes, **sizes).weights
    alt = (
        f"Weight matrices drawn to scale. The dense head: one full block of {in_features} by {hidden_size} and one of {hidden_size} by {num_classes}, "
        f"{dense:,} weights. The spinal head: {num_layers} narrow layers, each a block on one of {num_splits} input splits and a small block on "
        f"the layer before, and a last block for the logits, {spinal:,} weights."
    )

    def draw(figure: Figure, theme: Theme) -> None:
        left, right = panels(figure, 2, sharey=True)
        rows = max(hidden_size, num_layers * layer_width) + num_classes
        columns = in_features + max(hidden_size, num_layers * layer_width)
        block(left, theme, 0, 0, in_features, hidden_size, theme.dense)
        block(left, theme, in_features, hidden_size, hidden_size, num_classes, theme.dense)
        left.set_title("dense head", fontsize=10)
        starts = list(itertools.accumulate(split_sizes(in_features, num_splits), initial=0))
        for i in range(num_layers):
            start, stop = starts[i % num_splits], starts[i % num_splits + 1]
            block(right, theme, start, i * layer_width, stop - start, layer_width, theme.input)
            if i:
                before = in_features + (i - 1) * layer_width
                block(right, theme, before, i * layer_width, layer_width, layer_width, theme.chain)
        block(right, theme, in_features, num_layers * layer_width, num_layers * layer_width, num_classes, theme.output)
        right.set_title("spinal head", fontsize=10)
        for axes in (left, right):
            axes.axvline(in_features, color=theme.quiet, linewidth=0.8, linestyle=":")
            axes.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xlabel="features | layer outputs")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(visible=True, color=theme.quiet)
        left.set_ylabel("layer outputs, then logits")

    return Picture(draw, alt, (7.4, 3.6), narrow=(NARROW, 6.6))
