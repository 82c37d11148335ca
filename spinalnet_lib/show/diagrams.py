"""Drawings of ideas, to scale where they show counts: the analogy with touch, and heads as weight matrices."""

from __future__ import annotations

import itertools

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from ..heads.counting import head_cost
from ..heads.spinal import split_sizes
from .palette import Theme
from .picture import NARROW, Picture, panels


def draw_touch_to_layers() -> Picture:
    """The analogy in one picture: spinal segments and the layers of a spinal head, side by side."""
    alt = (
        "Two pictures side by side. Left, touch: four patches of skin each send a nerve into their own segment of the spinal cord; "
        "neighbouring segments are linked; every segment has its own way up to the brain. Right, the spinal head: input splits A and B "
        "enter four layers in turn; each layer also reads the layer before; all four layers feed the logits."
    )

    def draw(figure: Figure, theme: Theme) -> None:
        left, right = panels(figure, 2)
        for axes, title in ((left, "Touch"), (right, "Spinal head")):
            axes.set(xlim=(0, 10), ylim=(0, 10), aspect="equal")
            axes.set_axis_off()
            axes.set_title(title, fontsize=12, fontweight="bold", color=theme.text)
        heights = (6.6, 4.8, 3.0, 1.2)
        skin, segment = ("neck", "arm", "trunk", "leg"), ("cervical", "cervical", "thoracic", "lumbar")
        split, layer = [f"split {'AB'[i % 2]}" for i in range(4)], [f"layer {i}" for i in range(4)]
        of_touch = ("brain", "dermatomes", "segments and their local links", "ascending tracts")
        of_head = ("logits", "input splits", "intermediate split: the chain", "output split")
        for axes, inputs, middle, words in ((left, skin, segment, of_touch), (right, split, layer, of_head)):
            for i, y in enumerate(heights):
                _box(axes, theme, 0.2, y, 2.0, 1.0, inputs[i], theme.input)
                _box(axes, theme, 4.2, y, 2.2, 1.0, middle[i], theme.text)
                _arrow(axes, (2.2, y + 0.5), (4.2, y + 0.5), theme.input)
                _way_up(axes, (6.4, y + 0.5), 7.4 + 0.45 * i, 8.6, theme.output)
                if i:  # in the cord the links lead both ways
                    both = axes is left
                    _arrow(axes, (5.3, heights[i - 1]), (5.3, y + 1.0), theme.chain, both=both, dashed=both)
            top, reading, chain, up = words
            _box(axes, theme, 4.2, 8.6, 5.2, 1.1, top, theme.output)
            axes.text(1.3, 8.0, reading, ha="center", color=theme.input, fontsize=10)
            axes.text(5.3, 0.55, chain, ha="center", color=theme.chain, fontsize=10)
            axes.text(9.2, 5.0, up, rotation=90, va="center", color=theme.output, fontsize=10)

    return Picture(draw, alt, (8.2, 4.5), narrow=(NARROW, 8.0))


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
        _block(left, theme, 0, 0, in_features, hidden_size, theme.dense)
        _block(left, theme, in_features, hidden_size, hidden_size, num_classes, theme.dense)
        left.set_title("dense head", fontsize=10)
        starts = list(itertools.accumulate(split_sizes(in_features, num_splits), initial=0))
        for i in range(num_layers):
            start, stop = starts[i % num_splits], starts[i % num_splits + 1]
            _block(right, theme, start, i * layer_width, stop - start, layer_width, theme.input)
            if i:
                before = in_features + (i - 1) * layer_width
                _block(right, theme, before, i * layer_width, layer_width, layer_width, theme.chain)
        _block(right, theme, in_features, num_layers * layer_width, num_layers * layer_width, num_classes, theme.output)
        right.set_title("spinal head", fontsize=10)
        for axes in (left, right):
            axes.axvline(in_features, color=theme.quiet, linewidth=0.8, linestyle=":")
            axes.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xlabel="features | layer outputs")
        left.set_ylabel("layer outputs, then logits")

    return Picture(draw, alt, (7.4, 3.6), narrow=(NARROW, 6.6))


def _block(axes: Axes, theme: Theme, column: float, row: float, columns: float, rows: float, colour: str) -> None:
    axes.add_patch(Rectangle((column, row), columns, rows, facecolor=colour, edgecolor=theme.back, linewidth=0.8))


def _box(axes: Axes, theme: Theme, x: float, y: float, width: float, height: float, label: str, colour: str) -> None:
    look = {"boxstyle": "round,pad=0,rounding_size=0.2", "facecolor": theme.back, "edgecolor": colour, "linewidth": 1.6}
    axes.add_patch(FancyBboxPatch((x, y), width, height, **look))
    axes.text(x + width / 2, y + height / 2, label, ha="center", va="center", color=theme.text, fontsize=10)


def _arrow(axes: Axes, start, end, colour: str, both: bool = False, dashed: bool = False) -> None:
    look = {"arrowstyle": "<|-|>" if both else "-|>", "linestyle": "--" if dashed else "-", "color": colour}
    axes.add_patch(FancyArrowPatch(start, end, mutation_scale=10, linewidth=1.6, shrinkA=0, shrinkB=0, **look))


def _way_up(axes: Axes, start: tuple[float, float], x: float, top: float, colour: str) -> None:
    """Right from `start`, then up to `top`."""
    axes.plot([start[0], x], [start[1]] * 2, color=colour, linewidth=1.6, solid_capstyle="round")
    _arrow(axes, (x, start[1]), (x, top), colour)
