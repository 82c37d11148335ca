"""Unit by unit: a spine of width two that follows a curve over the sum of two features, one a split: a bend every two layers."""

from __future__ import annotations

import math

import traitlets

from ..show.palette import LIGHT
from .base import Widget, slider

CURVES = {
    "wave": ("a wave", lambda x: math.sin(2 * math.pi * x)),
    "hill": ("a hill", lambda x: 2 * math.exp(-30 * (x - 0.45) ** 2) - 1),
    "edge": ("an edge", lambda x: math.tanh(25 * (x - 0.5))),
    "zigzag": ("a zigzag", lambda x: 2 * abs(4 * x % 2 - 1) - 1),
}
UNITS = ("4", "8", "16", "32", "64")
_STEPS = 256  # between the points at which a curve is known; every number of units divides it


def unit_by_unit_state(values: dict, data: dict) -> dict:
    """What the spine computes on the points, its largest error, and weights of it and of the dense layer it stands for.

    Unit j bends the line at j/n by the change of the curve's slope there, so that n finished units join the curve's points.
    `data`: `curves` [points from 0 to 1] by name.
    """
    curve, n = data["curves"][values["curve"]], int(values["units"])
    done, step = min(values["finished"], n), (len(curve) - 1) // n
    bends, last = [], 0.0
    for j in range(n):
        slope = (curve[(j + 1) * step] - curve[j * step]) * n
        bends.append(slope - last)
        last = slope
    line = []
    for i in range(len(curve)):
        total = curve[0]
        for j in range(done):
            total += bends[j] * max(0.0, (i - j * step) / (len(curve) - 1))
        line.append(total)
    error = max(abs(ours - theirs) for ours, theirs in zip(line, curve, strict=True))
    rows = [
        ["layers of width two", f"{2 * done} of {2 * n}"],
        ["largest distance to the curve", f"{error:.3f}"],
        ["weights of the whole spine", f"{16 * n - 4:,}"],
        ["weights of the dense head", f"{3 * n:,}, the same function"],
    ]
    what = f"{done} of {n} units are finished, by {2 * done} layers"
    return {
        "error": None,
        "line": line,
        "done": done,
        "rows": rows,
        "summary": f"{what}; the largest distance to the curve is {rows[1][1]}.",
    }


class UnitByUnit(Widget):
    """A spine of width two whose layers carry, two for each, the ReLU units that follow a curve on [0, 1].

    Live: traits `curve` ("wave", "hill", "edge" or "zigzag"), `units` of the whole ("4" to "64") and `finished`.
    """

    kind = "unit-by-unit"
    title = "Two layers, one more bend"

    finished = traitlets.Int(16, min=0, max=int(UNITS[-1])).tag(sync=True)
    units = traitlets.Enum(list(UNITS), "16").tag(sync=True)
    curve = traitlets.Enum(list(CURVES), "wave").tag(sync=True)

    def controls(self) -> list[dict]:
        curves = [[name, words] for name, (words, _) in CURVES.items()]
        return [
            slider("finished", "finished units", 0, int(UNITS[-1])),
            {
                "name": "units",
                "label": "units of the whole spine",
                "type": "choice",
                "options": [[n, n] for n in UNITS],
            },
            {"name": "curve", "label": "curve", "type": "choice", "options": curves},
        ]

    def data(self) -> dict:
        points = [i / _STEPS for i in range(_STEPS + 1)]
        return {"curves": {name: [round(f(x), 6) for x in points] for name, (_, f) in CURVES.items()}}

    def state(self) -> dict:
        return unit_by_unit_state(self.values(), self.data())

    def draw(self, figure, state: dict) -> None:
        axes, curve = figure.subplots(), self.data()["curves"][self.curve]
        points = [i / _STEPS for i in range(_STEPS + 1)]
        axes.plot(points, curve, color=LIGHT.quiet, linewidth=5, alpha=0.4, label="the curve")
        axes.plot(points, state["line"], color=LIGHT.spinal, linewidth=2, label="the spine")
        n = int(self.units)
        knots = [j / n for j in range(state["done"])]
        axes.plot(knots, [state["line"][j * _STEPS // n] for j in range(state["done"])], "o", color=LIGHT.spinal)
        axes.set(ylim=(-1.3, 1.3), xlabel="the sum of both features")
        axes.legend()
