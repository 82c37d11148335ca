"""Gradient by layer: how large the gradient of each of thirty layers is while they learn, in four heads."""

from __future__ import annotations

from collections.abc import Sequence

import traitlets

from ..records.record import Record
from ..show.palette import LIGHT, MARKERS, family
from ..study.gradients import chain_runs, log_norms, steps_of
from .base import Widget, slider

HUNDREDTHS = 100  # in which decimal logarithms are kept: whole numbers add up alike in both languages
_SAID = {
    "spinal": "spinal head",
    "spinal_last": "spinal head, only its last layer feeds the classes",
    "mlp_deep": "plain chain",
    "mlp_deep_skip": "plain chain, all layers feed the classes",
}


def gradient_by_layer_state(values: dict, data: dict) -> dict:
    """Of each chosen head the mean logarithm of every layer's gradient norm over the first `seeds` seeds, lowest and highest.

    `data`: `heads` [name], `inks`, `dashed`, `steps` [point], `logs` [head][seed][point][layer], decimal logarithms in
    hundredths. With `share` each seed's norms are shares of its last layer's.
    """
    n, point = values["seeds"], values["point"]
    chosen = []
    for head in values["heads"]:
        runs = [run[point] for run in data["logs"][head][:n]]
        shares = [[log - run[-1] for log in run] for run in runs]
        by_layer = list(zip(*(shares if values["share"] else runs), strict=True))
        firsts = [run[0] for run in shares]
        chosen.append(
            {
                "head": head,
                "mean": [sum(logs) / n for logs in by_layer],
                "low": [min(logs) for logs in by_layer],
                "high": [max(logs) for logs in by_layer],
                "first": [sum(firsts) / n, min(firsts), max(firsts)],
            }
        )
    rows = [[data["heads"][each["head"]], _cell(each["first"], n)] for each in chosen]
    step = data["steps"][point]
    when = f"After {step:,} of {data['steps'][-1]:,} steps" if step else "Before the first step"
    said = "; ".join(f"{name} {power(each['first'][0])}" for (name, _), each in zip(rows, chosen, strict=True))
    summary = (
        f"{when} the first layer's gradient is, as a share of the last layer's: {said}."
        if chosen
        else "No head is chosen."
    )
    return {"error": None, "chosen": chosen, "when": when, "rows": rows, "summary": summary}


def power(log: float) -> str:
    """A number by its decimal logarithm in hundredths, in figures where it has few, else as a power of ten.

    >>> power(-50), power(120), power(-1234), power(-250)
    ('0.32', '16', '10⁻¹²', '0.0032')
    """
    whole = int((log + HUNDREDTHS / 2) // HUNDREDTHS)
    if abs(log) > 3.5 * HUNDREDTHS:
        return "10" + str(whole).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    value = 10 ** (log / HUNDREDTHS)
    return (
        f"{value:.0f}"
        if value >= 10
        else f"{value:.1f}"
        if value >= 1
        else f"{value:.2f}"
        if value >= 0.1
        else f"{value:.4f}"
    )


def _cell(first: list[float], seeds: int) -> str:
    mean, low, high = map(power, first)
    return f"{mean} ({low} to {high}), {seeds} seeds" if seeds > 1 else f"{mean}, 1 seed"


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
        points = f"point in training (0 to {len(self.steps) - 1})"
        return [
            {
                "name": "heads",
                "label": "heads",
                "type": "checks",
                "options": self.head_names,
                "inks": self._data["inks"],
            },
            slider("point", points, 0, len(self.steps) - 1),
            slider("seeds", "seeds", 1, self._most_seeds),
            {"name": "share", "label": "as a share of the last layer's", "type": "check"},
        ]

    def data(self) -> dict:
        return self._data

    def state(self) -> dict:
        return gradient_by_layer_state(self.values(), self._data)

    def draw(self, figure, state: dict) -> None:
        axes = figure.subplots()
        for each in state["chosen"]:
            head = each["head"]
            colour, layers = getattr(LIGHT, self._data["inks"][head]), range(len(each["mean"]))
            low, high, mean = ([10 ** (log / HUNDREDTHS) for log in each[name]] for name in ("low", "high", "mean"))
            axes.fill_between(layers, low, high, color=colour, alpha=0.16, linewidth=0)
            style = ("--" if self._data["dashed"][head] else "-") + MARKERS[head % len(MARKERS)]
            axes.plot(layers, mean, style, color=colour, label=self.head_names[head], markersize=4)
        axes.set(xlabel="layer", ylabel="gradient norm" + self.share * " ÷ last layer's", yscale="log")
        axes.set_title(state["when"], fontsize=10)
        if state["chosen"]:
            axes.legend(fontsize=8)


def gradient_data(records: Sequence[Record] | None = None) -> dict:
    """The logarithms that the state is computed from."""
    runs = chain_runs(records)
    steps = steps_of(runs)
    logs = [
        [[[round(HUNDREDTHS * log) for log in point] for point in log_norms(record, steps)] for record in of_head]
        for of_head in runs.values()
    ]
    looks = {
        "inks": [family(head) for head in runs],
        "dashed": [head in ("mlp_deep_skip", "spinal_last") for head in runs],
    }
    return {"heads": [_SAID[head] for head in runs], **looks, "steps": steps, "logs": logs}
