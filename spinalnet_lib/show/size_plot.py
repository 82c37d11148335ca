"""The gain of a spinal head over the number of training images, a panel a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ..words import signed
from .gain_plot import RIVALS
from .palette import Theme
from .picture import NARROW, Picture, is_narrow

if TYPE_CHECKING:
    import pandas as pd

_MARKS = {"linear": "s", "mlp_matched": "D"}
_APART = 1.04  # so that intervals at one size do not hide each other


def plot_gains_by_size(table: pd.DataFrame) -> Picture:
    """Points of test error that the spine gains over training images a class (logarithmic), against either rival.

    `table` is what `gains_by_size` gave; a filled mark has a verdict. ValueError for a table without rows.
    """
    if table.empty:
        raise ValueError("plot_gains_by_size: the table has no rows; no pair of gains_by_size() has all its runs yet")
    sets = dict(list(table.groupby("data", sort=False)))

    def draw(figure: Figure, theme: Theme) -> None:
        columns = 1 if is_narrow(figure) else 2
        every = figure.subplots(-(-len(sets) // columns), columns, squeeze=False).flatten()
        for axes, (name, of_set) in zip(every, sets.items(), strict=False):
            axes.axhline(0, color=theme.text, linewidth=1)
            for place, (reference, rows) in enumerate(of_set.groupby("reference")):
                colour, sizes = theme.of_head(reference), rows["per_class"] * _APART ** (2 * place - 1)
                axes.plot(sizes, rows["gain"], color=colour, linewidth=1.2, label=f"against {RIVALS[reference]}")
                axes.vlines(sizes, rows["low"], rows["high"], color=colour, linewidth=2)
                for size, gain, judged in zip(sizes, rows["gain"], rows["judged"], strict=True):
                    axes.plot(
                        size, gain, _MARKS[reference], color=colour, markerfacecolor=colour if judged else theme.back
                    )
            axes.set_xscale("log")
            counts = sorted(set(of_set["per_class"]))
            axes.set_xticks(counts, [f"{count:,.0f}" for count in counts])
            axes.minorticks_off()
            axes.margins(x=0.12)
            axes.set_title(name.replace("_", " "), loc="left", fontsize=10, color=theme.text)
        for axes in every[len(sets) :]:
            axes.set_axis_off()
        figure.supxlabel("training images a class; filled: with a verdict", fontsize=10)
        figure.supylabel("gain of the spine, points", fontsize=10)
        found = {words: line for axes in every for line, words in zip(*axes.get_legend_handles_labels(), strict=True)}
        figure.legend(found.values(), found.keys(), loc="outside upper left", ncols=columns, fontsize=9)

    rows = -(-len(sets) // 2)
    return Picture(draw, _alt(sets), (7.0, 1.0 + 2.0 * rows), narrow=(NARROW, 1.2 + 1.9 * len(sets)))


def _alt(sets: dict[str, pd.DataFrame]) -> str:
    said = []
    for name, of_set in sets.items():
        for reference, rows in of_set.groupby("reference"):
            told = ", ".join(f"{signed(row.gain)} at {row.per_class:,.0f}" for row in rows.itertuples())
            said.append(f"{name.replace('_', ' ')}, against {RIVALS[reference]}: {told}")
    return f"Points of test error that the spine gains, by training images a class. {'; '.join(said)}."
