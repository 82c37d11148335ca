"""One matrix: every head as a matrix of blocks that are on or off, named and counted, beside its dense twin."""

from __future__ import annotations

import json

import traitlets

from ..checks import needs
from ..show.head_blocks import arm_arguments_of, arms, cheaper_up_to, head_blocks
from ..show.head_presets import HEADS, KINDS, SMALL, SWITCHES, TWISTS, paper_networks
from ..show.palette import LIGHT
from .base import Widget, multiple, number, percent

MOST_SPLITS, MOST_LAYERS = 16, 32
LOOKS = {
    "none": "nothing",
    **{f"split-{i}": f"split {i}" for i in range(MOST_SPLITS)},
    **{f"layer-{i}": f"layer {i}" for i in range(MOST_LAYERS)},
}
# What people use, the places of a slider; a field takes every other size.
_WIDTHS = [1, 2, 4, 8, 16, 20, 24, 30, 32, 48, 50, 64, 96, 101, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096]
_FEATURES = [8, 12, 16, 32, 64, 128, 256, 320, 512, 784, 1024, 1280, 2048, 2544, 4096, 9216, 25_088]
_CLASSES = [2, 5, 10, 26, 37, 47, 62, 100, 101, 102, 131, 196, 200, 225, 1000]

_SET_BY_PRESETS = (
    "blocks",
    "twist",
    "layer_width",
    "num_layers",
    "num_splits",
    "in_features",
    "num_classes",
    "hidden_size",
)


def effective(values: dict, data: dict) -> dict:
    """The values with what the preset says about them."""
    return {**values, **data["presets"].get(values["preset"], {})}


def preset_of(values: dict, data: dict) -> str:
    """The preset that these values are, the one they were before any other; "own" if there is none."""
    presets = data["presets"]
    for name in (values["preset"], *presets):
        if name in presets and all(values[key] == value for key, value in presets[name].items()):
            return name
    return "own"


def one_matrix_state(values: dict, data: dict) -> dict:
    """Blocks, names and counts of the matrix and of its dense twin, and what the page prints; see `head_blocks`.

    Blocks and sizes that make no head give `error`, in words of the controls, and no counts.
    """
    v = effective(values, data)
    try:
        matrix = head_blocks(v)
    except ValueError as error:
        return {"error": str(error), "rows": [], "summary": str(error)}
    names = arms(v)
    twin = _twin(v)
    cheaper = cheaper_up_to(v, [twin["weights"], v["in_features"] * v["num_classes"]])
    pairs = [
        (word, f"{matrix[key]:,}", f"{twin[key]:,}")
        for word, key in (("weights", "weights"), ("parameters", "parameters"), ("multiply-adds", "macs"))
    ]
    zeros = [percent(m["cells"] - m["filled"], m["cells"]) for m in (matrix, twin)]
    pairs.append(("zeros in its matrix", *zeros))
    rows = [["head", _said(names)]]
    rows += [[word, f"{own}; dense twin {other}" if v["twin"] else own] for word, own, other in pairs]
    if matrix["layer_width"] != v["layer_width"]:
        rows.append(["layer width, solved", f"{matrix['layer_width']:,}"])
    if cheaper:
        rows.append(["fewer weights than the dense twin", _up_to(cheaper[0])])
        rows.append(["fewer weights than one Linear", _up_to(cheaper[1])])
    arguments = arm_arguments_of(names[0], v) if names else None
    if names:
        rows.append(["in code", _call(names[0], v, arguments)])
    if v["look"] != "none":
        rows.append([LOOKS[v["look"]], _looked(v["look"], matrix, v)])
    subject = f"These blocks are {names[0]}" if names else "No registered head has these blocks"
    summary = (
        f"{subject}: {matrix['weights']:,} weights, {multiple(matrix['weights'], twin['weights'])} the dense twin's; "
        f"{zeros[0]} of its matrix is zero, of the twin's {zeros[1]}."
    )
    return {
        "error": None,
        **matrix,
        "arms": names,
        "arguments": arguments,
        "twin": twin,
        "cheaper": cheaper,
        "rows": rows,
        "summary": summary,
    }


def _twin(v: dict) -> dict:
    """The dense head of one hidden layer, on the same features and classes."""
    twin = head_blocks({**v, **HEADS["mlp"], "layer_width": v["hidden_size"]})
    return {**twin, "off": []}


def _said(names: list[str]) -> str:
    if not names:
        return "none of the registry"
    return names[0] + (f"; at these sizes {', '.join(names[1:])} are the same matrix" if names[1:] else "")


def _up_to(width: int) -> str:
    return f"up to layer width {width:,}" if width else "at no layer width"


def _call(name: str, v: dict, arguments: dict) -> str:
    said = "".join(f", {key}={json.dumps(value)}" for key, value in arguments.items())
    return f'create_head("{name}", {v["in_features"]}, {v["num_classes"]}{said})'


def _looked(look: str, matrix: dict, v: dict) -> str:
    """What a split or a layer reads and feeds."""
    kind, _, n = look.partition("-")
    n, top = int(n), len(matrix["layers"]) - 1
    blocks = matrix["blocks"]
    if kind == "split":
        if v["twist"] == "random":
            return "drawn at random, in no one place"
        if n >= len(matrix["splits"]):
            return "there is none"
        start, stop = matrix["splits"][n]
        readers = [b[8] for b in blocks if b[9] == -1 and b[4] < stop and b[4] + b[5] > start]
        return f"features {start:,} to {stop - 1:,}, read by {_listed(readers)}"
    if n > top or not any(b[8] == n for b in blocks):
        return "there is none"
    reads = [b for b in blocks if b[8] == n]
    columns = sum(b[5] for b in reads if b[9] == -1)
    layers = [b[9] for b in reads if b[9] >= 0]
    parts = [*([f"{columns:,} features"] if columns else []), *([_listed(layers)] if layers else [])]
    return f"reads {' and '.join(parts)}; feeds {_listed([b[8] for b in blocks if b[9] == n])}"


def _listed(layers: list[int]) -> str:
    """Layers in words, each once; -1 is the logits."""
    numbers = sorted({n for n in layers if n >= 0})
    said = [("layer " if len(numbers) == 1 else "layers ") + ", ".join(map(str, numbers))] if numbers else []
    said += ["the logits"] if -1 in layers else []
    return " and ".join(said) or "nothing"


class OneMatrix(Widget):
    """Blocks on or off in the weight matrix of a head: which registered head that is, and what it costs.

    Live: traits `preset` (a registered head, a head of the paper's networks, or "own"), `layer_width`, `twin` (its dense
    twin beside it), `blocks` (numbers of SWITCHES that are on), `twist` (how it departs from plain blocks), `num_layers`,
    `num_splits`, `in_features`, `num_classes`, `hidden_size` (of the twin) and `look` ("split-0", "layer-0", ...). A preset
    goes before the values that it sets; setting one of those leaves the preset. `state()` gives what is shown.
    """

    kind = "one-matrix"
    title = "One matrix, all heads"

    layer_width = number("layer width", 128, 1, 4096, used=_WIDTHS)
    num_layers = number("layers", 4, 1, MOST_LAYERS, more=True)
    num_splits = number("input splits", 2, 1, MOST_SPLITS, more=True)
    in_features = number("features", 256, 1, 25_088, used=_FEATURES, more=True)
    num_classes = number("classes", 10, 1, 1000, used=_CLASSES, more=True)
    hidden_size = number("dense twin: hidden width", 512, 1, 4096, used=_WIDTHS, more=True)
    preset = traitlets.Enum(["own", *HEADS, *paper_networks()], "spinal").tag(sync=True)
    twin = traitlets.Bool(True).tag(sync=True)
    blocks = traitlets.List(traitlets.Int(min=0, max=len(SWITCHES) - 1), HEADS["spinal"]["blocks"]).tag(sync=True)
    twist = traitlets.Enum(list(TWISTS), "none").tag(sync=True)
    look = traitlets.Enum(list(LOOKS), "none").tag(sync=True)

    def __init__(self, title: str | None = None, **values):
        if "preset" not in values and values.keys() & {"blocks", "twist"}:
            values["preset"] = "own"
        super().__init__(title, **values)

    @traitlets.validate("blocks")
    def _each_once(self, proposal):
        return sorted(set(proposal["value"]))

    @traitlets.observe(*_SET_BY_PRESETS)
    def _leave_the_preset(self, change):
        said = self.data()["presets"].get(self.preset, {})
        if change["name"] in said and said[change["name"]] != change["new"]:
            whole = {**effective(self.values(), self.data()), change["name"]: change["new"]}
            self.preset = preset_of(whole, self.data())
            for name in said.keys() - {change["name"]}:
                setattr(self, name, whole[name])

    def controls(self) -> list[dict]:
        width, *numbers = super().controls()
        networks = {name: f"the paper's {name}" for name in paper_networks()}
        presets = {"own": "own blocks", **{name: name for name in HEADS}, **networks}
        inks = ["input"] * 3 + ["chain"] * 2 + ["output"] * 3
        return [
            {"name": "preset", "label": "head", "type": "choice", "options": [list(o) for o in presets.items()]},
            width,
            {"name": "twin", "label": "dense twin in the same frame", "type": "check"},
            {"name": "blocks", "label": "blocks", "type": "checks", "options": SWITCHES, "inks": inks, "more": True},
            {**_choice("twist", "departs from plain blocks", TWISTS), "more": True},
            *numbers,
            {**_choice("look", "look at", LOOKS), "more": True},
        ]

    def data(self) -> dict:
        return {"presets": {**HEADS, **paper_networks()}, "switches": SWITCHES, "small": SMALL, "looks": LOOKS}

    def state(self) -> dict:
        return one_matrix_state(self.values(), self.data())

    def draw(self, figure, state: dict) -> None:
        with needs("book"):
            from matplotlib.patches import Patch, Rectangle

        v = effective(self.values(), self.data())
        shown = [(state, "spinal"), (state["twin"], "dense")] if self.twin else [(state, "spinal")]
        panels = figure.subplots(1, len(shown), squeeze=False, sharex=True, sharey=True)[0]
        for axes, (matrix, head) in zip(panels, shown, strict=True):
            rows, columns = matrix["top"] + v["num_classes"], v["in_features"] + matrix["top"]
            axes.add_patch(Rectangle((0, 0), columns, rows, fill=False, color=LIGHT.quiet))
            for kind, _, row, height, column, width, *_ in matrix["blocks"]:
                colour = LIGHT.dense if head == "dense" else getattr(LIGHT, kind)
                axes.add_patch(Rectangle((column, row), width, height, facecolor=colour, edgecolor=LIGHT.back))
            axes.axvline(v["in_features"], color=LIGHT.quiet, linestyle=":")
            axes.set(xlabel="features | layer outputs")
        most = [(m["top"] + v["num_classes"], v["in_features"] + m["top"]) for m, _ in shown]
        rows, columns = (max(sizes) for sizes in zip(*most, strict=True))
        panels[0].set(xlim=(-0.01 * columns, 1.01 * columns), ylim=(1.02 * rows, -0.02 * rows))
        panels[0].set_ylabel("layer outputs, then logits")
        for axes, title in zip(panels, (state["rows"][0][1].partition(";")[0], "dense twin"), strict=False):
            axes.set_title(title, fontsize=10)
        keys = [Patch(color=getattr(LIGHT, kind), label=label) for kind, label in KINDS.items()]
        figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), fontsize=8)


def _choice(name: str, label: str, options: dict) -> dict:
    return {"name": name, "label": label, "type": "choice", "options": [list(option) for option in options.items()]}
