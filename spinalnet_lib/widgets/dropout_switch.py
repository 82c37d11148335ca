"""Dropout switch: errors of both heads at one position of the switch, and the difference at all three on one zero line."""

from __future__ import annotations

from collections.abc import Sequence

import traitlets

from ..records.record import Record
from ..show.palette import LIGHT
from ..study.crossed import SWITCH
from .base import Widget
from .differences import CHOICE, crossed_data, interval, leader, points, said


def dropout_switch_state(values: dict, data: dict) -> dict:
    """`differences` [mean, low, high] spinal − dense by position, `means` of both heads at the chosen one, in points."""
    differences = {
        name: interval([a - b for a, b in zip(*errors, strict=True)], data["t"])
        for name, errors in data["errors"].items()
    }
    chosen = data["errors"][values["dropout"]]
    means = [interval(errors, data["t"])[0] for errors in chosen]
    ahead = sum(ours < theirs for ours, theirs in zip(*chosen, strict=True))
    now = differences[values["dropout"]]
    rows = [
        [f"{head} head, {'with' if drops else 'without'} dropout", f"{points(mean, signed=False)}\u00a0% error"]
        for head, drops, mean in zip(("spinal", "dense"), data["drops"][values["dropout"]], means, strict=True)
    ]
    rows += [["spinal − dense", said(now)], ["spinal lower in", f"{ahead} of {len(data['seeds'])} seeds"]]
    lower = {"spinal": "the spinal head has the lower error", "dense": "the dense head has the lower error"}
    summary = (
        f"{said(now)}: {lower.get(leader(now[0]), 'the heads are level')}, in the mean over {len(data['seeds'])} seeds."
    )
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

    Live: trait `dropout` ("published", "none" or "both"). Raises ValueError for records without the four arms or with
    unequal seeds.
    """

    kind = "dropout-switch"
    title = "One switch: who drops"

    dropout = traitlets.Enum(list(SWITCH), "published").tag(sync=True)

    def __init__(self, records: Sequence[Record], **values):
        self._data = crossed_data(records)
        super().__init__(**values)

    def controls(self) -> list[dict]:
        return [CHOICE]

    def data(self) -> dict:
        return self._data

    def state(self) -> dict:
        return dropout_switch_state(self.values(), self._data)

    def draw(self, figure, state: dict) -> None:
        upper, lower = figure.subplots(2, height_ratios=(2, 3))
        errors, drops = self._data["errors"][self.dropout], self._data["drops"][self.dropout]
        for row, head in enumerate(("spinal", "dense")):
            colour = getattr(LIGHT, head)
            fill = "none" if drops[row] else colour
            upper.scatter([e / 1000 for e in errors[row]], [row] * len(errors[row]), facecolors=fill, edgecolors=colour)
            upper.scatter(state["means"][row], row, color=colour, marker="|", s=300)
        upper.set_yticks((0, 1), ("spinal head", "dense head"))
        upper.set(ylim=(1.6, -0.6), xlabel="validation error, %; hollow: with dropout")
        for row, (name, (mean, low, high)) in enumerate(state["differences"].items()):
            look = {"color": getattr(LIGHT, leader(mean)), "alpha": 1 if name == self.dropout else 0.4}
            lower.errorbar(mean, row, xerr=[[mean - low], [high - mean]], fmt="o", capsize=4, **look)
        lower.axvline(0, color=LIGHT.text)
        lower.set_yticks(range(len(SWITCH)), [words for words, *_ in SWITCH.values()])
        lower.set(ylim=(len(SWITCH) - 0.4, -0.6), xlabel="spinal − dense, points; dropout in …")
