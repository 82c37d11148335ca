"""The study's runs as plain Python: which head on which data with which recipe and seed. Source: the written protocol.

Tier C: the paper's 2-conv CNN on five sets. The primary arms run thirty seeds, the others ten on three of the sets. Arms
that are matched take the spinal head's own dropout; every arm takes the learning rate of the recipe it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .checks import check_name
from .models import paper_head
from .recipes import TUNING_DROPOUT, TUNING_RATES, TUNING_SEEDS, regression_recipe, tuned_recipe
from .regression import TARGETS
from .train_config import TrainConfig

PRIMARY = ("spinal", "mlp_matched", "mlp")
OTHER = (
    *("mlp_deep", "mlp_deep_skip", "spinal_random_mask", "spinal_no_chain", "spinal_full", "spinal_last"),
    *("spinal_overlap", "spinal_big", "linear", "progressive", "spinal_shared"),
)
DATASETS = ("mnist", "emnist_letters_reduced", "emnist_balanced_reduced", "fashion_mnist", "kmnist_10k")
WITH_OTHER_ARMS = ("mnist", "fashion_mnist", "emnist_letters_reduced")


STUDY_SEEDS = range(30)
OTHER_SEEDS = range(10)
REGRESSION_ARMS = ("mlp", "spinal", "mlp_matched", "spinal_shared")


@dataclass(frozen=True)
class Cell:
    """One run to be made: everything but the data's content and the machine."""

    dataset: str
    backbone: str
    head: str
    seed: int
    config: TrainConfig
    head_arguments: dict = field(default_factory=dict, hash=False)

    def describe(self) -> str:
        return f"{self.dataset}, {self.backbone} + {self.head}, seed {self.seed}"


def tuning_cells(datasets: Sequence[str] = DATASETS) -> list[Cell]:
    """The search of the primary arms: five learning rates by two dropout rates by two seeds, validation data only."""
    return [
        Cell(dataset, "two_conv", head, seed, tuned_recipe(rate), arm_arguments(head, drop))
        for seed in TUNING_SEEDS
        for dataset in datasets
        for head in PRIMARY
        for rate in TUNING_RATES
        for drop in TUNING_DROPOUT
    ]


def arm_arguments(head: str, drop_rate: float) -> dict:
    """Arguments of an arm on the 2-conv CNN: the paper's sizes, and one dropout rate before the classifier."""
    spine = {key: paper_head("two_conv", "spinal")[key] for key in ("layer_width", "num_layers")}
    hidden = paper_head("two_conv", "mlp")["hidden_sizes"]
    check_name("arm", head, (*PRIMARY, *OTHER))
    if head == "linear":
        return {"drop_rate": drop_rate}
    if head == "mlp":
        return {"hidden_sizes": hidden, "drop_rate": [0.0, drop_rate]}
    layers = 2 if head == "spinal_shared" else spine["num_layers"]
    rates = {"drop_rate": [0.0] * layers + [drop_rate]}
    return {"hidden_sizes": hidden, "num_layers": layers, **rates} if head == "spinal_big" else {**spine, **rates}


def regression_cells(datasets: Sequence[str] = tuple(TARGETS)) -> list[Cell]:
    """Tier R: the paper's nets and recipe on its four targets, thirty seeds, each with examples of its own.

    The published spinal net uses two of its layers twice; `spinal_shared`, whose later layers are one, stands beside.
    """
    for name in datasets:
        check_name("regression target", name, TARGETS)
    return [
        Cell(name, "pixels", head, seed, regression_recipe(), _regression_arguments(head))
        for seed in STUDY_SEEDS
        for name in datasets
        for head in REGRESSION_ARMS
    ]


def _regression_arguments(head: str) -> dict:
    if head == "mlp":
        return {"hidden_sizes": [200, 100], "act_layer": "LeakyReLU"}
    return {"layer_width": 50, "num_layers": 6, "act_layer": "LeakyReLU"}


@dataclass(frozen=True)
class Study:
    """Runs that belong together: all of its cells, of some of its data sets."""

    about: str
    datasets: tuple[str, ...]
    cells: Callable[[Sequence[str]], list[Cell]]


STUDIES = {
    "tuning": Study("the search over learning rate and dropout, on validation data", DATASETS, tuning_cells),
    "regression": Study("tier R: the paper's four regressions", tuple(TARGETS), regression_cells),
}
