"""What a spine costs the whole net: its weights, products, times and memory over those of the net with the replaced head."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import seaborn as sns
from matplotlib.figure import Figure

from .palette import Theme
from .picture import NARROW, Picture, is_narrow, label_log_axis

if TYPE_CHECKING:
    import pandas as pd

NO_BODY = "pixels"  # the nets of the regressions, which read their inputs as they are
_SPINES = ("spinal", "spinal_spatial")  # the paper's, whichever a body has
_BODIES = {
    "two_conv": "2-conv CNN",
    "efficientnet_lite0": "EfficientNet-Lite0",
    "vgg5": "VGG-5",
    "cifar_cnn": "CIFAR CNN",
    "resnet18_cells": "ResNet-18 (cells)",
    "vgg16_bn": "VGG-16",
}
_REPLACED = {"linear": "one Linear", "mlp": "a dense head"}


def plot_costs(table: pd.DataFrame) -> Picture:
    """Of each body the cost of its net with the paper's spine, over the net with the head that the spine replaces.

    A panel a quantity; the bar is from the tenth to the ninetieth percentile where it was timed, and the thin marks are
    the other arms of the study. `table` is `costs_table()`. Nets without a body are left out. Raises ValueError where
    nothing is left.
    """
    nets = table[table["body"] != NO_BODY] if len(table) else table
    if not len(nets):
        raise ValueError("plot_costs: no nets; pass costs_table(), or measure with `spinalnet bench --only costs`")
    spines = nets[nets["arm"].isin(_SPINES)].sort_values("reference", ascending=False, kind="stable").set_index("body")
    bodies = list(spines.index)
    quantities = [name for name in nets.columns[3:] if not name.endswith((", low", ", high"))]
    names = [_BODIES.get(body, body) for body in bodies]
    replaced = [f"\nfor {_REPLACED[spines.loc[body, 'reference']]}" for body in bodies]
    least, most = nets[quantities].min().min(), nets[quantities].max().max()

    def draw(figure: Figure, theme: Theme) -> None:
        rows, columns = (len(quantities), 1) if is_narrow(figure) else (-(-len(quantities) // 2), 2)
        places = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat
        for axes, quantity in zip(places, quantities, strict=False):
            axes.axvline(1, color=theme.quiet, linestyle="--", linewidth=1, zorder=0)
            for place, body in enumerate(bodies):
                for _, other in nets[nets["body"] == body].iterrows():
                    axes.plot(other[quantity], place, "|", color=theme.of_head(other["arm"]), alpha=0.5, markersize=9)
                spine = spines.loc[body]
                ends = [spine.get(f"{quantity}, {end}", spine[quantity]) for end in ("low", "high")]
                axes.plot(ends, [place, place], color=theme.spinal, linewidth=3, alpha=0.5)
                axes.plot(spine[quantity], place, "o", color=theme.spinal, markersize=7)
            axes.set_title(textwrap.fill(quantity, 36), loc="left", fontsize=10, color=theme.text)
            axes.set(xscale="log", xlim=(least / 1.1, most * 1.1))
            labels = names if is_narrow(figure) else map("".join, zip(names, replaced, strict=True))
            axes.set_yticks(range(len(bodies)), labels)
            axes.set_ylim(len(bodies) - 0.5, -0.5)
            label_log_axis(axes.xaxis)
            axes.tick_params(which="both", labelbottom=True)
            sns.despine(ax=axes)
        figure.supxlabel("over the net with the replaced head (logarithmic)", fontsize=10, color=theme.text)

    pairs = -(-len(quantities) // 2)
    wide, narrow = ((each * len(bodies) + 0.7) for each in (0.4, 0.25))
    alt = _alt(spines, quantities)
    return Picture(draw, alt, (7.4, pairs * wide), narrow=(NARROW, len(quantities) * narrow))


def _alt(spines: pd.DataFrame, quantities: list[str]) -> str:
    """Of each quantity on how many bodies a spine's net has a hundredth less at least, and the ends."""
    said = []
    for quantity in quantities:
        ratios = spines[quantity]
        fewer = sum(ratios < 0.99)
        ends = (f"{ratios[body]:.2f} ({_BODIES.get(body, body)})" for body in (ratios.idxmin(), ratios.idxmax()))
        said.append(f"{quantity}: clearly less on {fewer} of {len(ratios)} bodies, {' to '.join(ends)}")
    return f"Nets with the paper's spine over nets with the head it replaces. {'; '.join(said)}."
