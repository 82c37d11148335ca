"""Weight counter: how many weights a spinal head has beside a dense head and one Linear, and where they cross."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..checks import check_flag, check_int, check_name
from ..heads.counting import HeadCost, head_cost
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
    of = {**PLAIN, **(data or {})}
    d, c, h = values["in_features"], values["num_classes"], values.get("hidden_size", 0)
    layers, splits, width = values["num_layers"], values["num_splits"], values["layer_width"]
    error = spine_refusal(d, layers, splits)
    if error:
        return {"error": error, "rows": [], "summary": error}
    costs = {"spinal": _spine_cost(values, of, width)}
    if of["hidden_layers"]:
        norm = _NORM if "dense" in of["norms"] else {}
        costs["dense"] = head_cost("mlp", d, c, hidden_sizes=(h,) * of["hidden_layers"], **norm)
    costs["linear"] = head_cost("linear", d, c)
    rivals = [name for name in costs if name != "spinal"]
    crossings = {n: largest_cheaper_width(costs[n].weights, d, c, layers, splits, of["tied"]) for n in rivals}
    state = {
        "error": None,
        "weights": {name: cost.weights for name, cost in costs.items()},
        "parameters": {name: cost.parameters for name, cost in costs.items()},
        "split_sizes": split_sizes(d, splits),
        "crossings": crossings,
    }
    hidden = f"{of['hidden_layers']} × {h:,}" if of["hidden_layers"] > 1 else f"{h:,}"
    labels = {
        **LABELS,
        "spinal": f"spinal head{of['tied'] * ', layers shared'}",
        "dense": f"dense head, {hidden} hidden",
    }
    rows = [
        [
            labels[name],
            f"{counted(state['weights'][name], 'weight')}, {counted(state['parameters'][name], 'parameter')}",
        ]
        for name in costs
    ]
    rows.append(["input splits", " + ".join(map(str, state["split_sizes"]))])
    rows += [[f"fewer weights than {_THE[name]}", _up_to(crossings[name])] for name in rivals]
    weights = state["weights"]
    dense = f"{multiple(weights['spinal'], weights['dense'])} the dense head's weights and " if "dense" in costs else ""
    one = f"{multiple(weights['spinal'], weights['linear'])} one Linear's{'' if dense else ' weights'}"
    return {**state, "rows": rows, "summary": f"The spinal head has {dense}{one}."}


LABELS = {"spinal": "spinal head", "dense": "dense head", "linear": "one Linear"}
_THE = {"dense": "the dense head", "linear": "one Linear"}
PLAIN = {"hidden_layers": 1, "tied": False, "norms": ()}
_NORM = {"norm_layer": "BatchNorm1d"}


def _spine_cost(values: dict, of: dict, width: int) -> HeadCost:
    sizes = {"layer_width": width, "num_layers": values["num_layers"], "num_splits": values["num_splits"]}
    norm = _NORM if "spinal" in of["norms"] else {}
    return head_cost(
        "spinal_tied" if of["tied"] else "spinal", values["in_features"], values["num_classes"], **sizes, **norm
    )


def _up_to(width: int) -> str:
    return f"up to layer width {width:,}" if width else "at no layer width"


class WeightCounter(Widget):
    """Weights of a spinal head against a dense head of `hidden_size` and against one Linear.

    Live: every control is a trait (`in_features`, `num_splits`, `num_layers`, `layer_width`, `num_classes`,
    `hidden_size`), readable, writable and linkable; `state()` gives the numbers shown.

    `hidden_layers` of the dense head are 1 unless given; 0 leaves that head out. `tied` counts a "spinal_tied"; `norms` names
    the heads with a norm in each layer, "spinal" and "dense".
    """

    kind = "weight-counter"
    title = "Weights of a spinal head, a dense head and one Linear"

    layer_width = number("layer width", 128, 1, 1024)
    hidden_size = number("dense head: hidden width", 512, 1, 4096)
    in_features = number("features", 256, 1, 32_768, 4096)
    num_splits = number("input splits", 2, 1, 16, more=True)
    num_layers = number("layers", 4, 1, 16, more=True)
    num_classes = number("classes", 10, 1, 1000, more=True)

    def __init__(
        self,
        title: str | None = None,
        *,
        hidden_layers: int = 1,
        tied: bool = False,
        norms: Sequence[str] = (),
        **values,
    ):
        self._of = {
            "hidden_layers": check_int("WeightCounter", "hidden_layers", hidden_layers, minimum=0),
            "tied": check_flag("WeightCounter", "tied", tied),
            "norms": [check_name("head", head, ("spinal", "dense")) for head in norms],
        }
        super().__init__(title, **values)

    def controls(self) -> list[dict]:
        asked = super().controls()
        return asked if self._of["hidden_layers"] else [each for each in asked if each["name"] != "hidden_size"]

    def data(self) -> dict:
        return self._of

    def state(self) -> dict:
        return weight_counter_state(self.values(), self._of)

    def draw(self, figure, state: dict) -> None:
        bars, curve = figure.subplots(1, 2)
        labels = {name: LABELS[name] for name in state["weights"]}
        colours, counts = [getattr(LIGHT, name) for name in labels], list(state["weights"].values())
        bars.bar_label(bars.barh(list(labels.values()), counts, color=colours), [f" {n:,}" for n in counts])
        bars.invert_yaxis()
        bars.margins(x=0.3)
        bars.set_xlabel("weights")

        last = max(8, math.ceil(1.25 * max(self.layer_width, *state["crossings"].values())))
        widths = sorted({max(1, round(last * i / 60)) for i in range(61)})
        costs = (_spine_cost(self.values(), self._of, width) for width in widths)
        curve.plot(widths, [cost.weights for cost in costs], color=LIGHT.spinal)
        curve.plot(self.layer_width, state["weights"]["spinal"], "o", color=LIGHT.spinal)
        for name in state["crossings"]:
            curve.axhline(state["weights"][name], color=getattr(LIGHT, name), linestyle="--", label=labels[name])
        curve.set(xlabel="layer width", ylabel="weights of the spinal head", xlim=0, ylim=0)
        curve.legend()
