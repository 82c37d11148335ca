"""What cuts cost in the small spines, and how their answer grows from level to level: figures and tables from their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from ..checks import needs
from ..models.small_spine import SmallSpine, decided_at
from .palette import Theme
from .picture import Picture

if TYPE_CHECKING:
    from pandas import DataFrame

_NAMES = {"root": "a root", "cord": "the cord above", "way": "the way up", "both": "cord and way up"}
_MARKS = {"root": "o", "cord": "s", "way": "^", "both": "D"}


def cut_table(spines: Mapping[str, SmallSpine]) -> DataFrame:
    """A row for each spine and cut: its part, its level, stored images read right with it and with nothing cut, and how many there are."""
    with needs("book"):
        import pandas as pd

    rows = []
    for alphabet, spine in spines.items():
        for cut in spine.cuts:
            part, _, level = cut.partition("-")
            rows.append((alphabet, part, int(level), spine.right(cut), spine.right(), len(spine.labels)))
    return pd.DataFrame(rows, columns=["alphabet", "cut", "level", "right", "right_whole", "images"])


def plot_cuts(spines: Mapping[str, SmallSpine]) -> Picture:
    """A panel for each spine: the share of its stored images read right by what is cut and at which level; dashed is nothing cut."""
    table = cut_table(spines)
    lowest = 10 * (100 * (table["right"] / table["images"]).min() // 10)

    def draw(figure: Figure, theme: Theme) -> None:
        panels = np.atleast_1d(figure.subplots(len(spines), sharex=True))
        colours = {"root": theme.input, "cord": theme.chain, "way": theme.output, "both": theme.text}
        for axes, (alphabet, spine) in zip(panels, spines.items(), strict=True):
            axes.axhline(100 * spine.right() / len(spine.labels), color=theme.quiet, linestyle="--", linewidth=1)
            for part, name in _NAMES.items():
                rows = table[(table["alphabet"] == alphabet) & (table["cut"] == part)]
                look = {"color": colours[part], "marker": _MARKS[part], "markersize": 5, "linewidth": 1.2}
                axes.plot(rows["level"], 100 * rows["right"] / rows["images"], label=name, **look)
            axes.set_title(alphabet, loc="left", fontsize=10, color=theme.text)
            axes.set(ylim=(lowest, 102), ylabel="read right, %")
        panels[-1].set_xlabel("level of the cut, from below")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, labelcolor=theme.text, fontsize=9)

    return Picture(draw, _alt_of_cuts(table), (4.9, 6.6))


def plot_climb(spines: Mapping[str, SmallSpine]) -> Picture:
    """Of each spine the share of stored images that is right after each level, and at which level the answer is decided."""
    climbs = {alphabet: spine.climb(spine.images) for alphabet, spine in spines.items()}
    levels = range(1, next(iter(climbs.values())).shape[1])
    ahead = {
        alphabet: [float((running[:, k].argmax(axis=1) == spines[alphabet].labels).mean()) for k in levels]
        for alphabet, running in climbs.items()
    }
    decided = {
        alphabet: [int((decided_at(running) == k).sum()) for k in levels] for alphabet, running in climbs.items()
    }

    def draw(figure: Figure, theme: Theme) -> None:
        panels = figure.subplots(2, sharex=True)
        for place, (alphabet, mark) in enumerate(zip(spines, _MARKS.values(), strict=False)):
            style = {"color": theme.spinal, "marker": mark, "linestyle": ("-", "--", ":")[place % 3], "label": alphabet}
            panels[0].plot(levels, [100 * share for share in ahead[alphabet]], **style)
            panels[1].plot(levels, decided[alphabet], **style)
        panels[0].set(ylim=(0, 102), ylabel="ahead is right, %")
        panels[1].set(ylim=0, ylabel="images decided here", xlabel="level, from below")
        panels[0].legend(labelcolor=theme.text, fontsize=9)

    told = "; ".join(
        f"{alphabet} {', '.join(f'{share:.0%}' for share in shares)}, most often decided at level {1 + int(np.argmax(decided[alphabet]))}"
        for alphabet, shares in ahead.items()
    )
    return Picture(draw, f"The running vote is right ever more often on the way up. From below: {told}.", (4.9, 4.8))


def _alt_of_cuts(table: DataFrame) -> str:
    worst = table.loc[table.groupby(["alphabet", "cut"], sort=False)["right"].idxmin()]
    told = "; ".join(
        f"{alphabet}: nothing cut {rows['right_whole'].iloc[0] / rows['images'].iloc[0]:.0%}, "
        + ", ".join(f"{_NAMES[r.cut]} at worst {r.right / r.images:.0%} at level {r.level}" for r in rows.itertuples())
        for alphabet, rows in worst.groupby("alphabet", sort=False)
    )
    return f"Stored images read right by what is cut. {told}."
