"""Gains of exploratory pairs in points of test error: a row a pair, a mark a data set, and zero between better and worse."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ..words import counted, signed
from .gain_plot import RIVALS
from .palette import MARKERS, Theme
from .picture import NARROW, Picture, is_narrow

if TYPE_CHECKING:
    import pandas as pd

_HEADS = {
    **RIVALS,
    "spinal_no_chain": "one without its chain",
    "spinal_last": "one whose last layer alone feeds the logits",
    "spinal_full": "one whose layers read all features",
    "spinal_random_mask": "one with inputs drawn at random",
    "spinal_overlap": "one with overlapping splits",
    "spinal_direct": "one with a direct road to the logits",
    "spinal_big": "one as large as the dense head",
    "spinal_shared": "one layer, used again and again",
    "progressive": "one with all connections",
}
_SPINE, _RESIZED = "spinal", "as large as spinal"
_WIDE_LINE, _NARROW_LINE = 34, 19  # characters
_LINEAR = 0.1  # points, from zero; logarithmic beyond, as a chain may lose a hundred times what another change does
_TICKS = (-10, -1, -0.1, 0, 0.1, 1, 10)
_SPREAD = 0.5  # of a row, over which its marks are spread


def plot_pairs(pairs: pd.DataFrame) -> Picture:
    """Rows of `paired_gains` by pair: the gain of the first head on each data set, and the interval of its mean.

    Blue is an interval on the side of the first head, orange one on the side of the second. Pairs that lack runs are left out;
    ValueError where none is left.
    """
    pairs = pairs.dropna(subset="gain")
    if pairs.empty:
        raise ValueError("plot_pairs: no pair has all its runs; pass rows of paired_gains() with a gain")
    marks = dict(zip(dict.fromkeys(pairs["data"]), MARKERS, strict=False))
    rows = {_words(*heads): of_pair for heads, of_pair in _in_order(pairs)}

    def draw(figure: Figure, theme: Theme) -> None:
        axes, line = figure.subplots(), _NARROW_LINE if is_narrow(figure) else _WIDE_LINE
        axes.axvline(0, color=theme.text, linewidth=1)
        for place, of_pair in enumerate(rows.values()):
            for row in of_pair.itertuples():
                at = place + _SPREAD * (list(marks).index(row.data) / max(1, len(marks) - 1) - 0.5)
                colour = theme.spinal if row.low > 0 else theme.dense if row.high < 0 else theme.text
                axes.plot([row.low, row.high], [at, at], color=colour, linewidth=1.5)
                axes.plot(row.gain, at, marks[row.data], color=colour, markersize=5)
        axes.set_xscale("symlog", linthresh=_LINEAR, linscale=0.6)
        ticks = [each for each in _TICKS if axes.get_xlim()[0] <= each <= axes.get_xlim()[1]]
        axes.set_xticks(ticks, [signed(each, "g") if each else "0" for each in ticks])
        axes.minorticks_off()
        for place in range(1, len(rows)):
            axes.axhline(place - 0.5, color=theme.quiet, linewidth=0.5, alpha=0.5)
        axes.set_yticks(range(len(rows)), [textwrap.fill(words, line) for words in rows], fontsize=9)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        words = "gain of the first head,{}points of test error"
        axes.set_xlabel(words.format("\n" if is_narrow(figure) else " "), fontsize=9)
        axes.set_title("a spine against …", loc="left", fontsize=10, color=theme.text)
        for name, mark in marks.items():
            axes.plot([], [], mark, color=theme.text, markersize=5, label=name.replace("_", " "))
        figure.legend(loc="outside upper left", ncols=1 if is_narrow(figure) else len(marks), fontsize=9)

    better, worse = int((pairs["low"] > 0).sum()), int((pairs["high"] < 0).sum())
    said = "; ".join(f"{words}: {', '.join(map(_told, of_pair.itertuples()))}" for words, of_pair in rows.items())
    alt = f"Points of test error that a spine gains against other heads, {counted(len(pairs), 'interval')}: {better} above zero, {worse} below. {said}."
    return Picture(draw, alt, (7.0, 1.2 + 0.48 * len(rows)), narrow=(NARROW, 1.8 + 0.66 * len(rows)))


def _in_order(pairs: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """The pairs by their second head, its size solved anew behind its own; those that lack the spine come last."""
    heads = list(dict.fromkeys(arm.split(", ")[0] for arm in pairs["reference"]))
    groups = pairs.groupby(["arm", "reference"], sort=False)
    return sorted(groups, key=lambda group: (group[0][0] != _SPINE, heads.index(group[0][1].split(", ")[0])))


def _words(arm: str, reference: str) -> str:
    return _name(reference) if arm == _SPINE else f"{_name(arm)}, against {_name(reference)}"


def _name(arm: str) -> str:
    head, *more = arm.split(", ")
    more = ["made as large" if words == _RESIZED else words for words in more]
    return ", ".join([_HEADS.get(head, head.replace("_", " ")), *more])


def _told(row) -> str:
    return f"{row.data.replace('_', ' ')} {signed(row.gain)} ({signed(row.low)} to {signed(row.high)})"
