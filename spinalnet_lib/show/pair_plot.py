"""Gains of exploratory pairs as shares of the second head's errors: a row a pair, a mark a data set, ±δ as a band."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..study.gains import RELATIVE
from ..words import counted, signed
from .gain_plot import RIVALS
from .palette import MARKERS, Theme
from .picture import NARROW, Picture, is_narrow

if TYPE_CHECKING:
    import pandas as pd

_SPINE, _RESIZED = "spinal", "as large as spinal"
_HEADS = {
    **RIVALS,
    "spinal_no_chain": "one without its chain",
    "spinal_last": "one whose last layer alone feeds the logits",
    "spinal_full": "one whose layers read all features",
    "spinal_random_mask": "one with inputs drawn at random",
    "spinal_overlap": "one with overlapping splits",
    "spinal_direct": "one with a direct road to the logits",
    "spinal_big": "a wider one, as large as the dense head",
    "spinal_shared": "one that uses one layer again and again",
    "progressive": "one with all connections",
}
_WIDE_LINE, _NARROW_LINE = 34, 19  # characters
_SPREAD = 0.5  # of a row, over which its marks are spread


def plot_pairs(pairs: pd.DataFrame) -> Picture:
    """Rows of `paired_gains` by pair: what the first head gains on each data set, in percent of the second one's errors.

    A mark is the mean, a bar its interval, the grey band one error in ten. Blue is an interval on the side of the first head,
    orange one on the side of the second. Pairs that lack runs, and differences of gains, are left out; ValueError where none
    is left, or where there are more sets than marks.
    """
    pairs = pairs.dropna(subset=["gain", "error"])
    if pairs.empty:
        raise ValueError("plot_pairs: no pair has all its runs; pass rows of paired_gains() with a gain")
    sets = list(dict.fromkeys(pairs["data"]))
    if len(sets) > len(MARKERS):
        raise ValueError(
            f"plot_pairs: {len(sets)} data sets, and there are {len(MARKERS)} marks; pass rows of fewer sets"
        )
    for name in ("gain", "low", "high"):
        pairs = pairs.assign(**{name: 100 * pairs[name] / pairs["error"]})
    marks = dict(zip(sets, MARKERS, strict=False))
    panels = {arm: _in_order(of_arm) for arm, of_arm in pairs.groupby("arm", sort=False)}

    def draw(figure: Figure, theme: Theme) -> None:
        heights = [len(rows) for rows in panels.values()]
        every = figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (arm, rows) in zip(every, panels.items(), strict=True):
            _draw_panel(axes, rows, marks, theme, _NARROW_LINE if is_narrow(figure) else _WIDE_LINE)
            title = f"{_first(arm)} against …"
            title = textwrap.fill(title, 26) if is_narrow(figure) else title
            axes.set_title(title, loc="left", fontsize=10, color=theme.text)
        words = "gain, in % of the other's errors;{}grey: less than one in ten"
        every[-1].set_xlabel(words.format("\n" if is_narrow(figure) else " "), fontsize=9)
        for name, mark in marks.items():
            every[0].plot([], [], mark, color=theme.text, markersize=5, label=name.replace("_", " "))
        figure.legend(loc="outside upper left", ncols=1 if is_narrow(figure) else len(marks), fontsize=9)

    better, worse = int((pairs["low"] > 0).sum()), int((pairs["high"] < 0).sum())
    said = "; ".join(
        f"{_first(arm)} against {words}: {', '.join(map(_told, of_pair.itertuples()))}"
        for arm, rows in panels.items()
        for words, of_pair in rows.items()
    )
    alt = f"Gains in percent of the second head's errors, {counted(len(pairs), 'interval')}: {better} above zero, {worse} below. {said}."
    count = sum(map(len, panels.values()))
    narrow = (NARROW, 1.9 + 0.4 * len(panels) + 0.64 * count)
    return Picture(draw, alt, (7.0, 1.2 + 0.3 * len(panels) + 0.46 * count), narrow=narrow)


def _draw_panel(axes: Axes, rows: dict[str, pd.DataFrame], marks: dict[str, str], theme: Theme, line: int) -> None:
    axes.axvspan(-100 * RELATIVE, 100 * RELATIVE, color=theme.quiet, alpha=0.2, linewidth=0)
    axes.axvline(0, color=theme.text, linewidth=1)
    for place, of_pair in enumerate(rows.values()):
        for row in of_pair.itertuples():
            at = place + _SPREAD * (list(marks).index(row.data) / max(1, len(marks) - 1) - 0.5)
            colour = theme.spinal if row.low > 0 else theme.dense if row.high < 0 else theme.text
            axes.plot([row.low, row.high], [at, at], color=colour, linewidth=1.5)
            axes.plot(row.gain, at, marks[row.data], color=colour, markersize=5)
    for place in range(1, len(rows)):
        axes.axhline(place - 0.5, color=theme.quiet, linewidth=0.5, alpha=0.5)
    axes.set_yticks(range(len(rows)), [textwrap.fill(words, line) for words in rows], fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)


def _in_order(pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The pairs of a head by the words for the other one; a head whose size was solved anew stands behind its own."""
    heads = list(dict.fromkeys(reference.split(", ")[0] for reference in pairs["reference"]))
    groups = sorted(pairs.groupby("reference", sort=False), key=lambda group: heads.index(group[0].split(", ")[0]))
    return {_name(reference): of_pair for reference, of_pair in groups}


def _first(arm: str) -> str:
    return "a spine" if arm == _SPINE else _name(arm)


def _name(arm: str) -> str:
    head, *more = arm.split(", ")
    more = ["near the spine's size" if words == _RESIZED else words for words in more]
    return ", ".join([_HEADS.get(head, head.replace("_", " ")), *more])


def _told(row) -> str:
    mean, low, high = (signed(value, "+.1f") for value in (row.gain, row.low, row.high))
    return f"{row.data.replace('_', ' ')} {mean} ({low} to {high})"
