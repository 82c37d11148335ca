"""Gains drawn as lines over a size, a panel a data set: what the pictures by images and by width share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .palette import Theme
from .picture import NARROW, is_narrow

if TYPE_CHECKING:
    import pandas as pd

_MARKS = {"linear": "s", "mlp_matched": "D", "mlp": "o"}
_STYLES = {"linear": "-", "mlp_matched": "-", "mlp": "--"}  # both dense heads have one colour
_APART = 1.04  # so that intervals at one size do not hide each other


@dataclass(frozen=True)
class GainLines:
    """Of each set a table with the columns `reference`, `size`, `gain`, `low`, `high` and `filled`, whose marks are full.

    `none` is the gain of heads that are alike, `band` the gains that are too small to matter, `scale` that of the gains.
    """

    sets: Mapping[str, pd.DataFrame]
    rivals: Mapping[str, str]
    labels: tuple[str, str]  # of the sizes and of the gains
    none: float = 0.0
    band: tuple[float, float] | None = None
    scale: str = "linear"

    @property
    def size(self) -> tuple[float, float]:
        return 7.0, 1.0 + 2.0 * -(-len(self.sets) // 2)

    @property
    def narrow(self) -> tuple[float, float]:
        return NARROW, 1.2 + 1.9 * len(self.sets)

    def alt(self, told: Callable) -> str:
        """What `told` says of each row, by set and rival."""
        return "; ".join(
            f"{name.replace('_', ' ')}, against {self.rivals[reference]}: {', '.join(map(told, rows.itertuples()))}"
            for name, of_set in self.sets.items()
            for reference, rows in of_set.groupby("reference")
        )

    def draw(self, figure: Figure, theme: Theme) -> None:
        columns = 1 if is_narrow(figure) else 2
        every = figure.subplots(-(-len(self.sets) // columns), columns, squeeze=False).flatten()
        for axes, (name, of_set) in zip(every, self.sets.items(), strict=False):
            self._draw_set(axes, theme, of_set)
            axes.set_title(name.replace("_", " "), loc="left", fontsize=10, color=theme.text)
        for axes in every[len(self.sets) :]:
            axes.set_axis_off()
        figure.supxlabel(self.labels[0], fontsize=10)
        figure.supylabel(self.labels[1], fontsize=10)
        found = {words: line for axes in every for line, words in zip(*axes.get_legend_handles_labels(), strict=True)}
        figure.legend(found.values(), found.keys(), loc="outside upper left", ncols=columns, fontsize=9)

    def _draw_set(self, axes: Axes, theme: Theme, of_set: pd.DataFrame) -> None:
        axes.axhline(self.none, color=theme.text, linewidth=1)
        if self.band:
            axes.axhspan(*self.band, color=theme.quiet, alpha=0.18, linewidth=0)
        for place, (reference, rows) in enumerate(of_set.groupby("reference")):
            colour, sizes = theme.of_head(reference), rows["size"] * _APART ** (2 * place - 1)
            how = {"color": colour, "linestyle": _STYLES[reference], "label": f"against {self.rivals[reference]}"}
            axes.plot(sizes, rows["gain"], linewidth=1.2, **how)
            axes.vlines(sizes, rows["low"], rows["high"], color=colour, linewidth=2)
            for size, gain, filled in zip(sizes, rows["gain"], rows["filled"], strict=True):
                face = colour if filled else theme.back
                axes.plot(size, gain, _MARKS[reference], color=colour, markerfacecolor=face)
        axes.set_xscale("log")
        axes.set_yscale(self.scale)
        counts = sorted(set(of_set["size"]))
        axes.set_xticks(counts, [f"{count:,.0f}" for count in counts])
        axes.minorticks_off()
        axes.margins(x=0.12)
