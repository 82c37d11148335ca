"""Below the noise: the paper's regression errors, ours read in the same way, and the same runs on new points."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..data.published import published_figures
from ..data.regression import NOISE_FLOOR, TARGETS
from ..records.record import Record
from ..study.blindness import shown
from ..study.reading import held_out_error, lowest_batch_loss
from .palette import Theme
from .picture import Picture

_NAMES = {
    "regression_sum": "the sum of eight numbers",
    "regression_sin_sum": "the sine of their sum",
    "regression_product": "their product",
    "regression_sin_product": "the sine of their product",
}
_ROWS = ("in the paper", "ours, read alike", "ours, new points")


def plot_below_the_noise(records: Sequence[Record]) -> Picture:
    """Of each regression three rows of squared errors: the paper's, the lowest batch of each of our runs, and those on new
    points; the dashed line is the variance of the noise, the least that can be expected on new points.

    `records` are runs with the published recipe; those of the dense and of the spinal net are drawn. ValueError without any.
    """
    drawn = [record for record in shown(records) if record.dataset in TARGETS and record.head in ("mlp", "spinal")]
    if not drawn:
        raise ValueError("plot_below_the_noise: no runs of a regression; pass load_records('regression')")
    errors = {target: _rows(target, drawn) for target in TARGETS}

    def draw(figure: Figure, theme: Theme) -> None:
        all_axes = figure.subplots(len(TARGETS), sharex=True)
        for axes, (target, rows) in zip(all_axes, errors.items(), strict=True):
            for row, of_nets in enumerate(rows):
                for net, values in of_nets.items():
                    colour, shift = theme.of_head(net), -0.14 if net == "mlp" else 0.14
                    look = (
                        {"marker": "*", "s": 90, "facecolors": colour, "linewidths": 0}
                        if row == 0
                        else {"marker": "o", "s": 18, "facecolors": "none" if row == 1 else colour, "linewidths": 0.9}
                    )
                    places = [row + shift + 0.16 * (k * 0.618 % 1 - 0.5) * (row > 0) for k in range(len(values))]
                    axes.scatter(values, places, edgecolors=colour, alpha=1 if row == 0 else 0.65, **look)
            axes.axvline(NOISE_FLOOR, color=theme.text, linestyle="--", linewidth=1.2)
            axes.set_yticks(range(len(_ROWS)), _ROWS, fontsize=9)
            axes.set(ylim=(len(_ROWS) - 0.5, -0.6), xscale="log")
            axes.set_title(_NAMES[target], loc="left", fontsize=10, color=theme.text)
            axes.tick_params(axis="y", length=0)
        all_axes[-1].xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        all_axes[-1].set_xlabel("squared error (logarithmic); dashed: the noise's variance", fontsize=9)
        nets = {"dense net": theme.dense, "spinal net": theme.spinal}
        handles = [Line2D([], [], color=colour, marker="o", linestyle="", label=name) for name, colour in nets.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, labelcolor=theme.text, fontsize=9)

    return Picture(draw, _alt(errors), (4.9, 6.4))


def _rows(target: str, records: Sequence[Record]) -> list[dict[str, list[float]]]:
    """The three rows of a target: the errors of each net."""
    figures = published_figures("regression")
    figures = figures[(figures["dataset"] == target) & figures["measure"].str.endswith("200 epochs")]
    said = dict(zip(figures["head"].str.split().str[0], figures["value"], strict=True))
    runs = {net: [r for r in records if (r.dataset, r.head) == (target, net)] for net in ("mlp", "spinal")}
    return [
        {"mlp": [said["dense"]], "spinal": [said["spinal"]]},
        {net: [low for run in some if (low := lowest_batch_loss(run)) is not None] for net, some in runs.items()},
        {net: [held_out_error(run) for run in some] for net, some in runs.items()},
    ]


def _alt(errors: dict[str, list[dict[str, list[float]]]]) -> str:
    below = sum(value < NOISE_FLOOR for rows in errors.values() for values in rows[0].values() for value in values)
    texts = []
    for target, rows in errors.items():
        medians = [
            " and ".join(f"{statistics.median(values):.2g}" if values else "none" for values in row.values())
            for row in rows
        ]
        told = ", ".join(f"{what} {values}" for what, values in zip(_ROWS, medians, strict=True))
        texts.append(f"{_NAMES[target]}: {told}")
    return (
        f"Squared errors of the dense and the spinal net on four functions; medians: {'; '.join(texts)}. "
        f"{below} of the paper's {2 * len(errors)} lie below the variance of the noise, {NOISE_FLOOR:.2g}."
    )
