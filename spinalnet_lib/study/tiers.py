"""The study's tiers as plain Python: bodies, data sets, arms, seeds and recipes. Source: the written protocol.

A tier is a kind of body on a kind of machine; its arms differ in the head only.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..checks import check_name
from ..data.augment import Augmentation
from ..data.cards import list_datasets
from ..data.regression import TARGETS
from ..datasets import split_name
from ..models.sizes import OTHER, primary_arms
from ..training.config import TrainConfig
from ..training.recipes import published_recipe, tuned_recipe

_LARGE = 1000  # images a step that keep a GPU busy


@dataclass(frozen=True)
class Runs:
    """Every head with every seed on every data set with every body."""

    heads: Callable[[str], Sequence[str]]  # of a body
    seeds: Sequence[int]
    datasets: tuple[str, ...]
    backbones: tuple[str, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)  # of the spine, instead of the paper's
    equal_parameters: bool = False  # whether the width is re-solved for the parameters of `spinal`


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


def _primary_and_linear(body: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*primary_arms(body), "linear")))


def _other(body: str) -> tuple[str, ...]:
    """All other arms; a body whose spine replaces one Linear has none to be as large as."""
    primary = primary_arms(body)
    return tuple(arm for arm in OTHER if arm not in primary and ("mlp" in primary or arm != "spinal_big"))


def _resized(body: str) -> tuple[str, ...]:
    """Ablations that have more or fewer parameters than `spinal` at its width."""
    return ("spinal_no_chain", "spinal_full", "spinal_last", "spinal_overlap")


def _searched(body: str) -> tuple[str, ...]:
    return (*_primary_and_linear(body), "mlp_deep_skip")


def _of_steps(body: str, dataset: str, learning_rate: float) -> TrainConfig:
    return replace(tuned_recipe(learning_rate), evaluations=5)


def _of_features(body: str, dataset: str, learning_rate: float) -> TrainConfig:
    return replace(tuned_recipe(learning_rate), fast=False, stacked=True)


def _of_large_steps(body: str, dataset: str, learning_rate: float) -> TrainConfig:
    """The tuned recipe with the warps of the paper's scripts for this body and set; DenseNet's are those of its other CNNs."""
    warps = published_recipe("cifar_cnn" if body == "densenet121" else body, dataset).augmentation
    return tuned_recipe(learning_rate, _LARGE, warps)


def _of_photographs(body: str, dataset: str, learning_rate: float) -> TrainConfig:
    """The tuned recipe with steps of 64, mirrored and cropped, as usual for photographs."""
    return tuned_recipe(learning_rate, 64, Augmentation(crop_scale=(0.5, 1.0), flip=True))


_TIER_C = ("mnist", "emnist_letters", "emnist_balanced_reduced", "fashion_mnist", "kmnist_10k")
_TIER_C_OTHER = ("mnist", "fashion_mnist", "emnist_letters")
_TIER_G = (*_TIER_C, "emnist_digits_reduced")
_TIER_H = ("cifar10", "cifar100_small")
_PHOTOGRAPHS = ("monkeys10", "fruits360_varieties", "caltech101_reduced")
# Bodies of both kinds, trained on the set that they read, in turn: a sweep that is cut off has as many of either.
_TRAINED = [f"trained:two_conv-{head}-{seed}" for seed in range(3) for head in ("linear", "spinal")]
_TIER_F = (
    *(f"{name}+{body}" for body in _TRAINED for name in _TIER_C),
    *(f"{name}+efficientnet_lite0" for name in (*_PHOTOGRAPHS, "cifar10")),
)
_GRID = [
    {"num_splits": splits, "num_layers": layers, "layer_width": width}
    for width in (8, 32, 128)
    for layers in (2, 4, 8)
    for splits in (2, 4, 8)
    if splits <= layers
]

TIERS: Mapping[str, Tier] = {
    "R": Tier(  # the paper's four regressions, each seed with examples of its own
        "cpu",
        (Runs(lambda body: ("mlp", "spinal", "mlp_matched", "spinal_shared"), range(30), tuple(TARGETS), ("pixels",)),),
    ),
    "C": Tier(  # the paper's 2-conv CNN
        "cpu",
        (
            Runs(_primary_and_linear, range(30), _TIER_C, ("two_conv",)),
            Runs(_other, range(10), _TIER_C_OTHER, ("two_conv",)),
            Runs(_resized, range(10), _TIER_C_OTHER, ("two_conv",), equal_parameters=True),
        ),
        _of_steps,
        searched=_searched,
        cuts=True,
    ),
    "F": Tier(  # heads on features of frozen bodies, six of the 2-conv CNN a set and Lite0; the body is the unit
        "cpu",
        (
            Runs(primary_arms, range(5), _TIER_F, ("pixels",)),
            Runs(_other, range(5), _TIER_F, ("pixels",)),
            Runs(_resized, range(5), _TIER_F, ("pixels",), equal_parameters=True),
            *(Runs(lambda body: ("spinal",), range(5), _TIER_F, ("pixels",), sizes) for sizes in _GRID),
        ),
        _of_features,
        features=True,
    ),
    "G": Tier(  # the paper's VGG-5
        "cuda",
        (Runs(_primary_and_linear, range(10), _TIER_G, ("vgg5",)),),
        _of_large_steps,
        searched=_primary_and_linear,
        published=(Runs(lambda body: ("spinal", "mlp"), range(3), _TIER_G, ("vgg5",)),),
    ),
    "H": Tier(  # larger CNNs on CIFAR
        "cuda",
        (Runs(_primary_and_linear, range(8), _TIER_H, ("cifar_cnn", "resnet18_cells", "vgg16_bn", "densenet121")),),
        _of_large_steps,
        searched=_primary_and_linear,
    ),
    "T": Tier(  # EfficientNet-Lite0 from ImageNet, trained on with its head
        "cuda",
        (Runs(_primary_and_linear, range(8), _PHOTOGRAPHS, ("efficientnet_lite0",)),),
        _of_photographs,
        searched=_primary_and_linear,
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
