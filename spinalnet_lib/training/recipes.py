"""The recipes of the study: as published for each body, and one tuned recipe for all.

Source: the scripts beside Kabir et al., arXiv 2007.03347. They redraw the learning rate at random, most of them whenever
the *test* accuracy has not risen. Here a cosine stands in for that, and the rule itself is a recipe of its own.
"""

from __future__ import annotations

from dataclasses import replace

from ..checks import check_name
from ..data.augment import Augmentation
from ..data.cards import find_set, official_names, whole_set
from ..data.facts import load_facts
from ..data.regression import TARGETS
from .config import TrainConfig
from .published_transfer import published_transfer


def tuning_rate(step: int) -> float:
    """A learning rate of the search's grid, which goes in factors of √10; its first is step 0, a ten-thousandth."""
    return 10 ** (-4 + step / 2)


TUNING_RATES = tuple(map(tuning_rate, range(5)))
TUNING_DROPOUT = (0.0, 0.5)
TUNING_SEEDS = (1000, 1001)
POWER_SEEDS = tuple(range(1002, 1010))

_TILTED = Augmentation(perspective=0.5, degrees=10, separate_passes=True)
_FASHION = Augmentation(degrees=10, crop_scale=(0.95, 1.0), separate_passes=True)
_CIFAR = Augmentation(padding=4, flip=True)
_ADAM = TrainConfig(optimizer="adam", learning_rate=0.001, batch_size=100, epochs=160, schedule="cosine")
_PUBLISHED = {
    "two_conv": TrainConfig(),
    "arch2": TrainConfig(epochs=200, schedule="cosine", augmentation=_TILTED),
    "vgg5": replace(_ADAM, learning_rate=0.005, epochs=200, augmentation=_TILTED),
    "cifar_cnn": replace(_ADAM, augmentation=_CIFAR),
    **dict.fromkeys(
        ("resnet18", "resnet18_cells", "resnet34", "resnet34_cells"),
        replace(_ADAM, batch_size=200, augmentation=_CIFAR),
    ),
    **dict.fromkeys(
        ("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"),
        replace(_ADAM, learning_rate=0.0001, epochs=200, augmentation=_CIFAR),
    ),
}
# The power of the random number in the redraws.
_POWERS = {"resnet18": 5, "resnet18_cells": 5, "resnet34": 5, "resnet34_cells": 5}
_REDRAWN = ("vgg5", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", *_POWERS)


def published_recipe(backbone: str, dataset: str = "mnist") -> TrainConfig:
    """The published hyper-parameters for a body, with a cosine where the scripts redraw the learning rate.

    Fashion-MNIST has warps and, for Arch2, a learning rate of its own; CIFAR-100 a batch of 200. A body of torchvision is
    fine-tuned as `published_transfer` says. Raises ValueError for a body without a published recipe, and for a data set
    that is neither known nor a folder of the user's.

    >>> published_recipe("vgg5").learning_rate, published_recipe("two_conv").optimizer
    (0.005, 'sgd')
    >>> published_recipe("torchvision:wide_resnet101_2", "stl10").batch_size
    24
    """
    if ":" in backbone:
        return published_transfer(dataset, backbone).recipe
    config = _PUBLISHED[check_name("backbone with a published recipe", backbone, _PUBLISHED)]
    if dataset not in (*official_names(), *TARGETS, *load_facts()):  # files are read only where they matter
        find_set(dataset)
    whole = whole_set(dataset)
    if whole == "fashion_mnist" and config.augmentation == _TILTED:
        rate = 0.005 if backbone == "arch2" else config.learning_rate
        config = replace(config, augmentation=_FASHION, learning_rate=rate)
    return replace(config, batch_size=200) if whole == "cifar100" else config


def redraw_recipe(backbone: str, dataset: str = "mnist") -> TrainConfig:
    """The published rule for the learning rate, which selects on the test set: to show its bias, never as evidence."""
    config = published_recipe(check_name("backbone with redraws", backbone, _REDRAWN), dataset)
    return replace(config, schedule="redraw", redraw_power=_POWERS.get(backbone, 3), read_test=True)


def tuned_recipe(learning_rate: float, batch_size: int = 128, augmentation: Augmentation | None = None) -> TrainConfig:
    """The study's recipe, the same for all arms of a tier but for the learning rate: 2,000 fast steps.

    Tier C takes 128 images a step; a GPU, which is busy with 1,000 only, takes 1,000 and warps them.
    """
    return TrainConfig(
        optimizer="adamw",
        learning_rate=learning_rate,
        weight_decay=0.01,
        batch_size=batch_size,
        augmentation=augmentation,
        schedule="cosine",
        warmup=100,
        steps=2000,
        fast=True,
    )


def transfer_recipe() -> TrainConfig:
    """A recipe of ours to fine-tune a body from its publisher's weights on photographs; the paper's is `published_recipe`.

    Images are normalised as the body's publisher does, which for torchvision's is by ImageNet's statistics. `fast` is
    channels-last memory, and on a GPU bfloat16 products. Its numbers are the field's usual ones; none was searched for.
    """
    return TrainConfig(
        optimizer="adamw",
        learning_rate=0.001,
        body_learning_rate=0.0001,
        weight_decay=0.01,
        batch_size=32,
        epochs=20,
        schedule="cosine",
        warmup=20,
        augmentation=Augmentation(crop_scale=(0.25, 1.0), flip=True),
        start="given",
        fast=True,
    )


def quick_recipe() -> TrainConfig:
    """The 2-conv CNN to 98.5 % on MNIST in seconds on a CPU: five fast epochs of Adam, for a head without dropout."""
    return TrainConfig(
        optimizer="adam",
        learning_rate=0.003,
        batch_size=64,
        epochs=5,
        schedule="cosine",
        evals_per_epoch=0.2,
        fast=True,
    )


def regression_recipe() -> TrainConfig:
    """The published recipe of the regressions; validation and test are read every ten epochs."""
    return TrainConfig(
        optimizer="adam", learning_rate=0.01, batch_size=64, epochs=200, evals_per_epoch=0.1, loss="mse", read_test=True
    )
