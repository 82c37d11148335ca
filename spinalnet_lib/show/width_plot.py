"""The gain of a spinal head over the width of its layers, a panel a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .gain_lines import GainLines
from .picture import Picture

if TYPE_CHECKING:
    import pandas as pd

_RIVALS = {"mlp": "a dense head of its width", "mlp_matched": "a dense head of its size"}
_LABELS = "width of the layers", "errors for one of the spine"
_TICKS = 1, 2, 4, 8, 16, 32


def plot_gains_by_width(table: pd.DataFrame) -> Picture:
    """How many errors a dense head makes for one of the spine (logarithmic), over the width of the spine's layers (also).

    `table` are rows of `comparisons_table` with a width, whose gains are logarithms of ratios of errors; the grey band are
    the ratios below δ. ValueError where no row has a gain.
    """
    known = table[table["gain"].notna() & table["width"].notna()]
    if known.empty:
        raise ValueError("plot_gains_by_width: no row has a width and a gain; pass rows of tier W once they are judged")
    found = known.assign(size=known["width"].astype(float), filled=True).sort_values("size")
    found[["gain", "low", "high"]] = np.exp(found[["gain", "low", "high"]])
    sets = dict(list(found.groupby("data", sort=False)))
    band = tuple(np.exp([-found["delta"].iloc[0], found["delta"].iloc[0]]))
    lines = GainLines(sets, _RIVALS, _LABELS, 1.0, band, "log")

    def draw(figure, theme):
        lines.draw(figure, theme)
        for axes in figure.axes[: len(sets)]:
            low, high = axes.get_ylim()
            ticks = [tick for tick in _TICKS if low <= tick <= high]
            axes.set_yticks(ticks, [f"{tick}" for tick in ticks])
            axes.minorticks_off()

    said = lines.alt(lambda row: f"{row.gain:.2f} at width {row.width:.0f}")
    alt = f"Errors that a dense head makes for one of the spine, by width. {said}."
    return Picture(draw, alt, (7.0, 3.6), narrow=lines.narrow)
