"""How two narrow layers of a spine carry one hidden unit of a dense head, drawn with the values of a real one."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..checks import check_int
from ..heads.dense import MLPHead
from ..heads.theory import as_spine
from .palette import Theme
from .picture import NARROW, Picture, panels
from .shapes import LETTER, arrow, box, letter


def draw_as_spine(mlp: MLPHead, x: Tensor, unit: int = 0) -> Picture:
    """One hidden unit of `mlp`, and the two layers of `as_spine(mlp, units_per_layer=1)` that carry it, for features `x`.

    `x` is `(in_features,)`; the values in the picture are those of both heads. Raises as `as_spine` does, and ValueError
    for features of another shape, for a `unit` that is not there, and for one feature, which makes one split.
    """
    spine = as_spine(mlp, units_per_layer=1)
    hidden = mlp.head_hidden_size
    if spine.num_splits < 2:
        raise ValueError(
            f"draw_as_spine: in_features={mlp.in_features} makes one input split; pass a head of two or more"
        )
    if tuple(x.shape) != (mlp.in_features,):
        raise ValueError(f"draw_as_spine: x of shape {tuple(x.shape)} is not ({mlp.in_features},); pass one example")
    if check_int("draw_as_spine", "unit", unit, minimum=0) >= hidden:
        raise ValueError(f"draw_as_spine: unit={unit} does not exist: the head's are 0 to {hidden - 1}")
    with torch.no_grad():
        dense = mlp(x[None], pre_logits=True)[0, unit].item()
        layers = spine(x[None], pre_logits=True).view(spine.num_layers, spine.layer_width)
    (plus, minus), (whole, idle) = layers[2 * unit : 2 * unit + 2].tolist()
    alt = (
        f"Two narrow layers carry one hidden unit. Left, the unit of a dense head adds what it reads of input splits 0 and 1 and gives z = {dense:.2f}. "
        f"Right, layer {2 * unit} sums over split 0 only and gives the positive part of the sum, {plus:.2f}, and its negative part, {minus:.2f}; layer "
        f"{2 * unit + 1} takes the first less the second, adds the sum over split 1 and gives z = {whole:.2f}. Its second output is idle, {idle:.0f}, "
        "and the logits read z alone."
    )

    def draw(figure: Figure, theme: Theme) -> None:
        left, right = panels(figure, 2)
        for axes, title in ((left, "A unit of a dense head"), (right, "Two layers of a spine")):
            axes.set(xlim=(0, 10), ylim=(0.4, 10), aspect="equal")
            axes.set_axis_off()
            axes.set_title(title, fontsize=11, color=theme.text)
            box(axes, theme, 0.2, 1.2, 1.8, 1.8, "$x^{(0)}$", theme.input, size=LETTER)
            box(axes, theme, 0.2, 5.0, 1.8, 1.8, "$x^{(1)}$", theme.input, size=LETTER)
            box(axes, theme, 4.0, 8.5, 5.6, 1.1, "logits", theme.output)
        _draw_dense(left, theme, dense)
        _draw_spinal(right, theme, 2 * unit, (plus, minus, whole, idle))

    return Picture(draw, alt, (7.4, 4.0), narrow=(NARROW, 8.0))


def _draw_dense(axes: Axes, theme: Theme, z: float) -> None:
    box(axes, theme, 4.0, 3.1, 2.9, 1.8, f"$z$\n{z:.2f}", theme.dense, size=LETTER)
    arrow(axes, (2.0, 2.1), (4.0, 3.7), theme.dense)
    arrow(axes, (2.0, 5.9), (4.0, 4.3), theme.dense)
    arrow(axes, (5.45, 4.9), (5.45, 8.5), theme.dense)
    letter(axes, 3.2, 2.4, "$p$", theme.dense)
    letter(axes, 3.2, 5.6, "$q$", theme.dense)
    letter(axes, 5.9, 6.7, "$v$", theme.dense)
    letter(axes, 5.4, 0.9, "$z=\\varphi(p\\,x^{(0)}+q\\,x^{(1)}+b)$", theme.text)


def _draw_spinal(axes: Axes, theme: Theme, first: int, values: tuple[float, ...]) -> None:
    plus, minus, whole, idle = values
    for layer, low, label in ((first, 0.95, 0.55), (first + 1, 4.75, 7.5)):
        box(axes, theme, 3.75, low, 6.1, 2.3, "", theme.quiet)
        letter(axes, 8.4, label, f"layer {layer}", theme.quiet, size=10)
    for x, y, name, value in (
        (4.0, 1.2, "\\varphi(a)", plus),
        (7.0, 1.2, "\\varphi(-a)", minus),
        (4.0, 5.0, "z", whole),
    ):
        box(axes, theme, x, y, 2.6, 1.8, f"${name}$\n{value:.2f}", theme.text, size=12)
    box(axes, theme, 7.0, 5.0, 2.6, 1.8, f"idle\n{idle:.0f}", theme.quiet, dashed=True)
    arrow(axes, (2.0, 2.1), (3.75, 2.1), theme.input)
    letter(axes, 2.9, 2.55, "$p,\\ -p$", theme.input, size=12)
    letter(axes, 5.2, 0.5, "$a=p\\,x^{(0)}$", theme.text)
    arrow(axes, (2.0, 5.9), (4.0, 5.9), theme.input)
    letter(axes, 2.9, 6.35, "$q,\\ b$", theme.input, size=12)
    arrow(axes, (5.0, 3.0), (5.0, 5.0), theme.chain)
    letter(axes, 4.4, 4.0, "+1", theme.chain, size=12)
    arrow(axes, (8.2, 3.0), (6.1, 5.0), theme.chain)
    letter(axes, 7.8, 4.1, "−1", theme.chain, size=12)
    arrow(axes, (5.3, 6.8), (5.3, 8.5), theme.output)
    letter(axes, 5.8, 7.6, "$v$", theme.output)
