"""Three differences on one zero line: the spinal head less the dense one, by which of them have dropout."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from ..records.record import Record
from ..study.crossed import SWITCH, crossed_errors
from ..study.statistics import mean_interval
from ..words import signed
from .palette import Theme
from .picture import Picture, is_narrow


def plot_dropout_differences(records: Sequence[Record]) -> Picture:
    """Differences of validation error paired by seed, each seed a dot, with their mean and its 95 % t interval.

    Blue is where the spinal head has the lower error, orange where the dense one has. `records` as in `crossed_errors`.
    """
    found = {name: [a - b for a, b in zip(*of, strict=True)] for name, of in crossed_errors(records).items()}
    means = {name: mean_interval(differences) for name, differences in found.items()}

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.subplots()
        for row, (name, differences) in enumerate(found.items()):
            spread = [row + 0.24 + 0.2 * (k * 0.618 % 1 - 0.5) for k in range(len(differences))]
            colours = [_colour(difference, theme) for difference in differences]
            axes.scatter(differences, spread, c=colours, alpha=0.55, s=22, linewidth=0)
            mean, low, high = means[name]
            look = {"color": _colour(mean, theme), "capsize": 5, "markersize": 9, "linewidth": 2}
            axes.errorbar(mean, row, xerr=[[mean - low], [high - mean]], fmt="o", **look)
        axes.axvline(0, color=theme.text, linewidth=1.2)
        words = [text.replace(", ", ",\n") if is_narrow(figure) else text for text, *_ in SWITCH.values()]
        axes.set_yticks(range(len(SWITCH)), words)
        axes.set_ylim(len(SWITCH) - 0.4, -0.6)
        axes.set_xlabel(
            "spinal − dense, points" + ("" if is_narrow(figure) else " of validation error; 0: no difference")
        )
        axes.set_title("dropout in …", loc="left", fontsize=10, color=theme.text)

    ends = (
        f"{SWITCH[name][0]} {signed(mean)} ({signed(low)} to {signed(high)})"
        for name, (mean, low, high) in means.items()
    )
    turns = len({mean < 0 for mean, *_ in means.values()}) > 1
    alt = f"Error of the spinal head less that of the dense one, by who has dropout; the sign {'turns' if turns else 'stays'}: "
    return Picture(draw, f"{alt}{'; '.join(ends)}.", (7.0, 3.0))


def _colour(difference: float, theme: Theme) -> str:
    return theme.spinal if difference < 0 else theme.dense if difference > 0 else theme.quiet
