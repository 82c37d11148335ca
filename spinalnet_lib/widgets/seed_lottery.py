"""Seed lottery: papers that pull a few seeds of each head, and how often they name the head that all seeds name."""

from __future__ import annotations

import math
from collections.abc import Sequence

import traitlets

from ..records.record import Record
from ..show.palette import LIGHT
from ..study.crossed import SWITCH
from .base import Widget, percent, slider
from .differences import CHOICE, crossed_data, interval, leader, points, said
from .draws import Draws

MANY = 1000  # pulls behind the shares
MOST_SHOWN = 200
_START = 20070333
_HEADS = {"spinal": "the spinal head leads", "dense": "the dense head leads", "neither": "a tie"}


def seed_lottery_state(values: dict, data: dict) -> dict:
    """The pulls that are shown, the last of them in full, and what becomes of `MANY` pulls of `seeds` seeds a head.

    A pull takes different seeds for a head, of those on record; the other head's are the same ones, or drawn apart.
    `data`: that of `crossed_data`, and `many`, `start`, `span`.
    """
    spinal, dense = data["errors"][values["dropout"]]
    n, every = values["seeds"], len(data["seeds"])
    whole = interval([ours - theirs for ours, theirs in zip(spinal, dense, strict=True)], data["t"])
    draws = Draws(data["start"])
    shown, last, same, clear = [], None, 0, 0
    for k in range(data["many"]):
        ours = draws.some(n, every)
        theirs = ours if values["same"] else draws.some(n, every)
        found = interval([spinal[a] - dense[b] for a, b in zip(ours, theirs, strict=True)], data["t"])
        same += leader(found[0]) == leader(whole[0])
        clear += found[1] is not None and (found[1] > 0 or found[2] < 0)
        if k < values["pulls"]:
            shown.append(found[0])
            last = {"spinal": ours, "dense": theirs, "found": found}
    leads = [sum(leader(difference) == head for difference in shown) for head in _HEADS]
    state = {"error": None, "shown": shown, "last": last, "whole": whole, "leads": leads, "same": same, "clear": clear}
    rows = _rows(state, values, data)
    summary = (
        f"Pull {values['pulls']}, {rows[0][1]}. "
        f"Of {data['many']:,} pulls {rows[2][1]} name the head that all seeds name."
    )
    return {**state, "rows": rows, "summary": summary}


def _rows(state: dict, values: dict, data: dict) -> list[list[str]]:
    n, last, many = values["seeds"], state["last"], data["many"]
    ours, theirs = (", ".join(str(data["seeds"][i]) for i in last[head]) for head in ("spinal", "dense"))
    seeds = f"seed{'' if n == 1 else 's'} {ours}" + ("" if values["same"] else f" against {theirs}")
    leads = "; ".join(f"{_HEADS[head]} {count}" for head, count in zip(_HEADS, state["leads"], strict=True) if count)
    rows = [
        [f"pull {values['pulls']}", f"{seeds}: {said(last['found'])}, {_HEADS[leader(last['found'][0])]}"],
        [f"{values['pulls']} pull{'' if values['pulls'] == 1 else 's'} so far", leads],
        [f"{many:,} pulls that name the head that all seeds name", percent(state["same"], many)],
    ]
    if n > 1:
        rows.append([f"{many:,} intervals that do not hold zero", percent(state["clear"], many)])
    return [*rows, [f"all {len(data['seeds'])} seeds", said(state["whole"])]]


class SeedLottery(Widget):
    """Pulls of seeds from the first training's records on one data set: each pull is what one paper would have reported.

    Live: traits `dropout` ("published", "none" or "both"), `seeds` of a head in a pull, `pulls` shown and `same`, whether
    both heads take the same seeds. Raises ValueError for records without the four arms or with unequal seeds.
    """

    kind = "seed-lottery"
    title = "Pull a seed, name a winner"
    scripts = ("differences", "draws")

    dropout = traitlets.Enum(list(SWITCH), "published").tag(sync=True)
    seeds = traitlets.Int(1, min=1).tag(sync=True)
    pulls = traitlets.Int(20, min=1, max=MOST_SHOWN).tag(sync=True)
    same = traitlets.Bool(False).tag(sync=True)

    def __init__(self, records: Sequence[Record], **values):
        self._data = lottery_data(records)
        super().__init__(**values)

    @traitlets.validate("seeds")
    def _known_seeds(self, proposal):
        return min(proposal["value"], len(self._data["seeds"]))

    def controls(self) -> list[dict]:
        return [
            slider("seeds", "seeds of each head in a pull", 1, len(self._data["seeds"])),
            slider("pulls", "pulls", 1, MOST_SHOWN),
            CHOICE,
            {"name": "same", "label": "both heads from the same seeds", "type": "check", "more": True},
        ]

    def data(self) -> dict:
        return self._data

    def state(self) -> dict:
        return seed_lottery_state(self.values(), self._data)

    def draw(self, figure, state: dict) -> None:
        axes = figure.subplots()
        low, high = self._data["span"]
        size = (high - low) / 40
        edges = [size * k for k in range(math.floor(low / size), math.ceil(high / size) + 1)]  # one of them is zero
        inks = {"spinal": LIGHT.spinal, "dense": LIGHT.dense, "neither": LIGHT.linear}
        led = [[difference for difference in state["shown"] if leader(difference) == head] for head in inks]
        axes.hist(led, edges, color=list(inks.values()), label=list(_HEADS.values()), stacked=True)
        mean, left, right = state["whole"]
        axes.axvspan(left, right, color=LIGHT.quiet, alpha=0.16)
        axes.axvline(0, color=LIGHT.text)
        axes.axvline(mean, color=LIGHT.quiet, linestyle="--", label=f"all seeds, {points(mean)}")
        axes.set(xlabel="spinal − dense, points of error", ylabel="pulls", xlim=(low, high))
        axes.legend()


def lottery_data(records: Sequence[Record]) -> dict:
    """The errors that the state is computed from, and the axis: every difference of two single seeds lies on it."""
    data = crossed_data(records)
    every = [(ours - theirs) / 1000 for of in data["errors"].values() for ours in of[0] for theirs in of[1]]
    reach = max(every) - min(every)
    span = [min(0, min(every)) - 0.04 * reach, max(0, max(every)) + 0.04 * reach]
    return {**data, "many": MANY, "start": _START, "span": [round(end, 3) for end in span]}
