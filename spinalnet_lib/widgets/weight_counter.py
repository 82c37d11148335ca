"""Weight counter: how many weights a spinal head has beside a dense head and one Linear, and where they cross."""

from __future__ import annotations

import math

from ..heads.counting import head_cost
from ..heads.spinal import split_sizes
from ..heads.widths import largest_cheaper_width
from ..show.head_blocks import spine_refusal
from ..show.palette import LIGHT
from ..words import counted
from .base import Widget, multiple, number


def weight_counter_state(values: dict, data: dict | None = None) -> dict:
    """Counts of the three heads for these sizes, the two crossovers, and what the page prints.

    Sizes that make no spinal head give `error`, in words of the controls, and no counts.
    """
    d, c, h = values["in_features"], values["num_classes"], values["hidden_size"]
    layers, splits, width = values["num_layers"], values["num_splits"], values["layer_width"]
    error = spine_refusal(d, layers, splits)
    if error:
        return {"error": error, "rows": [], "summary": error}
    spinal = head_cost("spinal", d, c, layer_width=width, num_layers=layers, num_splits=splits)
    dense, linear = head_cost("mlp", d, c, hidden_sizes=h), head_cost("linear", d, c)
    costs = {"spinal": spinal, "dense": dense, "linear": linear}
    crossings = {n: largest_cheaper_width(costs[n].weights, d, c, layers, splits) for n in ("dense", "linear")}
    state = {
        "error": None,
        "weights": {name: cost.weights for name, cost in costs.items()},
        "parameters": {name: cost.parameters for name, cost in costs.items()},
        "split_sizes": split_sizes(d, splits),
        "crossings": crossings,
    }
    rows = [
        [label, f"{counted(state['weights'][name], 'weight')}, {counted(state['parameters'][name], 'parameter')}"]
        for name, label in (("spinal", "spinal head"), ("dense", f"dense head, {h:,} hidden"), ("linear", "one Linear"))
    ]
    rows.append(["input splits", " + ".join(map(str, state["split_sizes"]))])
    rows.append(["fewer weights than the dense head", _up_to(crossings["dense"])])
    rows.append(["fewer weights than one Linear", _up_to(crossings["linear"])])
    summary = (
        f"The spinal head has {multiple(spinal.weights, dense.weights)} the dense head's weights "
        f"and {multiple(spinal.weights, linear.weights)} one Linear's."
    )
    return {**state, "rows": rows, "summary": summary}


def _up_to(width: int) -> str:
    return f"up to layer width {width:,}" if width else "at no layer width"


class WeightCounter(Widget):
    """Weights of a spinal head against a dense head of `hidden_size` and against one Linear.

    Live: every control is a trait (`in_features`, `num_splits`, `num_layers`, `layer_width`, `num_classes`,
    `hidden_size`), readable, writable and linkable; `state()` gives the numbers shown.
    """

    kind = "weight-counter"
    title = "Weights of a spinal head, a dense head and one Linear"

    in_features = number("features", 256, 1, 32_768, 4096)
    num_splits = number("input splits", 2, 1, 16)
    num_layers = number("layers", 4, 1, 16)
    layer_width = number("layer width", 128, 1, 1024)
    num_classes = number("classes", 10, 1, 1000)
    hidden_size = number("dense head: hidden width", 512, 1, 4096)

    def state(self) -> dict:
        return weight_counter_state(self.values())

    def draw(self, figure, state: dict) -> None:
        bars, curve = figure.subplots(1, 2)
        labels = {"spinal": "spinal head", "dense": "dense head", "linear": "one Linear"}
        colours, counts = [getattr(LIGHT, name) for name in labels], list(state["weights"].values())
        bars.bar_label(bars.barh(list(labels.values()), counts, color=colours), [f" {n:,}" for n in counts])
        bars.invert_yaxis()
        bars.margins(x=0.3)
        bars.set_xlabel("weights")

        sizes = {"num_layers": self.num_layers, "num_splits": self.num_splits}
        last = max(8, math.ceil(1.25 * max(self.layer_width, *state["crossings"].values())))
        widths = sorted({max(1, round(last * i / 60)) for i in range(61)})
        costs = (head_cost("spinal", self.in_features, self.num_classes, layer_width=w, **sizes) for w in widths)
        curve.plot(widths, [cost.weights for cost in costs], color=LIGHT.spinal)
        curve.plot(self.layer_width, state["weights"]["spinal"], "o", color=LIGHT.spinal)
        for name in ("dense", "linear"):
            curve.axhline(state["weights"][name], color=getattr(LIGHT, name), linestyle="--", label=labels[name])
        curve.set(xlabel="layer width", ylabel="weights of the spinal head", xlim=0, ylim=0)
        curve.legend()
