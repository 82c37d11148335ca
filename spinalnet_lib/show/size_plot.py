"""The gain of a spinal head over the number of training images, a panel a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..words import signed
from .gain_lines import GainLines
from .gain_plot import RIVALS
from .picture import Picture

if TYPE_CHECKING:
    import pandas as pd

_LABELS = "training images a class; filled: with a verdict", "gain of the spine, points"


def plot_gains_by_size(table: pd.DataFrame) -> Picture:
    """Points of test error that the spine gains over training images a class (logarithmic), against either rival.

    `table` is what `gains_by_size` gave; a filled mark has a verdict. ValueError for a table without rows.
    """
    if table.empty:
        raise ValueError("plot_gains_by_size: the table has no rows; no pair of gains_by_size() has all its runs yet")
    table = table.rename(columns={"per_class": "size", "judged": "filled"})
    sets = dict(list(table.groupby("data", sort=False)))
    lines = GainLines(sets, RIVALS, _LABELS)
    said = lines.alt(lambda row: f"{signed(row.gain)} at {row.size:,.0f}")
    alt = f"Points of test error that the spine gains, by training images a class. {said}."
    return Picture(lines.draw, alt, lines.size, narrow=lines.narrow)
