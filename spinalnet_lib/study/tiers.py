"""The study's tiers as plain Python: bodies, data sets, arms, seeds and recipes. Source: the written protocol.

A tier is a kind of body on a kind of machine; its arms differ in the head only.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..checks import check_name
from ..data.augment import Augmentation
from ..data.cards import list_datasets
from ..data.regression import TARGETS
from ..datasets import split_name
from ..models.sizes import OTHER, primary_arms, published_drop_rate
from ..training.config import TrainConfig
from ..training.recipes import TUNING_DROPOUT, TUNING_SEEDS, published_recipe, regression_recipe, tuned_recipe
from .tuning import Grid

_LARGE = 1000  # images a step that keep a GPU busy
PRIMARY = "primary"


@dataclass(frozen=True)
class Runs:
    """Every head with every seed on every data set with every body."""

    heads: Callable[[str], Sequence[str]]  # of a body
    seeds: Sequence[int]
    datasets: tuple[str, ...]
    backbones: tuple[str, ...]
    width: int | None = None  # of layers, instead of the paper's
    equal_parameters: bool = False  # whether the width is re-solved for the parameters of `spinal`
    drop_rate: float | None = None  # instead of the one that the search chose; the learning rate is the best with it
    train_per_class: int | None = None  # images to train on
    num_layers: int | None = None  # of the spine, and of heads as deep as it
    gradient_norms: bool = False  # whether these are recorded
    part: str = PRIMARY  # of its tier, for runs that are not made together


@dataclass(frozen=True)
class Sensitivity:
    """What is asked beside a main comparison: other settings of its arms, and a longer budget on some of its sets."""

    heads: tuple[str, ...]
    seeds: Sequence[int]
    longer: tuple[str, ...]
    times: int  # as many steps as the main comparison


@dataclass(frozen=True)
class Tier:
    """Runs that belong together, in the order of running."""

    device: str
    runs: tuple[Runs, ...]
    recipe: Callable[[str, str, float], TrainConfig] | None = None  # of body, data set and rate; None: the paper's
    searched: Callable[[str], Sequence[str]] = primary_arms  # arms of a body that have a search of their own
    published: tuple[Runs, ...] = ()  # with the paper's heads and recipe, an illustration of few seeds
    features: bool = False  # whether the data are features of frozen bodies
    cuts: bool = False  # whether each seed holds out validation images of its own
    search_sets: Callable[[str], Sequence[str]] = lambda dataset: (dataset,)  # on which a set's settings are searched
    grid: Callable[[str], Grid] = lambda body: Grid()  # of a body, where its search begins
    search_steps: int | None = None  # of a searched run, instead of the recipe's
    pilot: bool = False  # whether runs on validation data say how small a difference of its main comparison can be told
    published_pilot: bool = False  # and of the published recipe's
    sensitivity: Sensitivity | None = None
    steps: int | None = None  # of every run, in a rehearsal

    def rehearsal(self, steps: int) -> Tier:
        """The same tier in small, to see that a machine can make it: so few steps, one seed of the search, two of runs."""
        runs, published = (
            tuple(replace(each, seeds=each.seeds[:2]) for each in several) for several in (self.runs, self.published)
        )
        asked = self.sensitivity and replace(self.sensitivity, seeds=self.sensitivity.seeds[:2])
        grid = lambda body: replace(self.grid(body), seeds=self.grid(body).seeds[:1])  # noqa: E731
        small = replace(self, runs=runs, published=published, sensitivity=asked, grid=grid)
        return replace(small, search_steps=None, steps=steps)

    @property
    def datasets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for runs in self.runs for name in runs.datasets))

    def meant(self, names: Sequence[str]) -> dict[str, list[str]]:
        """The tier's data sets that each name means: "mnist" is all features of its images, too."""
        return {name: [known for known in self.datasets if name in (known, split_name(known)[0])] for name in names}

    def backbones(self, dataset: str) -> tuple[str, ...]:
        """The bodies of a data set; a set that no runs name gets those of all."""
        of_set = [runs for runs in self.runs if dataset in runs.datasets] or self.runs
        return tuple(dict.fromkeys(backbone for runs in of_set for backbone in runs.backbones))


def frozen_body(dataset: str, backbone: str) -> str:
    """The body whose sizes a head has: of features the one that made them, else the one it is trained with.

    >>> frozen_body("mnist+trained:two_conv-linear-0", "pixels"), frozen_body("mnist", "vgg5")
    ('two_conv', 'vgg5')
    """
    extractor = split_name(dataset)[1]
    return extractor.removeprefix("trained:").partition("-")[0] if extractor else backbone


def _other(body: str) -> tuple[str, ...]:
    """All other arms; a body whose spine replaces one Linear has none to be as large as."""
    primary = primary_arms(body)
    return tuple(arm for arm in OTHER if arm not in primary and ("mlp" in primary or arm != "spinal_big"))


def _resized(body: str) -> tuple[str, ...]:
    """Ablations that have more or fewer parameters than `spinal` at its width."""
    return ("spinal_no_chain", "spinal_full", "spinal_last", "spinal_overlap")


def _searched(body: str) -> tuple[str, ...]:
    return (*_WITH_LINEAR(body), "mlp_deep_skip")


def _of_steps(body: str, dataset: str, learning_rate: float) -> TrainConfig:
    return replace(tuned_recipe(learning_rate), evaluations=5)


def _of_features(body: str, dataset: str, learning_rate: float) -> TrainConfig:
    """Of features stacked steps; of images, as tier P has them beside, those of tier C."""
    recipe = _of_steps(body, dataset, learning_rate)
    return replace(recipe, fast=False, stacked=True) if split_name(dataset)[1] else recipe


def _of_regressions(body: str, dataset: str, learning_rate: float) -> TrainConfig:
    """The published recipe with a rate of the arm's and a cosine; stacked, as a step of so small a net is mostly overhead."""
    recipe = replace(regression_recipe(), learning_rate=learning_rate, schedule="cosine", read_test=False)
    return replace(recipe, stacked=True)


def _of_large_steps(body: str, dataset: str, learning_rate: float) -> TrainConfig:
    """The tuned recipe with the warps of the paper's scripts for this body and set."""
    recipe = tuned_recipe(learning_rate, _LARGE, published_recipe(body, dataset).augmentation)
    return replace(recipe, evaluations=5)


def _of_photographs(body: str, dataset: str, learning_rate: float) -> TrainConfig:
    """The tuned recipe with steps of 64, mirrored and cropped, as usual for photographs."""
    recipe = tuned_recipe(learning_rate, 64, Augmentation(crop_scale=(0.5, 1.0), flip=True))
    return replace(recipe, evaluations=5, start="given")


def _small_grid(body: str) -> Grid:
    """Three rates, one seed, the dropout that the body's spinal head has as published: what minutes of a GPU hold."""
    return Grid(2, 4, (published_drop_rate(body),), TUNING_SEEDS[:1])


_TIER_C = ("mnist", "emnist_letters", "emnist_balanced_reduced", "fashion_mnist", "kmnist_10k")
_TIER_C_OTHER = ("mnist", "fashion_mnist", "emnist_letters")
_TIER_G = ("fashion_mnist", "mnist", "emnist_letters", "emnist_balanced_reduced", "kmnist_10k")
_PHOTOGRAPHS = ("monkeys10", "fruits360_varieties", "caltech101_reduced")
_FEATURES = tuple(f"{name}+efficientnet_lite0" for name in (*_PHOTOGRAPHS, "cifar10"))
_SMALLER = {  # numbers of images a class to train on, below all of them
    **{name: (5, 10) for name in _FEATURES[1:3]},
    _FEATURES[0]: (5, 20),
    _FEATURES[3]: (5, 50, 200, 1000),
}
_SEARCH_BODIES = (108, 109)


def _of_body(name: str, seed: int, head: str = "linear") -> str:
    return f"{name}+trained:two_conv-{head}-{seed}"


_TIER_F = tuple(_of_body(name, seed) for seed in range(100, 108) for name in _TIER_C_OTHER)
_TIER_F_SPINAL = tuple(_of_body("mnist", seed, "spinal") for seed in range(100, 103))


def _arms(*names: str) -> Callable[[str], Sequence[str]]:
    return lambda body: names


_WITH_LINEAR = _arms("spinal", "mlp_matched", "mlp", "linear")
_LINEAR_FIRST = _arms("spinal", "mlp_matched", "linear")
_CHAINS = _arms("spinal", "mlp_deep", "mlp_deep_skip", "spinal_last")
_REGRESSION = _arms("mlp", "spinal", "mlp_matched", "spinal_tied", "linear")

TIERS: Mapping[str, Tier] = {
    "R": Tier(  # the paper's four regressions, each seed with examples of its own
        "cpu",
        (Runs(_REGRESSION, range(30, 60), tuple(TARGETS), ("pixels",)),),
        _of_regressions,
        searched=_WITH_LINEAR,
        published=(
            Runs(_arms("mlp", "spinal", "mlp_matched", "spinal_shared"), range(30), tuple(TARGETS), ("pixels",)),
            Runs(_REGRESSION, range(60), tuple(TARGETS), ("pixels",)),
        ),
    ),
    "C": Tier(  # the paper's 2-conv CNN
        "cpu",
        (
            Runs(_WITH_LINEAR, range(30), _TIER_C, ("two_conv",)),
            *(
                Runs(_arms("spinal", "mlp"), range(10), _TIER_C_OTHER, ("two_conv",), drop_rate=rate, part="crossed")
                for rate in TUNING_DROPOUT
            ),
            Runs(_other, range(10), _TIER_C_OTHER, ("two_conv",), part="ablations"),
            Runs(_resized, range(10), _TIER_C_OTHER, ("two_conv",), equal_parameters=True, part="ablations"),
        ),
        _of_steps,
        searched=_searched,
        published=(Runs(_arms("spinal", "mlp"), range(10), _TIER_C, ("two_conv",)),),
        cuts=True,
        pilot=True,
        published_pilot=True,
        sensitivity=Sensitivity(("spinal", "mlp_matched"), range(10), ("emnist_letters", "fashion_mnist"), 4),
    ),
    "P": Tier(  # a pretrained, frozen body; a seed is a draw of images to train on and to validate
        "cpu",
        (
            Runs(_LINEAR_FIRST, range(30), _FEATURES, ("pixels",)),
            Runs(_arms("spinal"), range(30), _FEATURES, ("pixels",), width=128, part="sizes"),
            *(
                Runs(_LINEAR_FIRST, range(30), (name,), ("pixels",), train_per_class=count, part="sizes")
                for name, counts in _SMALLER.items()
                for count in counts
            ),
            *(
                Runs(_LINEAR_FIRST, range(30), ("fashion_mnist",), ("two_conv",), train_per_class=count, part="sizes")
                for count in (50, 200, 1000)
            ),
        ),
        _of_features,
        searched=_LINEAR_FIRST,
        features=True,
        cuts=True,
        pilot=True,
    ),
    "W": Tier(  # narrow and wide heads, with the settings of tier C
        "cpu",
        tuple(
            Runs(
                _arms("spinal", "mlp_matched", "mlp"),
                range(10),
                ("mnist", "emnist_letters"),
                ("two_conv",),
                width=width,
            )
            for width in (2, 4, 8, 16, 32, 64)
        ),
        _of_steps,
        searched=_searched,
        cuts=True,
    ),
    "F": Tier(  # heads on features of frozen 2-conv bodies; the body is the unit
        "cpu",
        (Runs(_WITH_LINEAR, range(5), (*_TIER_F, *_TIER_F_SPINAL), ("pixels",)),),
        _of_features,
        searched=_WITH_LINEAR,
        features=True,
        search_sets=lambda dataset: [_of_body(split_name(dataset)[0], seed) for seed in _SEARCH_BODIES],
    ),
    "D4": Tier(  # chains of thirty layers, with the settings of tier C
        "cpu",
        (Runs(_CHAINS, range(10), ("mnist",), ("two_conv",), num_layers=30, gradient_norms=True),),
        _of_steps,
        searched=_searched,
        cuts=True,
    ),
    "G": Tier(  # the paper's VGG-5, one set after the other
        "cuda",
        tuple(Runs(primary_arms, range(8), (name,), ("vgg5",)) for name in _TIER_G),
        _of_large_steps,
        published=(Runs(_arms("spinal", "mlp"), range(3), _TIER_G, ("vgg5",)),),
        grid=_small_grid,
        search_steps=500,
        pilot=True,
    ),
    "H": Tier(  # larger CNNs on CIFAR
        "cuda",
        (Runs(primary_arms, range(8), ("cifar10",), ("cifar_cnn", "resnet18_cells", "vgg16_bn")),),
        _of_large_steps,
        grid=_small_grid,
        search_steps=500,
        pilot=True,
    ),
    "T": Tier(  # EfficientNet-Lite0 from ImageNet, trained on with its head
        "cuda",
        (Runs(primary_arms, range(8), _PHOTOGRAPHS, ("efficientnet_lite0",)),),
        _of_photographs,
        grid=_small_grid,
        search_steps=500,
        pilot=True,
    ),
}


def choose_sets(
    tier: str | None, names: Sequence[str] = (), device: str = "cpu", root: str | os.PathLike | None = None
) -> tuple[dict[str, list[str]], list[str]]:
    """The data sets of each tier that are to be run, and the images that are not here, or whose body is not; ValueError if nothing is left.

    Without a tier those of the device; without names all sets that are on this machine.
    """
    tiers = (
        [check_name("tier", tier, TIERS)] if tier else [name for name, plan in TIERS.items() if plan.device == device]
    )
    if tier and names:
        return {tier: list(names)}, []
    if names:
        own = {tier: [name for name, meant in TIERS[tier].meant(names).items() if meant] for tier in tiers}
        lost = [name for name in names if not any(name in known for known in own.values())]
        if lost:
            raise ValueError(f"no tier for a {device} has {', '.join(lost)}; name the tier to use on it with --tier")
        return {tier: known for tier, known in own.items() if known}, []
    present = {*TARGETS, *list_datasets(root, present=True)}
    lite = importlib.util.find_spec("efficientnet_lite_pytorch") is not None
    sets, absent = {}, set()
    for tier in tiers:
        for name in TIERS[tier].datasets:
            images, bodies = split_name(name)[0], [frozen_body(name, body) for body in TIERS[tier].backbones(name)]
            if images in present and (lite or "efficientnet_lite0" not in bodies):
                sets.setdefault(tier, []).append(name)
            else:
                absent.add(images)
    if not sets:
        raise ValueError(f"no data set of tier {', '.join(tiers)} is here; `spinalnet data list` says how to get them")
    return sets, sorted(absent)
