"""Many looks: a network whose true accuracy stands still is read again and again on one test set, and its best reading is kept."""

from __future__ import annotations

import math

from ..show.palette import LIGHT
from .base import Widget, number
from .differences import points
from .draws import Draws

RUNS = 60  # simulated runs behind the mean
_START = 20070333


def many_looks_state(values: dict, data: dict) -> dict:
    """One run's readings and their running maximum, in percent, and the mean of (best − true) over `runs` runs, in points.

    A reading is the share of `images` test images that the network gets right: its true accuracy and an error with the
    binomial standard deviation, taken as normal. Two looks in a row share `alike` percent of their variance.
    """
    share, images = values["accuracy"] / 1000, values["images"]
    deviation = 100 * math.sqrt(share * (1 - share) / images)
    common = values["alike"] / 100
    stays, moves = math.sqrt(common), math.sqrt(1 - common)
    draws, total, last, readings, best = Draws(data["start"]), 0.0, 0.0, [], []
    for run in range(data["runs"]):
        error = draws.normal()
        top = error
        for look in range(values["looks"]):
            if look:
                error = stays * error + moves * draws.normal()
            top = max(top, error)
            if run == 0:
                readings.append(100 * share + deviation * error)
                best.append(100 * share + deviation * top)
        total += top
        last += error
    bias, at_end = deviation * total / data["runs"], deviation * last / data["runs"]
    flattered = math.floor(abs(bias) / 100 * images + 0.5)
    rows = [
        ["true accuracy", f"{points(100 * share, signed=False)}\u00a0%"],
        [
            "best of this run's readings",
            f"{points(best[-1], signed=False)}\u00a0%, {points(best[-1] - 100 * share)} points",
        ],
        [f"best less true, mean of {data['runs']} runs", f"{points(bias)} points, {flattered:,} of {images:,} images"],
        [f"last less true, mean of {data['runs']} runs", f"{points(at_end)} points"],
        ["standard deviation of one reading", f"{points(deviation, signed=False)} points"],
    ]
    looks = values["looks"]
    summary = (
        f"The best of {looks} look{'' if looks == 1 else 's'} flatters by {points(bias)} points in the mean of {data['runs']} runs: "
        f"nothing was learned on the way."
    )
    return {
        "error": None,
        "readings": readings,
        "best": best,
        "bias": bias,
        "at_end": at_end,
        "rows": rows,
        "summary": summary,
    }


class ManyLooks(Widget):
    """A simulation of the best of many readings of one test set; the true accuracy never moves.

    Live: traits `looks`, `images` of the test set, `accuracy` in tenths of a percent, and `alike`, the percentage of a
    reading's variance that the next one keeps.
    """

    kind = "many-looks"
    title = "A network that learns nothing, and its record"
    scripts = ("differences", "draws")

    looks = number("looks at the test set", 200, 1, 400)
    images = number("images in the test set", 10000, 2500, 50000)
    alike = number("variance shared with the look before, %", 50, 0, 100)
    accuracy = number("true accuracy, tenths of a percent", 995, 500, 995, more=True)

    def data(self) -> dict:
        return {"runs": RUNS, "start": _START}

    def state(self) -> dict:
        return many_looks_state(self.values(), self.data())

    def draw(self, figure, state: dict) -> None:
        axes = figure.subplots()
        looks = range(1, len(state["readings"]) + 1)
        axes.scatter(looks, state["readings"], s=12, color=LIGHT.quiet, label="a reading")
        axes.step(looks, state["best"], where="post", color=LIGHT.text, linewidth=2.2, label="the best so far")
        axes.axhline(self.accuracy / 10, color=LIGHT.quiet, linestyle="--", label="the truth")
        axes.set(xlabel="look", ylabel="accuracy, %")
        axes.ticklabel_format(useOffset=False)
        axes.legend(loc="lower right")
