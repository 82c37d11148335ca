"""The study's runs as plain Python: which head on which data with which recipe and seed. Source: the written protocol.

A tier is a kind of body on a kind of machine. Its arms differ in the head only; each takes the learning rate and the
dropout that the search of `tuning` chose for it. Within a tier runs are ordered so that a sweep that is cut off has as
many seeds of every arm.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .arms import OTHER, PRIMARY, arm_arguments
from .checks import check_name
from .datasets import list_datasets
from .recipes import (
    TUNING_DROPOUT,
    TUNING_SEEDS,
    published_recipe,
    regression_recipe,
    tuned_recipe,
)
from .records import Record
from .regression import TARGETS
from .train_config import TrainConfig
from .tuning import Search

STUDY_SEEDS = range(30)
OTHER_SEEDS = range(10)
REGRESSION_ARMS = ("mlp", "spinal", "mlp_matched", "spinal_shared")
STUDIES = ("tuning", "study")
_LARGE = 1000  # images a step that keep a GPU busy


@dataclass(frozen=True)
class Cell:
    """One run to be made: everything but the data's content and the machine."""

    dataset: str
    backbone: str
    head: str
    seed: int
    config: TrainConfig
    head_arguments: dict = field(default_factory=dict, hash=False)
    tuning_id: str | None = None

    @property
    def stack(self) -> tuple:
        """What stacked cells have in common that can be trained together."""
        sizes = {name: value for name, value in self.head_arguments.items() if name != "drop_rate"}
        recipe = replace(self.config, **dict.fromkeys(("learning_rate", "weight_decay"), 1.0))
        return self.dataset, self.backbone, self.head, json.dumps(sizes, sort_keys=True), recipe

    def describe(self) -> str:
        return f"{self.dataset}, {self.backbone} + {self.head}, seed {self.seed}"


@dataclass(frozen=True)
class Tier:
    """Runs that belong together: `arms` says which head runs how many seeds on which data sets, in the order of running."""

    about: str
    device: str
    datasets: tuple[str, ...]
    backbones: tuple[str, ...]
    arms: tuple[tuple[tuple[str, ...], Sequence[int], tuple[str, ...]], ...]  # heads, seeds, data sets
    recipe: Callable[[str, str, float], TrainConfig]  # of a body, a data set and a learning rate
    searched: tuple[str, ...] = PRIMARY


def _of_steps(backbone: str, dataset: str, learning_rate: float) -> TrainConfig:
    return tuned_recipe(learning_rate)


def _of_large_steps(backbone: str, dataset: str, learning_rate: float) -> TrainConfig:
    """The tuned recipe with the warps that the paper's scripts use for this body and set."""
    warps = published_recipe(backbone, dataset).augmentation
    return tuned_recipe(learning_rate, _LARGE, warps)


_TIER_C = ("mnist", "emnist_letters_reduced", "emnist_balanced_reduced", "fashion_mnist", "kmnist_10k")
_TIER_G = (
    "mnist",
    "fashion_mnist",
    "emnist_letters_reduced",
    "emnist_balanced_reduced",
    "emnist_digits_reduced",
    "kmnist_10k",
)
_TIER_H = ("cifar10", "cifar100_reduced")
_WITH_LINEAR = (*PRIMARY, "linear")

TIERS: Mapping[str, Tier] = {
    "R": Tier(
        "the paper's four regressions, each seed with examples of its own",
        "cpu",
        tuple(TARGETS),
        ("pixels",),
        ((REGRESSION_ARMS, STUDY_SEEDS, tuple(TARGETS)),),
        lambda backbone, dataset, learning_rate: regression_recipe(),
        searched=(),
    ),
    "C": Tier(
        "the paper's 2-conv CNN",
        "cpu",
        _TIER_C,
        ("two_conv",),
        (
            (PRIMARY, STUDY_SEEDS, _TIER_C),
            (OTHER, OTHER_SEEDS, ("mnist", "fashion_mnist", "emnist_letters_reduced")),
        ),
        _of_steps,
    ),
    "G": Tier(
        "the paper's VGG-5",
        "cuda",
        _TIER_G,
        ("vgg5",),
        ((_WITH_LINEAR, range(10), _TIER_G),),
        _of_large_steps,
        searched=_WITH_LINEAR,
    ),
    "H": Tier(
        "larger CNNs on CIFAR",
        "cuda",
        _TIER_H,
        ("cifar_cnn", "vgg16_bn"),
        ((_WITH_LINEAR, range(8), _TIER_H),),
        _of_large_steps,
        searched=_WITH_LINEAR,
    ),
}


def list_cells(study: str, tier: str, records: Sequence[Record] = (), datasets: Sequence[str] = ()) -> list[Cell]:
    """The runs of a tier's search ("tuning") or of the tier itself ("study"), of some data sets or of all.

    `records` are those of the search: they say how far its grid has grown, and which settings it chose. Raises ValueError
    for an unknown study, tier or data set, and for a tier whose search has not ended.
    """
    check_name("study", study, STUDIES)
    plan = TIERS[check_name("tier", tier, TIERS)]
    for name in datasets if study == "study" or not plan.searched else ():  # a search goes over any set
        check_name(f"data set of tier {tier}", name, plan.datasets)
    datasets = tuple(datasets) or plan.datasets
    if study == "tuning":
        return _search_cells(plan, records, datasets)
    if not plan.searched:
        return _untuned_cells(plan, datasets)
    searches = {
        (dataset, backbone): Search(records, dataset, backbone, plan.searched)
        for dataset in datasets
        for backbone in plan.backbones
    }
    cells = []
    for heads, seeds, where in plan.arms:
        chosen = {
            (*place, head): search.chosen(head)
            for place, search in searches.items()
            if place[0] in where
            for head in heads
        }
        cells += [
            Cell(
                dataset,
                backbone,
                head,
                seed,
                replace(plan.recipe(backbone, dataset, setting.learning_rate), read_test=True),
                arm_arguments(head, setting.drop_rate, backbone),
                setting.tuning_id,
            )
            for seed in seeds
            for (dataset, backbone, head), setting in chosen.items()
        ]
    return cells


def present_sets(tier: str, root: str | os.PathLike | None = None) -> list[str]:
    """The data sets of a tier whose files are on this machine."""
    here = {*TARGETS, *list_datasets(root, present=True)}
    return [name for name in TIERS[check_name("tier", tier, TIERS)].datasets if name in here]


def _search_cells(plan: Tier, records: Sequence[Record], datasets: Sequence[str]) -> list[Cell]:
    """The searches of all data sets, validation data only; a grid that has grown is run to its new edge."""
    grids = {
        (dataset, backbone): Search(records, dataset, backbone, plan.searched).rates()
        for dataset in datasets
        for backbone in plan.backbones
        if plan.searched
    }
    return [
        Cell(dataset, backbone, head, seed, plan.recipe(backbone, dataset, rate), arm_arguments(head, drop, backbone))
        for seed in TUNING_SEEDS
        for (dataset, backbone), rates in grids.items()
        for head in plan.searched
        for rate in rates
        for drop in TUNING_DROPOUT
    ]


def _untuned_cells(plan: Tier, datasets: Sequence[str]) -> list[Cell]:
    """Runs with the published recipe and sizes: of the regressions."""
    return [
        Cell(dataset, backbone, head, seed, plan.recipe(backbone, dataset, 0.0), _regression_arguments(head))
        for heads, seeds, _ in plan.arms
        for seed in seeds
        for dataset in datasets
        for backbone in plan.backbones
        for head in heads
    ]


def _regression_arguments(head: str) -> dict:
    """The published script's nets; `spinal_shared`, whose later layers are one, stands beside them."""
    if head == "mlp":
        return {"hidden_sizes": [200, 100], "act_layer": "LeakyReLU"}
    return {"layer_width": 50, "num_layers": 6, "act_layer": "LeakyReLU"}
