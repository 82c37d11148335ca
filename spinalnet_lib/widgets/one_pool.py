"""One pool: many studies, each with draws from a pool of its own, and how often each of three intervals holds the truth."""

from __future__ import annotations

import math

import traitlets

from ..show.palette import LIGHT
from ..study.statistics import t_critical
from .base import Widget, number, percent
from .draws import Draws

POOLS, SHOWN = 200, 24  # studies behind the share, and those drawn
MOST_DRAWS = 60
_START = 20070333
VARIANCES = {  # by what 1/n grows, of n₁ images that a draw takes for each one that it leaves, n₂
    "these": "these images only: 1/n",
    "plan": "the plan's: 1/n + n₂/n₁",
    "another": "another pool: 1/n + n₁/n₂",
}


def one_pool_state(values: dict, data: dict) -> dict:
    """Of each study the mean gain of its draws and its half-width, in standard deviations of a draw, and how many intervals hold 0, the truth.

    A draw takes `taken` percent of its pool. Its gain is what the pool is worth and a number of its own, of variance 1, of
    which images make `images` percent: were it all, the gain would be a mean over the images of a draw.
    """
    n, odds = values["draws"], values["taken"] / (100 - values["taken"])
    worth = math.sqrt(values["images"] / 100 * odds)
    grown = {"these": 0.0, "plan": 1 / odds, "another": odds}[values["variance"]]
    wide = data["t"][n] * math.sqrt(1 / n + grown)
    stream, studies, first, holds = Draws(data["start"]), [], [], 0
    for study in range(data["pools"]):
        centre = worth * stream.normal()
        gains = [centre + stream.normal() for _ in range(n)]
        mean, half = _interval(gains, wide)
        holds += abs(mean) <= half
        if study < data["shown"]:
            studies.append([mean, half])
        if not study:
            first = gains
    should = math.floor(0.95 * data["pools"] + 0.5)
    rows = [
        ["intervals that hold the truth", f"{holds} of {data['pools']}, {percent(holds, data['pools'])}"],
        ["should be", f"{should}, {percent(should, data['pools'])}"],
        ["images that two draws share, in the mean", f"{values['taken']}\u00a0% of each"],
        ["variance of the mean, in s²", f"{math.floor(1000 * (1 / n + grown) + 0.5) / 1000:.3f}"],
    ]
    summary = (
        f"{holds} of {data['pools']} intervals hold the truth, and {should} should. "
        f"Each is from {n} draws of {values['taken']}\u00a0% of one pool; images make {values['images']}\u00a0% of their variance."
    )
    return {"error": None, "studies": studies, "first": first, "holds": holds, "rows": rows, "summary": summary}


def _interval(gains: list[float], wide: float) -> tuple[float, float]:
    """Mean of gains, and their standard deviation times `wide`."""
    total = squares = 0.0
    for gain in gains:
        total += gain
    mean = total / len(gains)
    for gain in gains:
        squares += (gain - mean) * (gain - mean)
    return mean, wide * math.sqrt(squares / (len(gains) - 1))


class OnePool(Widget):
    """Simulated studies, each with draws of images from one pool; the true gain is 0.

    Live: traits `variance` ("these", "plan" or "another"), `taken`, the percentage of its pool that a draw takes, `images`, the
    percentage of the variance that images make, and `draws`.
    """

    kind = "one-pool"
    title = "Draws from one pool: does the interval hold the truth?"
    scripts = ("draws",)

    variance = traitlets.Enum(list(VARIANCES), "plan").tag(sync=True)
    taken = number("images that a draw takes, % of its pool", 83, 5, 95)
    images = number("part of the variance that comes from the images, %", 100, 0, 100)
    draws = number("draws", 30, 2, MOST_DRAWS, more=True)

    def controls(self) -> list[dict]:
        options = [[name, words] for name, words in VARIANCES.items()]
        return [
            {"name": "variance", "label": "variance of the mean, in s²", "type": "choice", "options": options},
            *super().controls(),
        ]

    def data(self) -> dict:
        t = [0.0, 0.0, *(round(t_critical(n), 9) for n in range(2, MOST_DRAWS + 1))]
        return {"pools": POOLS, "shown": SHOWN, "start": _START, "t": t}

    def state(self) -> dict:
        return one_pool_state(self.values(), self.data())

    def draw(self, figure, state: dict) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=LIGHT.text, linestyle="--", linewidth=1)
        for row, (mean, half) in enumerate(state["studies"]):
            colour = LIGHT.quiet if abs(mean) <= half else LIGHT.text
            axes.plot([mean - half, mean + half], [row, row], color=colour, linewidth=2)
            axes.plot(mean, row, "o" if abs(mean) <= half else "s", color=colour, markersize=4)
        axes.plot(state["first"], [0] * len(state["first"]), "|", color=LIGHT.quiet)
        axes.set(
            xlabel="gain, in standard deviations of a draw; dashed: the truth; squares miss it",
            yticks=[],
            ylim=(len(state["studies"]) - 0.4, -0.6),
        )
