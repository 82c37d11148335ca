"""`train`: one readable loop, top to bottom. One call is one run is one `Record`."""

from __future__ import annotations

import hashlib
import json
import math
import os
import resource
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict

import torch
from torch import nn

from .batches import Batches
from .checkpoints import RunState
from .checks import check_int, check_number
from .counting import HeadCost, count_parameters, measured_cost
from .datasets import DataSet
from .evaluation import curve_point, test_results
from .fast_spine import reference_loop
from .idle_biases import without_idle_gradients
from .models import Classifier
from .optimising import make_optimizer, make_step, set_learning_rate
from .progress import Progress
from .records import Record, describe_machine, record_key
from .train_config import TrainConfig, describe_recipe, schedule

# Raise this when a change alters the numbers of a run: tests/test_training.py holds the losses of a golden run,
# and records of another version are other records.
NUMERICS_VERSION = 1


class OutOfTime(Exception):
    """A run was saved and stopped, as its time was up: the same call goes on with it."""


def train(
    model: Classifier,
    data: DataSet,
    config: TrainConfig,
    seed: int,
    device: torch.device | str | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike | None = None,
    checkpoint_seconds: float = 60.0,
    time_limit: float | None = None,
) -> Record:
    """Draw the model's weights from `seed`, train it on `data.train` and return the record of the run.

    `device=None` picks CUDA where there is one. Body, head, data order and dropout have generators of their
    own, so two heads of one seed share the body's initial weights and the data order; the caller's global
    generator is left as it was. A loss that is not finite ends the run; the record says so.

    With `checkpoint`, a file, the run is saved there every `checkpoint_seconds`; a call that finds the file goes on from
    it and, on a CPU, ends as if it had never stopped. Delete it once the record is safe. Raises ValueError for another
    run's file. With `time_limit`, in seconds, a run that has not ended by then is saved there and OutOfTime is raised.
    """
    called = time.monotonic()
    seed = check_int("train", "seed", seed, minimum=0)
    if isinstance(config, TrainConfig) and config.stacked:
        raise ValueError("train: stacked=True is for many runs at once; call train_stacked, or pass stacked=False")
    check_saving("train", checkpoint, checkpoint_seconds, time_limit)
    check_run(model, data, config)  # before any weight is drawn: a refused call loses nothing
    device = pick_device(device)
    key = run_key(model, data, config, seed, device)
    devices = range(torch.cuda.device_count()) if device.type == "cuda" else []
    # The fast way draws other dropout masks; records of plain runs were made by the loop, at this NUMERICS_VERSION.
    with (
        torch.random.fork_rng(devices=devices),
        nullcontext() if config.fast else reference_loop(),
        without_idle_gradients(model) if config.fast and device.type == "cuda" else nullcontext(),
    ):
        initialise(model, seed)
        model.to(device, memory_format=torch.channels_last if config.fast else torch.preserve_format)
        torch.manual_seed(stream(seed, "dropout"))
        generators = {
            "order": torch.Generator().manual_seed(stream(seed, "order")),
            "augmentation": torch.Generator(device).manual_seed(stream(seed, "augmentation")),
            "redraw": torch.Generator().manual_seed(stream(seed, "redraw")),
        }

        train_split, val, test = (part.seen_by(model).to(device) for part in (data.train, data.val, data.test))
        optimizer = make_optimizer(model, config, device)
        take_step = make_step(model, optimizer, config)
        batches = Batches(train_split, config, generators["augmentation"])
        steps_per_epoch, n_steps, evaluate_after = plan_steps(config, len(train_split))

        run = RunState(key, generators)
        if checkpoint is not None:
            run.resume(checkpoint, model, optimizer)
        model.train()
        start = saved = time.perf_counter()
        bar = Progress(run.step, n_steps, progress, f"{model.arguments.get('head', 'head')}, seed {seed}")
        for step in bar:
            position = step % steps_per_epoch
            if position == 0:
                run.order = torch.randperm(len(train_split), generator=generators["order"])
            images, labels = batches.take(run.order, position)
            set_learning_rate(optimizer, config.learning_rate * run.redrawn * schedule(config, step, n_steps))
            run.losses.append(take_step(images, labels))
            run.step = step + 1

            if run.step in evaluate_after:
                losses = torch.stack(run.losses).tolist()  # waits for the device
                run.seconds += time.perf_counter() - start
                where = {"step": run.step, "epoch": round(run.step / steps_per_epoch, 4)}
                opened = test if config.read_test else None
                first = run.step - len(losses)
                point = curve_point(model, config.loss, losses, first, steps_per_epoch, val, opened)
                run.curve.append({**where, **point})
                bar.evaluated(run.curve[-1])
                run.diverged = point["train_loss"] is None
                run.losses = []
                if run.diverged:
                    break
                if config.schedule == "redraw" and len(run.curve) > 1:
                    best = min(point["test_error"] for point in run.curve[:-1])
                    if run.curve[-1]["test_error"] >= best:
                        run.redrawn = torch.rand((), generator=generators["redraw"]).item() ** config.redraw_power
                start = time.perf_counter()
            if checkpoint is not None and time.perf_counter() - saved > checkpoint_seconds:
                run.seconds += time.perf_counter() - start
                run.save(checkpoint, model, optimizer)
                start = saved = time.perf_counter()
            if time_limit is not None and time.monotonic() - called > time_limit and run.step < n_steps:
                run.seconds += time.perf_counter() - start
                run.save(checkpoint, model, optimizer)
                raise OutOfTime(f"time was up after step {run.step} of {n_steps}; the run goes on from {checkpoint}")

    test = test_results(model, config.loss, test, run.curve) if config.read_test else None
    costs = run_costs(model)
    return make_record(model, data, config, seed, device, key, costs, run.curve, run.diverged, test, run.seconds)


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
        numerics_version=NUMERICS_VERSION,
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
        peak_memory_mb=_peak_memory_mb(device),
        **describe_machine(device),
    )


def pick_device(device: torch.device | str | None = None) -> torch.device:
    """`device` itself, or CUDA where there is one, else the CPU. ValueError for a device that is not here."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(device)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {str(device)!r} cannot be used ({reason}); leave it out or pass 'cpu'") from error
    return device


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
            "numerics_version": NUMERICS_VERSION,
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


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # getrusage counts bytes on macOS, KiB elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)
