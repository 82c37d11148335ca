"""The gains of the plan's comparisons beside the smallest that matters: intervals in a band, and their verdicts in words."""

from __future__ import annotations

import textwrap
from collections import Counter

import pandas as pd
from matplotlib.figure import Figure

from ..study.verdict import TOO_SMALL
from ..words import counted, signed
from .noise_plot import NAMES as FUNCTIONS
from .palette import Theme
from .picture import Picture, is_narrow

RIVALS = {
    "mlp_matched": "a dense head of its own size",
    "mlp": "the dense head it replaces",
    "linear": "one linear layer",
    "mlp_deep": "a dense chain of as many layers",
    "mlp_deep_skip": "a dense chain with skips",
}
_RECIPES = {"tuned": "both tuned", "published": "as published"}
_NARROW_TITLE, _NARROW_LABEL = 26, 16  # characters in a line


def plot_gains(table: pd.DataFrame) -> Picture:
    """Rows of `comparisons_table` in δ: the mean gain, [L, U] as a thin bar, [L′, U′] as a thick one, ±δ as a band.

    Blue is where the spinal head is better, orange where its rival is. A comparison that lacks runs has a dashed bar as wide
    as its power runs make likely, drawn around zero; where it will lie nobody knows. ValueError for a table without rows.
    """
    if table.empty:
        raise ValueError("plot_gains: the table has no rows; pass some of comparisons_table()")
    parts = dict(list(table.groupby(["recipe", "reference"], sort=False)))
    has_dashes = ((table["verdict"] == "untested") & table["expected"].notna()).any()

    def draw(figure: Figure, theme: Theme) -> None:
        heights = [len(rows) for rows in parts.values()]
        every = figure.subplots(len(parts), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for axes, ((recipe, reference), rows) in zip(every, parts.items(), strict=True):
            axes.axvspan(-1, 1, color=theme.quiet, alpha=0.2, linewidth=0)
            axes.axvline(0, color=theme.text, linewidth=1)
            for place, row in enumerate(rows.to_dict("records")):
                _draw_row(axes, place, row, theme, 6 if is_narrow(figure) else 8)
            axes.set_yticks(range(len(rows)), [_label(row, is_narrow(figure)) for row in rows.to_dict("records")])
            axes.set_ylim(len(rows) - 0.45, -0.55)
            axes.tick_params(axis="y", length=0)
            title = f"against {RIVALS[reference]}, {_RECIPES[recipe]}"
            title = textwrap.fill(title, _NARROW_TITLE) if is_narrow(figure) else title
            axes.set_title(title, loc="left", fontsize=10, color=theme.text)
        edge = max(abs(end) for axes in every for end in axes.dataLim.intervalx)
        every[-1].set_xlim(-max(2.0, 1.1 * edge), max(2.0, 1.1 * edge))
        words = "gain of the spinal head, in δ;{}grey: too small to matter"
        every[-1].set_xlabel(words.format("\n" if is_narrow(figure) else " "), fontsize=9)

    said = (
        f"{_where(row)}, against {RIVALS[row['reference']]}, {_RECIPES[row['recipe']]}: {_told(row)}"
        for row in table.to_dict("records")
    )
    dashed = " A dashed bar is as wide as the pilots make likely, around zero." if has_dashes else ""
    height = 0.9 + 0.5 * len(parts) + 0.5 * len(table)
    narrow = (3.6, height + 0.25 * len(parts))
    return Picture(draw, f"{_counts(table)} {'; '.join(said)}.{dashed}", (7.0, height), narrow=narrow)


def _draw_row(axes, place: int, row: dict, theme: Theme, size: float) -> None:
    if row["verdict"] == "untested":
        if pd.notna(row["expected"]):
            ends = [-row["expected"], row["expected"]]
            axes.plot(ends, [place, place], "--", color=theme.quiet, linewidth=1.5, marker="|", markersize=size)
        return
    name, delta = row["verdict"], row["delta"]
    if name == TOO_SMALL:  # a bar in such a δ would say nothing, and hide the others
        return
    colour = theme.spinal if name.startswith("better") else theme.dense if name.startswith("worse") else theme.text
    axes.plot([row["low"] / delta, row["high"] / delta], [place, place], color=colour, linewidth=1.5)
    axes.plot([row["narrow_low"] / delta, row["narrow_high"] / delta], [place, place], color=colour, linewidth=4.5)
    axes.plot(row["gain"] / delta, place, "o", color=colour, markersize=size, markeredgecolor=theme.back)


def describe_gains(table: pd.DataFrame) -> str:
    """Rows of `comparisons_table` in a sentence or two of Markdown: how many have which verdict, and what waits."""
    done = table[table["verdict"] != "untested"]
    waiting = table[table["verdict"] == "untested"]
    if done.empty:
        return f"**Not known yet.** {_waiting(waiting)}"
    counts = ", ".join(f"{n} × *{words}*" for words, n in Counter(done["words"]).items())
    said = f"**{counts}** in {counted(len(done), 'comparison')}."
    turned = int((done["changes"] != "").sum()) or "none"
    said += f" Another δ, a part of the seeds, validation images, other training images or another such reading would change {turned} of these verdicts."
    return said if waiting.empty else f"{said} {_waiting(waiting)}"


def _waiting(rows: pd.DataFrame) -> str:
    """What lacks runs, and what has them all and is read after another one."""
    whole = rows["units"] >= rows["planned"]
    lacking, said = rows[~whole], []
    if len(lacking):
        there, planned = lacking["units"].sum(), lacking["planned"].sum()
        said.append(
            f"{counted(len(lacking), 'comparison')} {'waits' if len(lacking) == 1 else 'wait'} for runs: "
            f"{there:,} of {counted(planned, 'pair')} are there, and their result is not shown before the last one."
        )
    if whole.any():
        said.append(f"{counted(int(whole.sum()), 'comparison')} with all pairs will be read after another one.")
    return " ".join(said)


def _counts(table: pd.DataFrame) -> str:
    counts = ", ".join(f"{n} {words}" for words, n in Counter(table["words"]).items())
    return f"Gains of the spinal head in {counted(len(table), 'comparison')}: {counts}."


def _where(row: dict) -> str:
    place = FUNCTIONS.get(row["data"], row["data"].replace("_", " "))
    return f"{place}, width {row['width']:.0f}" if pd.notna(row["width"]) else place


def _label(row: dict, narrow: bool) -> str:
    said = _where(row), _there(row) if row["verdict"] == "untested" else row["words"]
    return "\n".join(textwrap.fill(each, _NARROW_LABEL) if narrow else each for each in said)


def _there(row: dict) -> str:
    if row["units"] >= row["planned"]:
        return "not read yet"
    return f"{row['units']} of {row['planned']} pairs"


def _told(row: dict) -> str:
    if row["verdict"] == "untested":
        return _there(row) + (f", ± {row['expected']:.2f} δ expected" if pd.notna(row["expected"]) else "")
    mean, low, high = (signed(row[name] / row["delta"]) for name in ("gain", "low", "high"))
    return f"{row['words']}, {mean} δ ({low} to {high})"
