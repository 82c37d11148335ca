"""Whether model, data and recipe fit together: whatever would stop a run later is said before it begins."""

from __future__ import annotations

import difflib
import json
from dataclasses import replace

import torch
from torch import nn

from ..data.splits import DataSet
from ..models.classifier import Classifier, first_difference
from .config import TrainConfig, count_steps


def check_run(model: Classifier, data: DataSet, config: TrainConfig) -> None:
    """Whatever would stop the run later, said at once."""
    for value, kind, remedy in (
        (data, DataSet, "load one with load_dataset"),
        (config, TrainConfig, "TrainConfig() is the paper's"),
        (model, Classifier, "build one with create_model"),
    ):
        if not isinstance(value, kind):
            raise TypeError(f"train reads a {kind.__name__}, got {type(value).__name__}; {remedy}")
    if not model.arguments:
        raise TypeError("train cannot record what this Classifier is made of; build it with create_model")
    for name, value in model.arguments.get("head_arguments", {}).items():
        try:
            json.dumps(value)
        except TypeError:
            raise TypeError(
                f"{name}={value!r} has no name that a record could hold; pass a class, or its name in torch.nn"
            ) from None
    _check_as_built(model)
    _check_start(model, config)
    _check_fit(model, data, config)
    _check_length(model, data, config)


def _check_as_built(model: Classifier) -> None:
    """The network is that of its arguments, and no part of it is frozen by hand: a record says no more than these."""
    if any(parameter.is_meta for parameter in model.parameters()):
        return  # built this moment, for its key only: a sweep asks for thousands
    built = model.as_built()
    difference = first_difference(model, built)
    for (name, then), now in zip(built.named_parameters(), model.parameters(), strict=False):
        if difference is None and now.requires_grad != then.requires_grad:
            difference = f"{name}.requires_grad is {now.requires_grad}"
    if difference:
        raise ValueError(
            f"train: {difference}, and the record would say that it is as create_model built it; undo this, pass it as an "
            "argument of create_model, register a body or head of your own, or train a head alone on extract_features"
        )


def _check_start(model: Classifier, config: TrainConfig) -> None:
    """Weights that were loaded are not thrown away without a word, and what is to be trained is there."""
    loaded = [part for part in ("body", "head") if model.weights_from(part)]
    if loaded and config.start == "seed":
        raise ValueError(
            f"train: weights were loaded into the {' and the '.join(loaded)}, or changed since it was built, and start='seed' "
            "would draw them anew; pass TrainConfig(start='given'), or build the model anew"
        )
    if not loaded and config.start == "given":
        raise ValueError(
            "train: start='given' trains on from weights that were loaded, and none were; build the model with "
            "pretrained=True, load_model or load_state_dict"
        )
    names = [name for name, _ in model.named_parameters()]
    for part in () if config.trainable in ("all", "head") else config.trainable:
        if not any(f"{name}.".startswith(f"{part}.") for name in names):
            places = [place for place, module in model.named_modules() if place and [*module.parameters()]]
            near = [place for place in places if place.endswith(f".{part}")] or difflib.get_close_matches(part, places)
            meant = " or ".join(map(repr, near[:3] or ["head"]))
            raise ValueError(f"train: trainable names {part!r}, which has no weights here; did you mean {meant}?")


def _check_fit(model: Classifier, data: DataSet, config: TrainConfig) -> None:
    """Images, labels and classes are those that body, loss and head read."""
    found, side = tuple(data.train.images.shape[1:]), model.body.image_size
    expected = (model.body.in_chans, side, side)
    if found != expected:
        remedies = [f"build the model with in_chans={found[0]}"] * (found[0] != expected[0])
        if found[1:] != expected[1:]:
            resizes = data.train.images.dtype == torch.uint8  # features and numbers have no size
            remedies += [
                f"load them with size={side} (in a command: --size {side})" if resizes else "choose another body"
            ]
        says = f"{data.name} has images {found}, the body {model.body.name!r} reads {expected}"
        raise ValueError(f"{says}; {' and '.join(remedies)}")
    if config.statistics and (count := len(config.statistics[0])) not in (1, found[0]):
        raise ValueError(
            f"{data.name} has {found[0]} channels, the recipe's statistics {count}; pass one or {found[0]}"
        )
    float_labels = data.train.labels.is_floating_point()
    if (config.loss == "mse") != float_labels:
        kind, fit = ("float", "mse") if float_labels else ("whole", "cross_entropy")
        raise ValueError(f"{data.name} has {kind} labels, the recipe loss={config.loss!r}; use loss={fit!r}")
    if config.gradient_norms and not isinstance(getattr(model.head, "layers", None), nn.ModuleList):
        name = model.arguments["head"]
        raise ValueError(f"gradient_norms=True reads a head's layers, {name!r} has none in a row; leave it out")
    parts = {"train": data.train, "validation": data.val, **({"test": data.test} if config.read_test else {})}
    for name, part in parts.items():
        if not len(part):
            raise ValueError(f"{data.name} has no {name} images; give it some")
    classes = data.card["num_classes"]
    for name, part in parts.items():
        if not float_labels and (largest := int(part.labels.max())) >= classes:
            raise ValueError(
                f"{data.name} has the {name} label {largest}, its card says {classes} classes; correct one"
            )
    if model.num_classes != classes:
        raise ValueError(
            f"{data.name} has {classes} classes, the head {model.num_classes}; use model.reset_classifier({classes})"
        )


def _check_length(model: Classifier, data: DataSet, config: TrainConfig) -> None:
    """The recipe's steps, warm-up and evaluations fit the number of images."""
    images = len(data.train)
    steps, n_steps = count_steps(config, images)
    if config.warmup >= n_steps:
        raise ValueError(f"warmup={config.warmup} leaves no step of the run's {n_steps}; lower it")
    if (config.evaluations or 0) > n_steps:
        raise ValueError(f"a run of {n_steps} steps is too short for evaluations={config.evaluations}; lower it")
    if config.evals_per_epoch > steps:
        raise ValueError(
            f"an epoch of {data.name} has {steps} steps of {config.batch_size}, too few for "
            f"evals_per_epoch={config.evals_per_epoch}; lower it to {steps} or fewer"
        )
    if _leaves_one(model, config.batch_size, images):
        raise ValueError(
            f"batch_size={config.batch_size} leaves one image of {images} for the last batch, which BatchNorm cannot "
            f"normalise; use {fit_length(model, config, images).batch_size}"
        )


def _leaves_one(model: Classifier, batch_size: int, images: int) -> bool:
    """Whether a norm would read a batch of one at the end of an epoch."""
    norms = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())
    return norms and (images - 1) % batch_size == 0


def fit_length(model: Classifier, config: TrainConfig, images: int) -> TrainConfig:
    """The recipe with batches that leave no image alone where the model norms them, and a warm-up shorter than the run."""
    sizes = range(config.batch_size, max(config.batch_size, images) + 1)
    size = next((size for size in sizes if not _leaves_one(model, size, images)), config.batch_size)
    config = replace(config, batch_size=size)
    n_steps = count_steps(config, images)[1]
    return config if config.warmup < n_steps else replace(config, warmup=n_steps // 2)
