"""What a run is: its identity, its checks, its initial weights and its record."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict

import torch
from torch import nn

from ..checks import check_number
from ..data.splits import DataSet
from ..heads.counting import HeadCost, count_parameters, measured_cost
from ..machine import describe_machine, peak_memory_mb
from ..models.classifier import Classifier
from ..records.record import Record, record_key
from .config import TrainConfig, describe_recipe

# Raise this when a change alters the numbers of a run: tests/test_training.py holds the losses of a golden run,
# and records of another version are other records.
NUMERICS_VERSION = 1
FAST_NUMERICS_VERSION = 2  # of fast runs


def numerics_version(config: TrainConfig) -> int:
    """The version of the numbers that a recipe gives."""
    return FAST_NUMERICS_VERSION if config.fast else NUMERICS_VERSION


def plan_steps(config: TrainConfig, n_examples: int) -> tuple[int, int, set[int]]:
    """Steps an epoch, steps of the run, and the steps after which it is evaluated, the last among them."""
    steps_per_epoch = math.ceil(n_examples / config.batch_size)
    n_steps = config.steps or config.epochs * steps_per_epoch
    evaluations = math.ceil(n_steps * config.evals_per_epoch / steps_per_epoch)
    after = {round(steps_per_epoch * (i + 1) / config.evals_per_epoch) for i in range(evaluations)}
    return steps_per_epoch, n_steps, after | {n_steps}


def make_record(
    model: Classifier,
    data: DataSet,
    config: TrainConfig,
    seed: int,
    device: torch.device,
    key: str,
    costs: tuple[HeadCost, HeadCost],
    curve: list[dict],
    diverged: bool,
    test: dict | None,
    seconds: float,
) -> Record:
    """The record of a run that ended now on this machine, after `seconds` of training; `costs` are the body's and the head's."""
    body, head = costs
    return Record(
        key=key,
        numerics_version=numerics_version(config),
        dataset=data.name,
        dataset_source=data.source,
        dataset_sha256=data.sha256,
        split_sizes={"train": len(data.train), "val": len(data.val), "test": len(data.test)},
        model=dict(model.arguments),
        recipe=describe_recipe(config),
        n_steps=plan_steps(config, len(data.train))[1],
        tuning_id=None,
        seed=seed,
        curve=curve,
        diverged=diverged,
        test=test,
        head_cost=asdict(head),
        body_cost=asdict(body),
        seconds=round(seconds, 3),
        images_per_second=round(curve[-1]["epoch"] * len(data.train) / seconds, 1),
        peak_memory_mb=peak_memory_mb(device),
        **describe_machine(device),
    )


def run_key(
    model: Classifier,
    data: DataSet,
    config: TrainConfig,
    seed: int,
    device: torch.device | str,
    threads: int | None = None,
) -> str:
    """The `key` that `train` would give its record: known before the run, so that a finished run is not run again.

    `threads` is torch's present number, if none is given.
    """
    check_run(model, data, config)  # before the data are hashed: photographs would all be decoded for it
    return record_key(
        {
            "data": data.sha256,
            "model": {**model.arguments, "parameters": count_parameters(model)},
            "recipe": describe_recipe(config),
            "seed": seed,
            "threads": threads or torch.get_num_threads(),
            "device_type": torch.device(device).type,
            "numerics_version": numerics_version(config),
        }
    )


def initialise(model: Classifier, seed: int) -> None:
    """Draw all weights anew, body and head each from its own generator: heads of one seed get the same body.

    A body that was trained before has its weights of then instead.
    """
    for part, module in (("body", model.body), ("head", model.head)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream(seed, part))
            for layer in module.modules():
                if hasattr(layer, "reset_parameters"):
                    layer.reset_parameters()
            if hasattr(module, "load_pretrained"):
                module.load_pretrained()


def stream(seed: int, purpose: str) -> int:
    """A seed for each purpose: changing how one is used leaves the others alone."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:7], "big")


def run_costs(model: Classifier) -> tuple[HeadCost, HeadCost]:
    body = model.body
    return (
        measured_cost(body, (body.in_chans, body.image_size, body.image_size)),
        measured_cost(model.head, (model.num_features,)),
    )


def check_run(model: Classifier, data: DataSet, config: TrainConfig) -> None:
    """Whatever would stop the run later, said at once."""
    if not isinstance(data, DataSet):
        raise TypeError(f"train reads a DataSet, got {type(data).__name__}; load one with load_dataset")
    if not isinstance(config, TrainConfig):
        raise TypeError(f"train reads a TrainConfig, got {type(config).__name__}; TrainConfig() is the paper's")
    if not isinstance(model, Classifier):
        raise TypeError(f"train reads a Classifier, got {type(model).__name__}; build one with create_model")
    if not model.arguments:
        raise TypeError("train cannot record what this Classifier is made of; build it with create_model")
    expected = (model.body.in_chans, model.body.image_size, model.body.image_size)
    if tuple(data.train.images.shape[1:]) != expected:
        raise ValueError(
            f"{data.name} has images {tuple(data.train.images.shape[1:])}, the body {model.body.name!r} reads {expected}; choose another body"
        )
    float_labels = data.train.labels.is_floating_point()
    if (config.loss == "mse") != float_labels:
        kind, fit = ("float", "mse") if float_labels else ("whole", "cross_entropy")
        raise ValueError(f"{data.name} has {kind} labels, the recipe loss={config.loss!r}; use loss={fit!r}")
    if model.num_classes != data.card["num_classes"]:
        raise ValueError(
            f"{data.name} has {data.card['num_classes']} classes, the head {model.num_classes}; use model.reset_classifier({data.card['num_classes']})"
        )
    for name, value in model.arguments.get("head_arguments", {}).items():
        if not _is_json(value):
            raise TypeError(
                f"{name}={value!r} has no name that a record could hold; pass a class, or its name in torch.nn"
            )
    images = len(data.train)
    steps = math.ceil(images / config.batch_size)
    if config.warmup >= (config.steps or config.epochs * steps):
        raise ValueError(
            f"warmup={config.warmup} leaves no step of the run's {config.steps or config.epochs * steps}; lower it"
        )
    if config.evals_per_epoch > steps:
        raise ValueError(
            f"an epoch of {data.name} has {steps} steps of {config.batch_size}, too few for "
            f"evals_per_epoch={config.evals_per_epoch}; lower it to {steps} or fewer"
        )
    last = images - (steps - 1) * config.batch_size
    if last == 1 and any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        raise ValueError(
            f"batch_size={config.batch_size} leaves one image of {images} for the last batch, which BatchNorm cannot "
            f"normalise; use {config.batch_size + 1}"
        )


def check_saving(
    owner: str, checkpoint=None, checkpoint_seconds: float = 60.0, time_limit: float | None = None
) -> None:
    """What `train` is told about its checkpoint, checked."""
    if check_number(owner, "checkpoint_seconds", checkpoint_seconds, "the usual is 60") < 0:
        raise ValueError(f"{owner}: checkpoint_seconds must be at least 0, got {checkpoint_seconds:g}; the usual is 60")
    if time_limit is not None and checkpoint is None:
        raise ValueError(f"{owner}: time_limit={time_limit:g} needs a file to save to; pass checkpoint='run.npz'")


def _is_json(value) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
