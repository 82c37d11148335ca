"""Error curves: validation error of several arms over training, each seed, their mean and an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import traitlets

from ..records.record import Record
from ..show.palette import LIGHT, MARKERS, family
from ..show.run_groups import group_arms
from ..study.statistics import t_critical
from ..study.tuning import drop_rate
from .base import Widget, slider
from .differences import interval

INTERVALS = (("t", "95 % t interval of the mean"), ("range", "lowest to highest seed"), ("none", "none"))


def error_curves_state(values: dict, data: dict) -> dict:
    """Mean, low and high of each chosen arm at each evaluation, over the first `seeds` seeds.

    `data`: `arms` [name], `inks` [kind of head], `dashed` [with dropout], `numbers` [arm][seed], `epochs` [evaluation],
    `errors` [arm][seed][evaluation], `t` [number of seeds]. Of the seed `look` the runs that are shown are told, too.
    """
    n, look = values["seeds"], values["look"]
    chosen = []
    for arm in values["arms"]:
        runs = data["errors"][arm][:n]
        points = [[run[e] for run in runs] for e in range(len(data["epochs"]))]
        band = [_band(p, values["interval"], data["t"]) for p in points]
        mean, low, high = zip(*band, strict=True)
        numbers = [str(number) for number in data["numbers"][arm][:n]]
        looked = numbers.index(look) if look in numbers else None
        band = {"mean": list(mean), "low": list(low), "high": list(high)}
        chosen.append({"arm": arm, "seeds": len(runs), **band, "looked": looked})
    rows = [[data["arms"][a["arm"]], _cell(a, data["errors"][a["arm"]], look)] for a in chosen]
    return {"error": None, "chosen": chosen, "rows": rows, "summary": _summary(chosen, rows, data)}


def _band(values: list[float], shown: str, t: list[float | None]) -> list:
    """[mean, low, high] of what is to be shown."""
    mean, low, high = interval(values, t, unit=1)
    if shown == "range":
        low, high = min(values), max(values)
    return [mean, low, high] if shown != "none" else [mean, None, None]


def _percent(share: float) -> str:
    hundredths = math.floor(abs(share) * 10000 + 0.5)
    return f"{'−' if share < 0 and hundredths else ''}{hundredths // 100}.{hundredths % 100:02d}\u00a0%"


def _cell(arm: dict, errors: list[list[float]], look: str) -> str:
    mean, low, high = arm["mean"][-1], arm["low"][-1], arm["high"][-1]
    seeds = f"{arm['seeds']} seed{'s' if arm['seeds'] > 1 else ''}"
    if arm["looked"] is not None:
        seeds += f"; seed {look}: {_percent(errors[arm['looked']][-1])}"
    if low is None:
        return f"{_percent(mean)}, {seeds}"
    return f"{_percent(mean)} ({_percent(low)} to {_percent(high)}), {seeds}"


def _summary(chosen: list[dict], rows: list[list[str]], data: dict) -> str:
    if not chosen:
        return "No head is chosen."
    said = "; ".join(f"{name} {cell}" for name, cell in rows)
    return f"Validation error after epoch {data['epochs'][-1]:g}: {said}."


class ErrorCurves(Widget):
    """Validation error over training for the arms in these records (all of one data set and recipe length).

    Live: traits `arms` (indices into `arm_names`), `seeds`, `interval` ("t", "range" or "none"), `log` and `look` (a seed's
    number as text, or "none"), which a dot at a curve's end sets, too.
    Raises ValueError if the records do not fit into one picture.
    """

    kind = "error-curves"
    title = "Validation error over training, every seed"
    scripts = ("differences",)

    arms = traitlets.List(traitlets.Int()).tag(sync=True)
    seeds = traitlets.Int(min=1).tag(sync=True)
    interval = traitlets.Enum([name for name, _ in INTERVALS], "t").tag(sync=True)
    log = traitlets.Bool(True).tag(sync=True)
    look = traitlets.Unicode("none").tag(sync=True)

    def __init__(self, records: Sequence[Record], **values):
        self._data = curves_data(records)
        self.arm_names, self._most_seeds = self._data["arms"], max(map(len, self._data["errors"]))
        super().__init__(**{"arms": list(range(len(self.arm_names))), "seeds": self._most_seeds, **values})

    @traitlets.validate("arms")
    def _known_arms(self, proposal):
        wrong = [arm for arm in proposal["value"] if not 0 <= arm < len(self.arm_names)]
        if wrong:
            raise traitlets.TraitError(f"arms {wrong} do not exist; choose from 0 to {len(self.arm_names) - 1}")
        return sorted(set(proposal["value"]))

    @traitlets.validate("look")
    def _known_look(self, proposal):
        known = ["none", *self._looks()]
        if proposal["value"] not in known:
            raise traitlets.TraitError(
                f"look={proposal['value']!r} is no seed of these runs; choose from {', '.join(known)}"
            )
        return proposal["value"]

    def _looks(self) -> list[str]:
        return [str(number) for number in sorted({number for of_arm in self._data["numbers"] for number in of_arm})]

    @traitlets.validate("seeds")
    def _known_seeds(self, proposal):
        return min(proposal["value"], self._most_seeds)

    def controls(self) -> list[dict]:
        return [
            {"name": "arms", "label": "heads", "type": "checks", "options": self.arm_names, "inks": self._data["inks"]},
            slider("seeds", "seeds", 1, self._most_seeds),
            {"name": "interval", "label": "interval", "type": "choice", "options": [list(i) for i in INTERVALS]},
            {"name": "log", "label": "logarithmic error axis", "type": "check", "more": True},
            {
                "name": "look",
                "label": "look at a seed, or touch the dot at the end of its curve",
                "type": "choice",
                "options": [["none", "none"], *([name, f"seed {name}"] for name in self._looks())],
                "more": True,
            },
        ]

    def data(self) -> dict:
        return self._data

    def state(self) -> dict:
        return error_curves_state(self.values(), self._data)

    def draw(self, figure, state: dict) -> None:
        axes = figure.subplots()
        # A lower bound at or below zero has no place on a logarithmic axis: the band is cut off there.
        positive = [e for runs in self._data["errors"] for run in runs for e in run if e > 0]
        floor = 0.4 * min([1.0, *positive]) if self.log else 0.0
        epochs = self._data["epochs"]
        for chosen in state["chosen"]:
            arm = chosen["arm"]
            colour = getattr(LIGHT, self._data["inks"][arm])
            for run in self._data["errors"][arm][: self.seeds]:
                axes.plot(epochs, [100 * e for e in run], color=colour, alpha=0.3, linewidth=0.8)
            if chosen["looked"] is not None:
                run = self._data["errors"][arm][chosen["looked"]]
                axes.plot(epochs, [100 * e for e in run], ":", color=colour, linewidth=2.2)
            style = ("--" if self._data["dashed"][arm] else "-") + MARKERS[arm % len(MARKERS)]
            axes.plot(epochs, [100 * e for e in chosen["mean"]], style, color=colour, label=self.arm_names[arm])
            if chosen["low"][0] is not None:
                low, high = ([100 * min(1, max(e, floor)) for e in chosen[bound]] for bound in ("low", "high"))
                axes.fill_between(epochs, low, high, color=colour, alpha=0.16, linewidth=0)
        axes.set(xlabel="epoch", ylabel="validation error, %", yscale="log" if self.log else "linear")
        axes.set_ylim(100 * floor, min(100, axes.get_ylim()[1]))
        axes.legend()


def curves_data(records: Sequence[Record]) -> dict:
    """The records as the arrays that the state is computed from; arms in order of first appearance, seeds sorted."""
    arms = {arm: sorted(runs, key=lambda run: run.seed) for arm, runs in group_arms(records).items()}
    epochs = [point["epoch"] for point in next(iter(arms.values()))[0].curve]
    for arm, runs in arms.items():
        seeds = [run.seed for run in runs]
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"ErrorCurves: {arm!r} has seeds {seeds}; pass the records of one data set and recipe")
        for run in runs:
            if [point["epoch"] for point in run.curve] != epochs:
                raise ValueError(
                    f"ErrorCurves: {arm!r}, seed {run.seed} was evaluated at other epochs or ended early; leave it out and say so"
                )
    errors = [[[point["val_error"] for point in run.curve] for run in runs] for runs in arms.values()]
    t = [None, None, *(round(t_critical(n), 6) for n in range(2, max(map(len, errors)) + 1))]
    firsts = [runs[0] for runs in arms.values()]
    looks = {"inks": [family(r.head) for r in firsts], "dashed": [drop_rate(r) > 0 for r in firsts]}
    numbers = [[run.seed for run in runs] for runs in arms.values()]
    return {"arms": list(arms), **looks, "numbers": numbers, "epochs": epochs, "errors": errors, "t": t}
