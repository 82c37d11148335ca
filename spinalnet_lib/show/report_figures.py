"""The figures of a report: error curves of the arms of a section, or the losses of a search over learning rates."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from ..records.record import Record
from ..study.tuning import Search
from ..training.recipes import TUNING_DROPOUT
from .picture import Picture, Theme
from .plots import MARKERS
from .run_groups import Section, last_value

_MOST_CURVES = 6  # arms in one figure: beyond that nobody can tell them apart


def section_figure(section: Section) -> Picture | None:
    """The figure of a section; None where all its runs diverged."""
    return search_figure(section) if section.searched else curves_figure(section)


def curves_figure(section: Section) -> Picture | None:
    """Validation error, or squared error, over training: every run thin, the mean of an arm thick, its best arms first."""
    arms = {arm: [record for record in runs if not record.diverged] for arm, runs in section.arms.items()}
    means = {arm: math.fsum(map(last_value, runs)) / len(runs) for arm, runs in arms.items() if runs}
    if not means:
        return None
    shown = sorted(means, key=means.get)[:_MOST_CURVES]
    name, scale = ("val_mse", 1) if section.loss == "mse" else ("val_error", 100)
    unit = "validation MSE" if section.loss == "mse" else "validation error, %"
    left = f" The {len(means) - len(shown)} arms that ended highest are left out." if len(means) > len(shown) else ""
    alt = f"{section.title}. {unit} over training; at the end: " + "; ".join(
        f"{arm} {means[arm]:.3g} ({len(arms[arm])} runs)" for arm in shown
    )

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        colours = sns.color_palette("colorblind", len(shown)) if len(shown) > len(theme.arms) else theme.arms
        for i, arm in enumerate(shown):
            curves = _curves(arms[arm], name, scale)
            for steps, values in curves:
                axes.plot(steps, values, color=colours[i], alpha=max(0.12, 0.6 / math.sqrt(len(curves))), linewidth=0.9)
            steps, values = _mean_curve(curves)
            marker = MARKERS[i % len(MARKERS)] if len(steps) <= 25 else None
            axes.plot(steps, values, color=colours[i], linewidth=2.2, marker=marker, markersize=4, label=arm)
        axes.set(xlabel="step", ylabel=f"{unit} (logarithmic)", yscale="log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(
            lambda value, _: f"{value:g}" if round(value / 10 ** np.floor(np.log10(value))) in (2, 5) else ""
        )
        axes.legend(frameon=False, labelcolor=theme.text, loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
        sns.despine(ax=axes)

    return Picture(draw, f"{alt}.{left}", (8.6, 3.8))


def search_figure(section: Section) -> Picture | None:
    """Mean validation loss over the learning rate, a line for each head and dropout rate."""
    heads = list(dict.fromkeys(record.head for record in section.records))
    search = Search(section.records, section.dataset, section.backbone, heads)
    rates = sorted({record.recipe["learning_rate"] for record in section.records})
    lines, best = {}, {}
    for head in heads:
        for drop in TUNING_DROPOUT:
            losses = [(rate, search.loss(head, rate, drop)) for rate in rates]
            known = [(rate, loss) for rate, loss in losses if loss is not None and math.isfinite(loss)]
            if known:
                lines[head, drop] = known
                lowest = min(known, key=lambda point: point[1])
                if head not in best or lowest[1] < best[head][1]:
                    best[head] = (*lowest, drop)
    if not lines:
        return None
    alt = f"{section.title}. Mean validation loss over the learning rate; lowest: " + "; ".join(
        f"{head} {loss:.4f} at {rate:.3g}, dropout {drop:g}" for head, (rate, loss, drop) in best.items()
    )

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for i, ((head, drop), points) in enumerate(lines.items()):
            colour = theme.arms[heads.index(head) % len(theme.arms)]
            style = "-" if drop == TUNING_DROPOUT[0] else "--"
            x, y = zip(*points, strict=True)
            axes.plot(
                x, y, style, color=colour, marker=MARKERS[i // 2 % len(MARKERS)], label=f"{head}, dropout {drop:g}"
            )
        for head, (rate, loss, _) in best.items():
            colour = theme.arms[heads.index(head) % len(theme.arms)]
            axes.plot(rate, loss, "o", markersize=14, markerfacecolor="none", markeredgecolor=colour)
        axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="validation loss (logarithmic)")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(
            lambda value, _: f"{value:.2g}" if round(value / 10 ** np.floor(np.log10(value))) in (2, 3, 5, 7) else ""
        )
        axes.legend(frameon=False, labelcolor=theme.text, loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
        sns.despine(ax=axes)

    return Picture(draw, f"{alt}. A ring marks each head's lowest.", (8.2, 3.8))


def _curves(runs: Sequence[Record], name: str, scale: float) -> list[tuple[list[int], list[float]]]:
    points = [[(p["step"], scale * p[name]) for p in run.curve if p.get(name)] for run in runs]
    return [tuple(map(list, zip(*curve, strict=True))) for curve in points if curve]


def _mean_curve(curves: Sequence[tuple[list[int], list[float]]]) -> tuple[list[int], list[float]]:
    """The mean over runs at the steps at which all were evaluated; zeros, which a logarithm has no place for, are left out."""
    values: dict[int, list[float]] = {}
    for steps, found in curves:
        for step, value in zip(steps, found, strict=True):
            values.setdefault(step, []).append(value)
    steps = sorted(step for step, found in values.items() if len(found) == len(curves))
    return steps, [math.fsum(values[step]) / len(values[step]) for step in steps]
