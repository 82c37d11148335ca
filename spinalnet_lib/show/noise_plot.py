"""Below the noise: the paper's regression errors, ours read in the same way, and the same runs on new points."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..data.regression import NOISE_FLOOR, TARGETS
from ..records.record import Record
from ..study.blindness import shown
from ..study.reading import held_out_error, lowest_batch_loss, paper_errors
from .palette import Theme
from .picture import Picture, is_narrow

NAMES = {
    "regression_sum": "the sum of eight numbers",
    "regression_sin_sum": "the sine of their sum",
    "regression_product": "their product",
    "regression_sin_product": "the sine of their product",
}
NETS = ("mlp", "spinal")
_ROWS = ("in the paper", "ours, read alike", "ours, new points")


def plot_below_the_noise(records: Sequence[Record]) -> Picture:
    """Of each regression three rows of squared errors: the paper's, the lowest batch of each of our runs, and those on new
    points; the dashed line is the variance of the noise, the least that can be expected on new points.

    `records` are runs with the published recipe; those of the dense and of the spinal net are drawn. ValueError without any.
    """
    errors = {target: errors_of(target, records) for target in TARGETS}
    if not any(found["fresh"][0] for found in errors.values()):
        raise ValueError("plot_below_the_noise: no runs of a regression; pass load_records('regression')")

    def draw(figure: Figure, theme: Theme) -> None:
        all_axes = figure.subplots(len(TARGETS), sharex=True)
        for axes, (target, rows) in zip(all_axes, errors.items(), strict=True):
            for row, of_nets in enumerate(rows.values()):
                for net, values in zip(NETS, of_nets, strict=True):
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
            axes.set_title(NAMES[target], loc="left", fontsize=10, color=theme.text)
            axes.tick_params(axis="y", length=0)
        all_axes[-1].xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        between = "\n" if is_narrow(figure) else " "
        all_axes[-1].set_xlabel(f"squared error;{between}dashed: variance of the noise", fontsize=9)
        nets = {"dense net": theme.dense, "spinal net": theme.spinal}
        handles = [Line2D([], [], color=colour, marker="o", linestyle="", label=name) for name, colour in nets.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=2, labelcolor=theme.text, fontsize=9)

    return Picture(draw, _alt(errors), (4.9, 6.4))


def errors_of(target: str, records: Sequence[Record]) -> dict[str, list[list[float]]]:
    """The squared errors of each net of `NETS` on a target by reading, runs in the order of their seeds.

    Read as in the "paper", "alike" from our runs, and on "fresh" points, over the seeds that both nets have.
    """
    of_nets = _runs(target, records)
    seeds = seeds_of(target, records)
    return {
        "paper": [[error] for error in paper_errors(target)],
        "alike": [[lowest_batch_loss(runs[seed]) for seed in seeds] for runs in of_nets],
        "fresh": [[held_out_error(runs[seed]) for seed in seeds] for runs in of_nets],
    }


def seeds_of(target: str, records: Sequence[Record]) -> list[int]:
    """The seeds whose runs of both nets are there."""
    first, *others = _runs(target, records)
    return sorted(seed for seed in first if all(seed in runs for runs in others))


def _runs(target: str, records: Sequence[Record]) -> list[dict[int, Record]]:
    """Of each net its runs by seed, those whose lowest batch can be read."""
    runs = [r for r in shown(records) if r.dataset == target and r.head in NETS and lowest_batch_loss(r)]
    return [{r.seed: r for r in runs if r.head == net} for net in NETS]


def _alt(errors: dict[str, dict[str, list[list[float]]]]) -> str:
    below = sum(value < NOISE_FLOOR for rows in errors.values() for values in rows["paper"] for value in values)
    texts = []
    for target, rows in errors.items():
        medians = [
            " and ".join(f"{statistics.median(values):.2g}" if values else "none" for values in of_nets)
            for of_nets in rows.values()
        ]
        told = ", ".join(f"{what} {values}" for what, values in zip(_ROWS, medians, strict=True))
        texts.append(f"{NAMES[target]}: {told}")
    return (
        f"Squared errors of the dense and the spinal net on four functions; medians: {'; '.join(texts)}. "
        f"{below} of the paper's {2 * len(errors)} lie below the variance of the noise, {NOISE_FLOOR:.2g}."
    )
