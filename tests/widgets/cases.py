"""One case a widget: how it is made, a chapter that shows it first, and control values at which it is tested in Python
and in the browser.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module

from matplotlib.figure import Figure

from spinalnet_lib import (
    ClimbAndCut,
    DropoutSwitch,
    ErrorCurves,
    GradientByLayer,
    ManyLooks,
    NoiseFloor,
    OneMatrix,
    OnePool,
    SeedLottery,
    SplitExplorer,
    UnitByUnit,
    WeightCounter,
    YourDelta,
    load_records,
)
from spinalnet_lib.data.regression import TARGETS
from spinalnet_lib.study.crossed import SWITCH
from spinalnet_lib.widgets.base import Widget

REGRESSIONS = load_records("regression")
MNIST = [r for r in load_records("first_training") if r.dataset == "mnist"]
RECORDS = [r for r in load_records("first_training") if r.dataset == "mnist_5k"]
# A seven drawn by mouse, as a browser sent them.
SEVEN = "Dw8PDw8PDw40RERERERDDT_________zDD_________zDSMzMzMzPvsPCV_1Dwm_0PCT_4Dwmf8g8IH_oPCW_0DwnPwPCU_3Dwmv8Q8IL_kPCX_zDwnfsPCV_2Dwm_4PCS_4Dwk_8w8KMw"


@dataclass
class Case:
    make: Callable[[], Widget]
    chapter: str
    grid: list[dict]

    @cached_property  # a widget may have to read its records first
    def state(self) -> Callable[[dict, dict], dict]:
        """The pure function of the widget's module: control values and data -> state."""
        module = import_module(type(self.make()).__module__)
        return getattr(module, f"{module.__name__.rpartition('.')[2]}_state")


def _grid(**values) -> list[dict]:
    return [dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())]


CASES = {
    "climb-and-cut": Case(
        ClimbAndCut,
        "book/idea/a_letter_on_your_back",
        _grid(
            alphabet=("digits", "letters", "kuzushiji"),
            sample=(0, 1, 77, 200),
            ink=("", SEVEN),
            bet=("none", "3", "show"),
            cut=("none", "root-2", "root-4", "cord-1", "cord-4", "way-7", "both-6"),
        ),
    ),
    "weight-counter": Case(
        WeightCounter,
        "book/idea/counting_weights",
        _grid(
            in_features=(1, 7, 256, 4096),
            num_splits=(1, 2, 3, 16),
            num_layers=(1, 2, 5, 16),
            layer_width=(1, 8, 101, 1024),
            num_classes=(1, 10, 1000),
            hidden_size=(1, 50, 4096),
        ),
    ),
    "split-explorer": Case(
        SplitExplorer,
        "book/idea/the_spinal_layer",
        _grid(
            in_features=(1, 5, 16, 48),
            num_splits=(1, 2, 3, 8),
            num_layers=(1, 4, 8),
            layer_width=(1, 3, 8),
            num_classes=(1, 10),
            feature=(0, 3, 15, 47),
        ),
    ),
    "noise-floor": Case(
        lambda: NoiseFloor(REGRESSIONS),
        "book/evidence/below_the_noise",
        _grid(target=tuple(TARGETS), reading=("paper", "alike", "fresh"), seeds=(1, 2, 3, 8, 30)),
    ),
    "gradient-by-layer": Case(
        GradientByLayer,
        "book/idea/does_its_gradient_survive",
        _grid(heads=([], [0], [1, 3], [0, 1, 2, 3]), point=(0, 1, 5), seeds=(1, 3, 10), share=(True, False)),
    ),
    "seed-lottery": Case(
        lambda: SeedLottery(MNIST),
        "book/evidence/one_seed",
        _grid(
            dropout=tuple(SWITCH),
            seeds=(1, 2, 3, 7, 10),
            pulls=(1, 2, 20, 200),
            same=(True, False),
        ),
    ),
    "dropout-switch": Case(
        lambda: DropoutSwitch(MNIST), "book/evidence/first_training", _grid(dropout=tuple(SWITCH), seeds=(1, 2, 3, 10))
    ),
    "your-delta": Case(
        YourDelta,
        "book/evidence/how_small",
        _grid(
            delta=(1, 2, 10, 25, 100),
            seeds=(2, 7, 8, 29, 30),
            reading=("claimed", "spine"),
            reference=("plan", "mlp", "mlp_matched", "linear"),
            alpha=("5", "0.1"),
        ),
    ),
    "unit-by-unit": Case(
        UnitByUnit,
        "book/idea/what_a_spine_can_express",
        _grid(
            finished=(0, 1, 3, 16, 33, 64), units=("4", "8", "16", "32", "64"), curve=("wave", "hill", "edge", "zigzag")
        ),
    ),
    "many-looks": Case(
        ManyLooks,
        "book/evidence/many_looks",
        _grid(looks=(1, 2, 50, 200), images=(2_500, 10_000), alike=(0, 50, 100), accuracy=(500, 995)),
    ),
    "one-pool": Case(
        OnePool,
        "book/evidence/a_trained_body",
        _grid(variance=("these", "plan", "another"), taken=(5, 50, 83, 95), images=(0, 30, 100), draws=(2, 16, 30, 60)),
    ),
    "error-curves": Case(
        lambda: ErrorCurves(RECORDS),
        "book/evidence/first_training",
        _grid(
            arms=([], [0], [1, 3], [0, 1, 2, 3]),
            seeds=(1, 2, 3, 10),
            interval=("t", "range", "none"),
            log=(True, False),
            look=("none", "2"),
        ),
    ),
}


CASES["one-matrix"] = Case(
    OneMatrix,
    "book/idea/one_matrix",
    [
        *_grid(
            preset=("spinal",),
            in_features=(7, 256),
            num_classes=(10,),
            layer_width=(8, 101),
            num_layers=(1, 2, 4),
            num_splits=(1, 2, 3),
            hidden_size=(64,),
            blocks=([],),
            twist=("none",),
            twin=(True, False),
            look=("none", "split-1", "layer-2", "layer-31"),
        ),
        *_grid(
            preset=tuple(OneMatrix().data()["presets"]),
            in_features=(12, 25_088),
            num_classes=(1, 10),
            layer_width=(5, 128),
            num_layers=(3, 7),
            num_splits=(3,),
            hidden_size=(50,),
            blocks=([],),
            twist=("none",),
            twin=(True,),
            look=("layer-1",),
        ),
        *_grid(
            preset=("own",),
            in_features=(30,),
            num_classes=(4,),
            layer_width=(6,),
            num_layers=(1, 2, 4),
            num_splits=(1, 2),
            hidden_size=(20,),
            blocks=tuple([n for n in range(8) if mask >> n & 1] for mask in range(0, 256, 7)),
            twist=("none", "halves"),
            twin=(True,),
            look=("split-0",),
        ),
        *_grid(
            preset=("own",),
            in_features=(30, 31),
            num_classes=(4,),
            layer_width=(6,),
            num_layers=(5,),
            num_splits=(3,),
            hidden_size=(20,),
            blocks=([1, 3, 5, 6], [0, 1, 2, 3, 4, 5, 6, 7], [2, 5, 6], []),
            twist=tuple(OneMatrix.class_traits()["twist"].values),
            twin=(True,),
            look=("layer-0",),
        ),
    ],
)


def still_of(widget):
    """The axes of the still picture of a widget."""
    figure = Figure(layout="constrained")
    widget.draw(figure, widget.state())
    return figure.axes
