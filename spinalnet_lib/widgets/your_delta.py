"""Your δ, your verdict: the plan's rules over the complete regressions, with the reader's own numbers in them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import traitlets

from ..records.record import Record
from ..show.noise_plot import NAMES
from ..show.palette import LIGHT
from ..study.claim_rules import REGRESSIONS, regressions
from ..study.gains import LOG_DELTAS
from ..study.regression_gains import READINGS, regression_gains
from ..study.statistics import t_critical
from ..study.verdict import FEWEST_UNITS, name_verdict
from ..words import counted
from .base import Widget, slider
from .differences import interval

_READINGS = {
    "claimed": "as claimed: the published net and recipe",
    "spine": "because of the spine: equal weights, tuned",
}
_REFERENCES = {
    "plan": "the plan's",
    "linear": "one linear layer",
    "mlp": "the dense head",
    "mlp_matched": "a dense head of as many weights",
}
ALPHAS = {"20": 0.20, "5": 0.05, "1": 0.01, "0.1": 0.001}
LARGEST = 100  # δ in percent
PLAN = {"delta": round(100 * math.expm1(LOG_DELTAS["R"])), "alpha": "5", "reference": "plan"}
_UNIT = 1_000_000  # gains are kept as whole millionths, so that sums are exact in both languages


def your_delta_state(values: dict, data: dict) -> dict:
    """Of each function the gain's mean, [L, U], [L′, U′] and verdict, and what the claim C9 comes to by them.

    `data` is that of `delta_data`; the first `seeds` seeds are taken, and with fewer than the plan allows nothing is judged.
    """
    cells = _cells(values, data)
    planned = _cells({**values, **PLAN, "seeds": data["seeds"]}, data)
    claim, by_plan = (regressions([cell["verdict"] for cell in each]) for each in (cells, planned))
    rows = [[cell["name"], f"{_times(cell)}: {cell['verdict']}"] for cell in cells]
    rows.append(["claim C9, this reading", claim])
    rows.append(["by the plan", f"{claim_words(planned)}: {by_plan}"])
    start = f"With δ of {values['delta']}\u00a0% and {counted(values['seeds'], 'seed')}"
    return {
        "error": None,
        "cells": cells,
        "claim": claim,
        "rows": rows,
        "summary": f"{start}: {claim_words(cells)}. Claim C9 is {_said(claim)}; by the plan it is {_said(by_plan)}.",
    }


def _cells(values: dict, data: dict) -> list[dict]:
    reading = data["readings"][values["reading"]]
    reference = reading["reference"] if values["reference"] == "plan" else values["reference"]
    least, t = data["deltas"][values["delta"]], data["t"][values["alpha"]]
    cells = []
    for name, of_references in reading["gains"].items():
        some = of_references[reference][: values["seeds"]]
        mean, *wide = interval(some, t["wide"], data["unit"])
        narrow = interval(some, t["narrow"], data["unit"])[1:]
        verdict = name_verdict(wide, narrow, least) if values["seeds"] >= data["fewest"] else "untested"
        cells.append({"name": name, "mean": mean, "wide": wide, "narrow": narrow, "verdict": verdict})
    return cells


def claim_words(cells: list[dict]) -> str:
    """How many of the cells have each verdict, in the order of the cells.

    >>> claim_words([{"verdict": "equivalent"}, {"verdict": "open"}, {"verdict": "equivalent"}])
    'equivalent (2); open (1)'
    """
    names = [cell["verdict"] for cell in cells]
    return "; ".join(f"{name} ({names.count(name)})" for name in dict.fromkeys(names))


def _said(state: str) -> str:
    return {"holds": "held up", "open": "left open"}.get(state, state)


def _times(cell: dict) -> str:
    """The ratio of the errors, reference ÷ spinal, with the interval that the verdict uses."""
    mean, low, high = map(_ratio, (cell["mean"], *cell["wide"]))
    return f"×\u00a0{mean} ({low} to {high})"


def _ratio(gain: float) -> str:
    """Of the errors, from their logarithm; two seeds may allow for any.

    >>> _ratio(0.1), _ratio(800)
    ('1.11', 'over 100')
    """
    if abs(gain) > math.log(100):
        return "over 100" if gain > 0 else "under 0.01"
    return f"{math.exp(gain):.2f}"


class YourDelta(Widget):
    """The verdicts on the study's four regressions, by a smallest difference that matters of the reader's own.

    Live: traits `delta` (in percent), `seeds`, `reading` ("claimed" or "spine"), `reference` and `alpha` (the chance, in
    percent, that a family of comparisons names a difference which is none). `records` are the project's own unless given;
    they hold the searches, too. ValueError while the regressions are incomplete.
    """

    kind = "your-delta"
    title = "Your δ, your verdict"
    scripts = ("differences",)

    delta = traitlets.Int(PLAN["delta"], min=1, max=LARGEST).tag(sync=True)
    seeds = traitlets.Int(min=2).tag(sync=True)
    reading = traitlets.Enum(list(_READINGS), "spine").tag(sync=True)
    alpha = traitlets.Enum(list(ALPHAS), PLAN["alpha"]).tag(sync=True)
    reference = traitlets.Enum(list(_REFERENCES), PLAN["reference"]).tag(sync=True)

    def __init__(self, records: Sequence[Record] | None = None, **values):
        self._data = delta_data(records)
        super().__init__(**{"seeds": self._data["seeds"], **values})

    @traitlets.validate("seeds")
    def _known_seeds(self, proposal):
        return min(proposal["value"], self._data["seeds"])

    def controls(self) -> list[dict]:
        readings = [list(each) for each in _READINGS.items()]
        alphas = [[name, f"{name}\u00a0%"] for name in ALPHAS]
        references = [list(each) for each in _REFERENCES.items()]
        return [
            slider("delta", "δ, the smallest difference that matters, in percent", 1, LARGEST),
            slider("seeds", "seeds", 2, self._data["seeds"]),
            {"name": "reading", "label": "reading", "type": "choice", "options": readings},
            {"name": "reference", "label": "set against", "type": "choice", "options": references, "more": True},
            {"name": "alpha", "label": "α, false alarms allowed", "type": "choice", "options": alphas, "more": True},
        ]

    def data(self) -> dict:
        return self._data

    def state(self) -> dict:
        return your_delta_state(self.values(), self._data)

    def draw(self, figure, state: dict) -> None:
        axes, least = figure.subplots(), self._data["deltas"][self.delta]
        axes.axvspan(-least, least, color=LIGHT.quiet, alpha=0.16)
        axes.axvline(0, color=LIGHT.text)
        for row, cell in enumerate(state["cells"]):
            colour = getattr(LIGHT, ink(cell["verdict"]))
            axes.plot(cell["wide"], [row, row], color=colour, linewidth=1.5, marker="|")
            axes.plot(cell["narrow"], [row, row], color=colour, linewidth=5, solid_capstyle="butt")
            axes.plot(cell["mean"], row, "o", color=colour, markersize=9)
        names = [f"{cell['name']}\n{cell['verdict']}" for cell in state["cells"]]
        axes.set_yticks(range(len(names)), names)
        marks = [1 / 2, 2 / 3, 1, 3 / 2, 2]
        axes.set_xticks([math.log(mark) for mark in marks], [f"× {mark:.2g}" for mark in marks])
        reach = self._data["reach"]
        axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(-reach, reach), xlabel="reference's error ÷ spinal error")


def ink(verdict: str) -> str:
    """The hue that a verdict is drawn in: who has the lower error, grey where that is not said."""
    return {"better": "spinal", "worse": "dense"}.get(verdict.partition(",")[0], "linear")


def delta_data(records: Sequence[Record] | None) -> dict:
    """What the state is computed from: gains by reading, function, reference and seed, in whole millionths; tables of t and δ."""
    found = {
        reading: {
            NAMES[target]: {other: [round(_UNIT * gain) for gain in of_seeds] for other, of_seeds in of.items()}
            for target, of in of_targets.items()
        }
        for reading, of_targets in regression_gains(records).items()
    }
    seeds = min(len(each) for of_names in found.values() for of in of_names.values() for each in of.values())
    return {
        "readings": {name: {"reference": READINGS[name][1], "gains": gains} for name, gains in found.items()},
        "unit": _UNIT,
        "seeds": seeds,
        "fewest": FEWEST_UNITS,
        "needed": REGRESSIONS - 1,
        "plan": PLAN,
        "reach": math.log(2.2),
        "deltas": [None, *(math.log1p(percent / 100) for percent in range(1, LARGEST + 1))],
        "t": {
            name: {
                which: [None, None, *(round(t_critical(n, level), 6) for n in range(2, seeds + 1))]
                for which, level in (("wide", 1 - alpha / REGRESSIONS), ("narrow", 1 - 2 * alpha / REGRESSIONS))
            }
            for name, alpha in ALPHAS.items()
        },
    }
