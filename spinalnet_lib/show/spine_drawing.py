"""The spinal layer drawn from a head's own arguments, with the letters of its equations: the wiring, and what it reaches."""

from __future__ import annotations

import itertools

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from ..heads.spinal import SpinalHead, check_spine, split_sizes
from .palette import Theme
from .picture import NARROW, Picture
from .shapes import LETTER, arrow, block, box, letter

_HIGH, _PITCH = 1.4, 2.15  # of a layer, and from one to the next, in units of which `_WIDE` make the drawing
_WIDE = 11.0


def draw_spine(
    in_features: int, num_classes: int, layer_width: int, num_layers: int = 4, num_splits: int = 2
) -> Picture:
    """The architecture of a `SpinalHead` of these arguments, layer 0 at the bottom: splits, layers, pre-logits, logits.

    Input splits are drawn to scale. Raises as `SpinalHead` does for sizes that make none.
    """
    check_spine(in_features, num_classes, layer_width, num_layers, num_splits, "draw_spine")
    ends = list(itertools.accumulate(split_sizes(in_features, num_splits), initial=0))
    tall = num_layers * _PITCH + 1.6
    reading = "; ".join(
        f"layer {i} reads split {i % num_splits}" + (f" and layer {i - 1}" if i else "") for i in range(num_layers)
    )
    alt = (
        f"Each layer reads one input split and the layer below it, and all layers feed the logits. {in_features} features are cut into {num_splits} "
        f"input splits; {num_layers} layers of width {layer_width} stand on each other; from below, {reading}. The {num_layers * layer_width} layer "
        f"outputs side by side are the pre-logits, from which one linear map makes {num_classes} logits."
    )

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        axes.set(xlim=(0, _WIDE), ylim=(-1.3, tall - 1.3), aspect="equal")
        axes.set_axis_off()
        high = (num_layers - 1) * _PITCH + _HIGH
        middles = [i * _PITCH + _HIGH / 2 for i in range(num_layers)]
        splits = [(high * a / in_features, high * b / in_features) for a, b in itertools.pairwise(ends)]
        for k, (low, up) in enumerate(splits):
            box(axes, theme, 0.2, low + 0.05, 1.5, up - low - 0.1, f"$x^{{({k})}}$", theme.input, size=LETTER)
        for i, y in enumerate(middles):
            arrow(axes, (1.75, sum(splits[i % num_splits]) / 2), (3.0, y), theme.input)
            box(axes, theme, 3.0, y - _HIGH / 2, 3.3, _HIGH, "", theme.text)
            letter(axes, 4.65, y + 0.33, f"layer {i}", theme.text, size=10)
            letter(axes, 4.65, y - 0.25, f"$W_{{{i}}},\\ b_{{{i}}},\\ \\varphi$", theme.text)
            if i:
                arrow(axes, (4.65, middles[i - 1] + _HIGH / 2), (4.65, y - _HIGH / 2), theme.chain)
                letter(axes, 5.25, y - _PITCH / 2, f"$h_{{{i - 1}}}$", theme.chain)
            arrow(axes, (6.3, y), (7.5, y), theme.output)
            box(axes, theme, 7.5, y - _PITCH / 2 + 0.05, 0.9, _PITCH - 0.1, f"$h_{{{i}}}$", theme.output, size=LETTER)
        _draw_classifier(axes, theme, (middles[0] + middles[-1]) / 2)
        counts = ("features", f"$d$ = {in_features}"), ("layers", f"$L$ = {num_layers}, $w$ = {layer_width}")
        counts += ("pre-logits", f"$Lw$ = {num_layers * layer_width}"), ("logits", f"$C$ = {num_classes}")
        for x, (name, count) in zip((0.95, 4.65, 7.95, 10.35), counts, strict=True):
            letter(axes, x, -0.45, f"{name}\n{count}", theme.text, size=10, va="top")

    return Picture(draw, alt, (6.2, 6.2 * tall / _WIDE), narrow=(NARROW, NARROW * tall / _WIDE))


def _draw_classifier(axes: Axes, theme: Theme, middle: float) -> None:
    arrow(axes, (8.4, middle), (9.9, middle), theme.output)
    letter(axes, 9.15, middle + 0.45, "$V,\\ c$", theme.output)
    box(axes, theme, 9.9, middle - 0.6, 0.9, 1.2, "$y$", theme.text, size=LETTER)


def draw_reach(reach: Tensor, head: SpinalHead) -> Picture:
    """Which features can change which layer of `head`, layer 0 at the bottom: read by itself, or handed on by the chain.

    `reach` is `(num_layers * layer_width, in_features)`, the derivatives of the pre-logits by the features, say; what is
    not zero reaches. Raises ValueError for another shape.
    """
    expected = (head.num_layers * head.layer_width, head.in_features)
    if tuple(reach.shape) != expected:
        raise ValueError(
            f"draw_reach: reach of shape {tuple(reach.shape)} is none of this head; pass one of {expected}"
        )
    reached = (reach != 0).view(head.num_layers, head.layer_width, -1).any(dim=1)
    own = torch.zeros_like(reached)
    for layer, read in zip(own, head.read(torch.arange(head.in_features)[None]), strict=True):
        layer[read[0]] = True
    told = "; ".join(f"layer {i}: {int(row.sum())} of {len(row)}" for i, row in enumerate(reached))

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for i, j in itertools.product(range(head.num_layers), range(head.in_features)):
            if reached[i, j]:
                margin, colour = (0.06, theme.input) if own[i, j] else (0.2, theme.chain)
                block(axes, theme, j + margin, i + margin, 1 - 2 * margin, 1 - 2 * margin, colour)
        for end in list(itertools.accumulate(split_sizes(head.in_features, head.num_splits)))[:-1]:
            axes.axvline(end, color=theme.quiet, linestyle=":", linewidth=1)
        axes.set(xlim=(0, head.in_features), ylim=(0, head.num_layers), aspect="equal", xlabel="feature")
        axes.set_xticks([j + 0.5 for j in range(head.in_features)], range(head.in_features))
        axes.set_yticks([i + 0.5 for i in range(head.num_layers)], [f"layer {i}" for i in range(head.num_layers)])
        axes.tick_params(length=0)
        keys = [Patch(color=theme.input, label="reads it"), Patch(color=theme.chain, label="by the chain")]
        figure.legend(handles=keys, loc="outside lower center", ncols=2, labelcolor=theme.text, fontsize=10)

    high = 1.2 + 3.4 * head.num_layers / head.in_features
    return Picture(
        draw, f"The higher the layer, the more features reach it. Of the features reach {told}.", (4.2, high)
    )
