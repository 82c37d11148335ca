"""Gradient by layer: how large the gradient of each of thirty layers is while they learn, in four heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median_low

import traitlets

from ..records.record import Record
from ..show.palette import LIGHT, MARKERS, family
from ..study.gains import LEAST_NORM
from ..study.gradients import chain_runs, log_norms, steps_of
from .base import Widget, slider

THOUSANDTHS = 1000  # in which decimal logarithms are kept: whole numbers are alike in both languages
ZERO = round(THOUSANDTHS * math.log10(LEAST_NORM))  # a norm that is none
_SAID = {
    "spinal": "spinal head",
    "spinal_last": "spinal head, only its last layer feeds the classes",
    "mlp_deep": "plain chain",
    "mlp_deep_skip": "plain chain, all layers feed the classes",
}


def gradient_by_layer_state(values: dict, data: dict) -> dict:
    """Of each chosen head the median logarithm of every layer's gradient norm over the first `seeds` seeds, lowest and highest;
    of two in the middle the lower, so that it is some seed's.

    `data`: `heads` [name], `inks`, `dashed`, `steps` [point], `logs` [head][seed][point][layer], decimal logarithms in
    thousandths, ZERO where there is no gradient. With `share` the norms are shares of the seed's last layer's; a seed whose
    last layer has none is dead and has no shares.
    """
    n, point = values["seeds"], values["point"]
    chosen = []
    for head in values["heads"]:
        runs = [run[point] for run in data["logs"][head][:n]]
        shares = [[max(log - run[-1], ZERO) if log > ZERO else ZERO for log in run] for run in runs if run[-1] > ZERO]
        drawn = shares if values["share"] else runs
        layers = [sorted(logs) for logs in zip(*drawn, strict=True)]
        firsts = sorted(run[0] for run in shares)
        chosen.append(
            {
                "head": head,
                "drawn": drawn,
                "middle": [median_low(logs) for logs in layers],
                "low": [logs[0] for logs in layers],
                "high": [logs[-1] for logs in layers],
                "first": [median_low(firsts), firsts[0], firsts[-1]] if firsts else None,
                "dead": n - len(shares),
            }
        )
    rows = [[data["heads"][each["head"]], _cell(each, n)] for each in chosen]
    step = data["steps"][point]
    when = f"After {step:,} of {data['steps'][-1]:,} steps" if step else "Before the first step"
    said = "; ".join(f"{name} {_said(each)}" for (name, _), each in zip(rows, chosen, strict=True))
    told = f"{when} the first layer's gradient is, as a share of the last layer's: {said}."
    return {
        "error": None,
        "chosen": chosen,
        "when": when,
        "rows": rows,
        "summary": told if chosen else "No head is chosen.",
    }


def _said(each: dict) -> str:
    return power(each["first"][0]) if each["first"] else "nothing, as no layer has one"


def _cell(each: dict, seeds: int) -> str:
    alive = seeds - each["dead"]
    dead = f"{each['dead']} of {seeds} seeds dead: no layer has a gradient"
    if not alive:
        return dead
    middle, low, high = map(power, each["first"])
    told = f"median {middle} ({low} to {high}), {alive} seeds" if alive > 1 else f"{middle}, 1 seed"
    return f"{told}; {dead}" if each["dead"] else told


def power(log: int) -> str:
    """A number by its decimal logarithm in thousandths, in figures where it has few, else as a power of ten.

    >>> power(-500), power(1200), power(-12_340), power(-2500), power(ZERO)
    ('0.32', '16', '10⁻¹²', '0.0032', '0')
    """
    if log <= ZERO:
        return "0"
    whole = (log + THOUSANDTHS // 2) // THOUSANDTHS
    if abs(log) > 3.5 * THOUSANDTHS:
        return "10" + str(whole).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    value = 10 ** (log / THOUSANDTHS)
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


class GradientByLayer(Widget):
    """Norms of the gradient by the weights of each layer of chains of thirty, from before the first step to after the last.

    Live: traits `heads` (indices into `head_names`), `point` (in `steps`), `seeds` and `share` (as shares of the last
    layer's). Without `records` the project's own. ValueError while runs of tier D4 are missing.
    """

    kind = "gradient-by-layer"
    title = "The gradient of each of thirty layers"

    heads = traitlets.List(traitlets.Int()).tag(sync=True)
    point = traitlets.Int(0, min=0).tag(sync=True)
    seeds = traitlets.Int(min=1).tag(sync=True)
    share = traitlets.Bool(True).tag(sync=True)

    def __init__(self, records: Sequence[Record] | None = None, **values):
        self._data = gradient_data(records)
        self.head_names, self.steps = self._data["heads"], self._data["steps"]
        self._most_seeds = min(map(len, self._data["logs"]))
        super().__init__(**{"heads": list(range(len(self.head_names))), "seeds": self._most_seeds, **values})

    @traitlets.validate("heads")
    def _known_heads(self, proposal):
        wrong = [head for head in proposal["value"] if not 0 <= head < len(self.head_names)]
        if wrong:
            raise traitlets.TraitError(f"heads {wrong} do not exist; choose from 0 to {len(self.head_names) - 1}")
        return sorted(set(proposal["value"]))

    @traitlets.validate("point", "seeds")
    def _within(self, proposal):
        most = {"point": len(self.steps) - 1, "seeds": self._most_seeds}
        return min(proposal["value"], most[proposal["trait"].name])

    def controls(self) -> list[dict]:
        points = f"point in training, 0: start, {len(self.steps) - 1}: end"
        return [
            {
                "name": "heads",
                "label": "heads",
                "type": "checks",
                "options": self.head_names,
                "inks": self._data["inks"],
            },
            slider("point", points, 0, len(self.steps) - 1),
            {"name": "share", "label": "as a share of the last layer's", "type": "check"},
            {**slider("seeds", "seeds", 1, self._most_seeds), "more": True},
        ]

    def data(self) -> dict:
        return self._data

    def state(self) -> dict:
        return gradient_by_layer_state(self.values(), self._data)

    def draw(self, figure, state: dict) -> None:
        axes = figure.subplots()
        for each in state["chosen"]:
            head = each["head"]
            colour, layers = getattr(LIGHT, self._data["inks"][head]), range(len(each["middle"]))
            low, high, middle = (
                [10 ** (log / THOUSANDTHS) for log in each[name]] for name in ("low", "high", "middle")
            )
            axes.fill_between(layers, low, high, color=colour, alpha=0.16, linewidth=0)
            style = ("--" if self._data["dashed"][head] else "-") + MARKERS[head % len(MARKERS)]
            if 2 * len(each["drawn"]) > self.seeds:  # of a few survivors there is no middle
                axes.plot(layers, middle, style, color=colour, label=self.head_names[head], markersize=4)
            else:
                axes.plot([], [], style, color=colour, label=f"{self.head_names[head]}, most dead", markersize=4)
        axes.set(xlabel="layer", ylabel="gradient norm" + self.share * " ÷ last layer's", yscale="log")
        axes.set_title(state["when"], fontsize=10)
        if state["chosen"]:
            axes.legend(fontsize=8)


def gradient_data(records: Sequence[Record] | None = None) -> dict:
    """The logarithms that the state is computed from."""
    runs = chain_runs(records)
    steps = steps_of(runs)
    logs = [
        [[[round(THOUSANDTHS * log) for log in point] for point in log_norms(record, steps)] for record in of_head]
        for of_head in runs.values()
    ]
    looks = {
        "inks": [family(head) for head in runs],
        "dashed": [head in ("mlp_deep_skip", "spinal_last") for head in runs],
    }
    return {"heads": [_SAID[head] for head in runs], **looks, "steps": steps, "zero": ZERO, "logs": logs}
