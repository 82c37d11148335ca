"""The verdict on each regression for every smallest difference that might matter, as a strip of colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..records.record import Record
from ..study.claim_rules import REGRESSIONS
from ..study.gains import LOG_DELTAS
from ..study.intervals import gain_interval, levels
from ..study.regression_gains import READINGS, regression_gains
from ..study.verdict import name_verdict
from .noise_plot import NAMES
from .palette import Theme
from .picture import Picture, is_narrow

_DELTAS = np.geomspace(0.01, 1.0, 400)  # relative
_PLAN = math.expm1(LOG_DELTAS["R"])
_TITLES = {"claimed": "as claimed", "spine": "because of the spine"}
_LOOKS = {  # verdict -> name of its colour, opacity
    "better, matters": ("spinal", 1.0),
    "better, size open": ("spinal", 0.45),
    "open": ("back", 1.0),
    "equivalent": ("quiet", 0.35),
    "worse, size open": ("dense", 0.45),
    "worse, matters": ("dense", 1.0),
}


def plot_verdict_strips(records: Sequence[Record] | None = None) -> Picture:
    """For each reading and regression the verdict at every δ from one percent to double the error; a line at the plan's.

    `records` as in `regression_gains`, against the plan's references.
    """
    strips = {
        reading: {target: _strip(of[READINGS[reading][1]]) for target, of in of_targets.items()}
        for reading, of_targets in regression_gains(records).items()
    }

    def draw(figure: Figure, theme: Theme) -> None:
        every = figure.subplots(len(strips), sharex=True)
        for axes, (reading, of_targets) in zip(every, strips.items(), strict=True):
            for row, strip in enumerate(of_targets.values()):
                for verdict, start, end in strip:
                    name, alpha = _LOOKS[verdict]
                    look = {"color": getattr(theme, name), "alpha": alpha, "linewidth": 0}
                    axes.fill_between([100 * start, 100 * end], row - 0.38, row + 0.38, **look)
                    if start > _DELTAS[0]:
                        axes.plot([100 * start] * 2, [row - 0.38, row + 0.38], color=theme.text, linewidth=1)
                axes.plot(
                    [1, 100, 100, 1, 1], row + np.array([-1, -1, 1, 1, -1]) * 0.38, color=theme.quiet, linewidth=1
                )
            axes.axvline(100 * _PLAN, color=theme.text, linestyle="--", linewidth=1.2)
            names = [
                NAMES[target].replace(" of ", "\nof ") if is_narrow(figure) else NAMES[target] for target in of_targets
            ]
            axes.set_yticks(range(len(names)), names)
            axes.set(xscale="log", xlim=(1, 100), ylim=(len(names) - 0.5, -0.5))
            axes.set_title(_TITLES[reading], loc="left", fontsize=10, color=theme.text)
            axes.tick_params(axis="y", length=0)
            for side in ("left", "bottom"):
                axes.spines[side].set_visible(False)
        marks = (1, 3, 10, 30, 100) if is_narrow(figure) else (1, 2, 5, 10, 20, 50, 100)
        every[-1].set_xticks(marks, [f"{mark} %" for mark in marks])
        every[-1].minorticks_off()
        every[-1].set_xlabel("δ, in parts of the error; dashed: the plan's", loc="right")
        handles = [
            Patch(facecolor=getattr(theme, name), alpha=alpha, edgecolor=theme.text, label=verdict)
            for verdict, (name, alpha) in _LOOKS.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2 if is_narrow(figure) else 3, fontsize=9)

    counts = [len(strip) for of_targets in strips.values() for strip in of_targets.values()]
    alt = f"Verdicts on {len(counts)} comparisons as δ grows: {sum(count > 1 for count in counts)} of them change their verdict. "
    told = (
        f"{_TITLES[reading]}, {NAMES[target]}: "
        + ", ".join(f"{name} from {100 * start:.2g} %" for name, start, _ in strip)
        for reading, of_targets in strips.items()
        for target, strip in of_targets.items()
    )
    return Picture(draw, f"{alt}{'; '.join(told)}.", (7.0, 5.4), narrow=(3.6, 6.4))


def _strip(gains: np.ndarray) -> list[tuple[str, float, float]]:
    """Runs of one verdict over `_DELTAS`: its name, where it begins and where the next one does."""
    wide, narrow = (gain_interval(gains, level)[1:] for level in levels(REGRESSIONS))
    names = [name_verdict(wide, narrow, math.log1p(delta)) for delta in _DELTAS]
    runs, place = [], 0
    for name, same in groupby(names):
        start, place = place, place + len(list(same))
        runs.append((name, float(_DELTAS[start]), float(_DELTAS[min(place, len(names) - 1)])))
    return runs
