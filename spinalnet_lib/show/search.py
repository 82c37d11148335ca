"""A search over learning rate and dropout: its losses, and their figure."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from ..study.tuning import Search
from ..training.recipes import TUNING_DROPOUT
from .palette import MARKERS, Theme
from .picture import Picture, label_log_axis
from .run_groups import Section

Losses = dict[tuple[float, float], float]  # of a learning rate and a dropout rate


def search_losses(section: Section) -> dict[str, Losses]:
    """For each head its mean validation losses, where all seeds of a place are there; infinite where one diverged."""
    records = section.records
    heads = list(dict.fromkeys(record.head for record in records))
    search = Search(records, records[0].dataset, records[0].model["backbone"], heads)
    rates = sorted({record.recipe["learning_rate"] for record in records})
    places = [(rate, drop) for rate in rates for drop in TUNING_DROPOUT]
    found = {head: {place: search.loss(head, *place) for place in places} for head in heads}
    return {head: {at: loss for at, loss in losses.items() if loss is not None} for head, losses in found.items()}


def draw_search(section: Section) -> Picture | None:
    """Mean validation loss over the learning rate, a line for each head and dropout rate; None where all diverged."""
    finite: dict[str, Losses] = {}
    for head, losses in search_losses(section).items():
        if found := {place: loss for place, loss in losses.items() if math.isfinite(loss)}:
            finite[head] = found
    if not finite:
        return None
    best = {head: min(losses, key=losses.get) for head, losses in finite.items()}
    alt = f"{section.title}. Mean validation loss over the learning rate; lowest: " + "; ".join(
        f"{head} {finite[head][rate, drop]:.4f} at {rate:.3g}, dropout {drop:g}" for head, (rate, drop) in best.items()
    )

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for i, (head, losses) in enumerate(finite.items()):
            colour, marker = theme.of_head(head), MARKERS[i % len(MARKERS)]
            for drop in TUNING_DROPOUT:
                line = {rate: loss for (rate, dropped), loss in losses.items() if dropped == drop}
                style, label = "--" if drop else "-", f"{head}, dropout {drop:g}"
                axes.plot(list(line), list(line.values()), style, color=colour, marker=marker, label=label)
            ring = {"markersize": 14, "markerfacecolor": "none", "markeredgecolor": colour}
            axes.plot(best[head][0], losses[best[head]], "o", **ring)
        axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="validation loss (logarithmic)")
        label_log_axis(axes.yaxis)
        figure.legend(loc="outside lower center", ncols=2, labelcolor=theme.text, fontsize=9)

    return Picture(draw, f"{alt}. A ring marks each head's lowest.", (7.0, 3.6 + 0.2 * len(finite)))
