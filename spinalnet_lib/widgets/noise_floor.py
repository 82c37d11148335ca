"""Noise floor: one regression's errors, read as the paper reads them and on new points, beside the noise in the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

import traitlets

from ..checks import needs
from ..data.regression import NOISE_FLOOR, TARGETS
from ..records.record import Record
from ..show.noise_plot import NAMES, NETS, errors_of, seeds_of
from ..show.palette import LIGHT, family
from ..study.gains import mean_predictor_error
from .base import Widget, slider

READINGS = (
    ("paper", "the paper's two numbers"),
    ("alike", "our runs, read in the paper's way"),
    ("fresh", "the same runs on new points"),
)
_NAMES = ("dense net", "spinal net")


def noise_floor_state(values: dict, data: dict) -> dict:
    """The errors of both nets for a target and a reading, over the first `seeds` seeds, and which lie below the noise.

    `data`: `floor`; by target `errors` [reading][net][seed] and `mean_predictor`, its error on new points.
    """
    target, reading = data["targets"][values["target"]], values["reading"]
    errors = [of_net[: values["seeds"]] for of_net in target["errors"][reading]]
    every = [error for of_net in errors for error in of_net]
    below = sum(error < data["floor"] for error in every)
    medians = [median(of_net) for of_net in errors]
    rows = [[name, _cell(of_net)] for name, of_net in zip(_NAMES, errors, strict=True)]
    rows += [["spinal ÷ dense, medians", _short(medians[1] / medians[0])]]
    rows += [["below the noise", f"{below} of {len(every)}, the noise has variance {_short(data['floor'])}"]]
    said = f"{rows[0][0]} {rows[0][1]}, {rows[1][0]} {rows[1][1]}; {below} of {len(every)} below the noise"
    if reading == "fresh":
        rows += [["always saying the mean", _short(target["mean_predictor"])]]
        said += f"; always saying the mean has {_short(target['mean_predictor'])}"
    return {"error": None, "errors": errors, "medians": medians, "below": below, "rows": rows, "summary": f"{said}."}


def _short(value: float) -> str:
    """Three digits, as the script writes them; errors lie between a ten-thousandth and a thousand."""
    return f"{value:.3g}"


def _cell(errors: list[float]) -> str:
    if len(errors) == 1:
        return _short(errors[0])
    return f"median {_short(median(errors))} ({_short(min(errors))} to {_short(max(errors))}), {len(errors)} seeds"


class NoiseFloor(Widget):
    """Squared errors of the dense and the spinal net on the paper's four regressions, from runs with its recipe.

    Live: traits `target` (a name of a regression), `reading` ("paper", "alike" or "fresh") and `seeds`. ValueError without runs of each.
    """

    kind = "noise-floor"
    title = "Errors of both nets beside the noise in the data"

    target = traitlets.Enum(list(TARGETS), next(iter(TARGETS))).tag(sync=True)
    reading = traitlets.Enum([name for name, _ in READINGS], "alike").tag(sync=True)
    seeds = traitlets.Int(min=1).tag(sync=True)

    def __init__(self, records: Sequence[Record], **values):
        self._data = floor_data(records)
        self._most_seeds = min(len(e) for t in self._data["targets"].values() for e in t["errors"]["fresh"])
        super().__init__(**{"seeds": self._most_seeds, **values})

    @traitlets.validate("seeds")
    def _known_seeds(self, proposal):
        return min(proposal["value"], self._most_seeds)

    def controls(self) -> list[dict]:
        targets = [list(each) for each in NAMES.items()]
        return [
            {"name": "reading", "label": "reading", "type": "choice", "options": [list(each) for each in READINGS]},
            {"name": "target", "label": "function", "type": "choice", "options": targets},
            slider("seeds", "seeds", 1, self._most_seeds),
        ]

    def data(self) -> dict:
        return self._data

    def state(self) -> dict:
        return noise_floor_state(self.values(), self._data)

    def draw(self, figure, state: dict) -> None:
        with needs("book"):
            from matplotlib.ticker import FuncFormatter

        axes = figure.subplots()
        for place, (net, errors) in enumerate(zip(NETS, state["errors"], strict=True)):
            colour = getattr(LIGHT, family(net))
            axes.scatter(errors, [place] * len(errors), color=colour, alpha=0.6)
            axes.scatter(state["medians"][place], place, color=colour, marker="|", s=500)
        axes.axvline(self._data["floor"], color=LIGHT.text, linestyle="--")
        axes.set_yticks(range(len(NETS)), _NAMES)
        axes.set(
            xscale="log",
            xlim=self._data["span"],
            ylim=(1.6, -0.6),
            xlabel="squared error; dashed: the noise's variance",
        )
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def floor_data(records: Sequence[Record]) -> dict:
    """The errors that the state is computed from, by target, reading and net; seeds sorted, those that both nets have."""
    targets, every = {}, [NOISE_FLOOR]
    for target in TARGETS:
        errors = errors_of(target, records)
        if not all(errors["fresh"]):
            raise ValueError(f"NoiseFloor: no runs of both nets on {target}; pass load_records('regression')")
        of_mean = [mean_predictor_error(target, seed) for seed in seeds_of(target, records)]
        targets[target] = {"errors": errors, "mean_predictor": float(f"{sum(of_mean) / len(of_mean):.4g}")}
        every += [error for reading in errors.values() for of_net in reading for error in of_net]
    span = [10 ** math.floor(math.log10(min(every))), 10 ** math.ceil(math.log10(max(every)))]
    return {"floor": NOISE_FLOOR, "span": span, "targets": targets}
