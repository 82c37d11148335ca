"""Split explorer: which feature enters which layer, and the block picture of a spinal head's weight matrix."""

from __future__ import annotations

from ..checks import needs
from ..heads.spinal import split_sizes
from ..show.head_blocks import spine_refusal
from ..show.palette import LIGHT
from ..words import counted
from .base import Widget, number, percent

KINDS = {"input": "input split → layer", "chain": "previous layer → layer", "output": "all layers → logits"}


def split_explorer_state(values: dict, data: dict | None = None) -> dict:
    """Splits, layers and the blocks of the weight matrix. All counts start at 0, as in the code.

    The matrix has one row for each layer output and each logit, one column for each feature and each layer
    output; a block is `[kind, first row, rows, first column, columns]` and everything outside blocks is zero.
    """
    d, c, w = values["in_features"], values["num_classes"], values["layer_width"]
    layers, splits, feature = values["num_layers"], values["num_splits"], values["feature"]
    error = spine_refusal(d, layers, splits)
    if not error and feature >= d:
        known = f"{counted(d, 'feature')}, numbered from 0"
        error = (
            f"Feature {feature} does not exist among {known}; lower the feature to follow to {d - 1} or raise features"
        )
    if error:
        return {"error": error, "rows": [], "summary": error}
    sizes = split_sizes(d, splits)
    starts = [sum(sizes[:i]) for i in range(splits)]
    blocks = []
    for i in range(layers):
        split = i % splits
        blocks.append(["input", i * w, w, starts[split], sizes[split]])
        if i:
            blocks.append(["chain", i * w, w, d + (i - 1) * w, w])
    blocks.append(["output", layers * w, c, d, layers * w])
    weights = sum(rows * columns for _, _, rows, _, columns in blocks)
    cells = (layers * w + c) * (d + layers * w)
    split = max(i for i in range(splits) if starts[i] <= feature)
    readers = list(range(split, layers, splits))
    state = {
        "error": None,
        "splits": [[start, start + size] for start, size in zip(starts, sizes, strict=True)],
        "blocks": blocks,
        "weights": weights,
        "cells": cells,
        "feature_split": split,
        "feature_layers": readers,
    }
    rows = [
        [f"split {i}", f"features {start} to {stop - 1} ({stop - start})"]
        for i, (start, stop) in enumerate(state["splits"])
    ]
    rows.append([f"feature {feature}", f"in split {split}, read by {_layers(readers)}"])
    rows.append(["weights", f"{weights:,}, {percent(weights, cells)} of the matrix"])
    return {**state, "rows": rows, "summary": f"Feature {feature} is in split {split} and enters {_layers(readers)}."}


def _layers(numbers: list[int]) -> str:
    return ("layers " if len(numbers) > 1 else "layer ") + ", ".join(map(str, numbers))


class SplitExplorer(Widget):
    """The cut of the features and the weight matrix it leaves; follow one `feature` into the layers.

    Live: every control is a trait (`in_features`, `num_splits`, `num_layers`, `layer_width`, `num_classes`, `feature`).
    """

    kind = "split-explorer"
    title = "Which layer reads which features"

    num_splits = number("input splits", 2, 1, 16, 8)
    num_layers = number("layers", 4, 1, 16, 8)
    feature = number("follow feature (from 0)", 3, 0, 32_767, 47)
    in_features = number("features", 16, 1, 32_768, 48, more=True)
    layer_width = number("layer width", 3, 1, 1024, 8, more=True)
    num_classes = number("classes", 5, 1, 1000, 10, more=True)

    def state(self) -> dict:
        return split_explorer_state(self.values())

    def draw(self, figure, state: dict) -> None:
        with needs("book"):
            from matplotlib.patches import Patch, Rectangle

        figure.get_layout_engine().set(w_pad=0.4)  # an axis of fixed aspect does not make room for its labels
        axes = figure.subplots()
        rows = self.num_layers * self.layer_width + self.num_classes
        columns = self.in_features + self.num_layers * self.layer_width
        axes.add_patch(Rectangle((0, 0), columns, rows, fill=False, color=LIGHT.quiet))
        for kind, row, height, column, width in state["blocks"]:
            axes.add_patch(Rectangle((column, row), width, height, facecolor=getattr(LIGHT, kind), edgecolor="white"))
        axes.axvline(self.in_features, color=LIGHT.quiet, linestyle=":")
        axes.add_patch(Rectangle((self.feature, -0.3), 1, rows + 0.6, fill=False, color=LIGHT.text, linewidth=1.5))
        axes.set(xlim=(-0.5, columns + 0.5), ylim=(rows + 0.5, -0.5), aspect="equal")
        middles = [self.layer_width * (i + 0.5) for i in range(self.num_layers)]
        names = [*(f"layer {i}" for i in range(self.num_layers)), "logits"]
        axes.set_yticks([*middles, rows - self.num_classes / 2], names)
        middles = [(start + stop) / 2 for start, stop in state["splits"]]
        axes.set_xticks(middles, [f"split {i}" for i in range(self.num_splits)])
        axes.tick_params(length=0, labelsize=8)
        axes.spines[:].set_visible(False)
        axes.set_title(f"feature {self.feature} framed", fontsize=9)
        keys = [Patch(color=getattr(LIGHT, kind), label=label) for kind, label in KINDS.items()]
        figure.legend(handles=keys, loc="outside right center", fontsize=8)
