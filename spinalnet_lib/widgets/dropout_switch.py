"""Dropout switch: errors of both heads at one position of the switch, and the difference at all three on one zero line."""

from __future__ import annotations

from collections.abc import Sequence

import traitlets

from ..records.record import Record
from ..show.palette import LIGHT
from ..study.crossed import SWITCH
from ..words import counted
from .base import Widget, slider
from .differences import CHOICE, crossed_data, interval, leader, points, said


def dropout_switch_state(values: dict, data: dict) -> dict:
    """`differences` [mean, low, high] spinal − dense by position, `means` of both heads at the chosen one, in points.

    Over the first `seeds` seeds; one seed has no interval. `data` is that of `crossed_data`.
    """
    n = values["seeds"]
    errors = {name: [of_head[:n] for of_head in of_heads] for name, of_heads in data["errors"].items()}
    differences = {
        name: interval([a - b for a, b in zip(*of_heads, strict=True)], data["t"]) for name, of_heads in errors.items()
    }
    chosen = errors[values["dropout"]]
    means = [interval(errors, data["t"])[0] for errors in chosen]
    ahead = sum(ours < theirs for ours, theirs in zip(*chosen, strict=True))
    now = differences[values["dropout"]]
    rows = [
        [f"{head} head, {'with' if drops else 'without'} dropout", f"{points(mean, signed=False)}\u00a0% error"]
        for head, drops, mean in zip(("spinal", "dense"), data["drops"][values["dropout"]], means, strict=True)
    ]
    rows += [["spinal − dense", said(now)], ["spinal lower in", f"{ahead} of {counted(n, 'seed')}"]]
    lower = {"spinal": "the spinal head has the lower error", "dense": "the dense head has the lower error"}
    summary = f"{said(now)}: {lower.get(leader(now[0]), 'the heads are level')}, in the mean over {counted(n, 'seed')}."
    return {
        "error": None,
        "differences": differences,
        "means": means,
        "ahead": ahead,
        "rows": rows,
        "summary": summary,
    }


class DropoutSwitch(Widget):
    """The first training's records on one data set: which head leads, by which of them have dropout.

    Live: traits `dropout` ("published", "none" or "both") and `seeds`, of which the first ones are taken. Raises
    ValueError for records without the four arms or with unequal seeds.
    """

    kind = "dropout-switch"
    title = "One switch: who drops"
    scripts = ("differences",)

    dropout = traitlets.Enum(list(SWITCH), "published").tag(sync=True)
    seeds = traitlets.Int(min=1).tag(sync=True)

    def __init__(self, records: Sequence[Record], **values):
        self._data = crossed_data(records)
        super().__init__(**{"seeds": len(self._data["seeds"]), **values})

    @traitlets.validate("seeds")
    def _known_seeds(self, proposal):
        return min(proposal["value"], len(self._data["seeds"]))

    def controls(self) -> list[dict]:
        return [CHOICE, slider("seeds", "seeds", 1, len(self._data["seeds"]))]

    def data(self) -> dict:
        return self._data

    def state(self) -> dict:
        return dropout_switch_state(self.values(), self._data)

    def draw(self, figure, state: dict) -> None:
        upper, lower = figure.subplots(2, height_ratios=(2, 3))
        errors = [of_head[: self.seeds] for of_head in self._data["errors"][self.dropout]]
        drops = self._data["drops"][self.dropout]
        for row, head in enumerate(("spinal", "dense")):
            colour = getattr(LIGHT, head)
            fill = "none" if drops[row] else colour
            upper.scatter([e / 1000 for e in errors[row]], [row] * len(errors[row]), facecolors=fill, edgecolors=colour)
            upper.scatter(state["means"][row], row, color=colour, marker="|", s=300)
        upper.set_yticks((0, 1), ("spinal head", "dense head"))
        upper.set(ylim=(1.6, -0.6), xlabel="validation error, %; hollow: with dropout")
        for row, (name, (mean, low, high)) in enumerate(state["differences"].items()):
            look = {"color": getattr(LIGHT, leader(mean)), "alpha": 1 if name == self.dropout else 0.4}
            bars = None if low is None else [[mean - low], [high - mean]]
            lower.errorbar(mean, row, xerr=bars, fmt="o", capsize=4, **look)
        lower.axvline(0, color=LIGHT.text)
        lower.set_yticks(range(len(SWITCH)), [words for words, *_ in SWITCH.values()])
        lower.set(ylim=(len(SWITCH) - 0.4, -0.6), xlabel="spinal − dense, points; dropout in …")
