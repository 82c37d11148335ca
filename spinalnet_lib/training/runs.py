"""What a run is: its checks, its identity, its initial weights and its record."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace

import torch
from torch import nn

from ..checks import check_int
from ..data.splits import DataSet, Split
from ..heads.counting import count_parameters, measured_cost
from ..heads.dropout import own_draws
from ..machine import describe_machine, peak_memory_mb, pick_device
from ..models.classifier import Classifier, first_difference
from ..models.weights import weights_sha256
from ..records.record import Record, record_key
from .config import TrainConfig, describe_recipe

# Raise this when a change alters the numbers of a run: tests/training/test_loop.py holds the losses of a golden run,
# and records of another version are other records.
NUMERICS_VERSION = 1
DROPOUT_NUMERICS_VERSION = 2  # of heads with dropout
FAST_NUMERICS_VERSION = 3  # of fast runs
LARGEST_SEED = 2**32 - 1  # numpy's


class Run:
    """A run that fits together: whatever would stop it later is said when it is made, before any weight is drawn.
    Grey images for a body that reads colour are a warning.

    `key` is its record's, `evaluate_after` the steps after which it is evaluated, the last among them.
    """

    def __init__(
        self,
        model: Classifier,
        data: DataSet,
        config: TrainConfig,
        seed: int,
        device: torch.device | str | None = None,
    ):
        self.model, self.data, self.config = model, data, config
        self.seed = check_int("train", "seed", seed, minimum=0)
        if self.seed > LARGEST_SEED:
            raise ValueError(f"train: seed must be at most {LARGEST_SEED}, got {seed}; pass a smaller one")
        self.device = pick_device(device)
        self.key = run_key(model, data, config, self.seed, self.device)
        if model.body.repeats_grey and model.body.in_chans == 1:
            repeated = f"each is repeated to the three channels that {model.body.name} reads"
            warnings.warn(f"{data.name} has grey images: {repeated}", stacklevel=3)
        self.given = given_weights(model, config)  # now: training changes them
        model.statistics = config.statistics  # what looks at images with this model later needs them, too
        self.steps_per_epoch, self.n_steps = count_steps(config, len(data.train))
        apart = (
            self.steps_per_epoch / config.evals_per_epoch
            if config.evaluations is None
            else self.n_steps / config.evaluations
        )
        after = {round(apart * (i + 1)) for i in range(math.ceil(self.n_steps / apart))}
        self.evaluate_after = after - {0} | {self.n_steps}
        self.head_dropout = torch.Generator(self.device).manual_seed(stream(self.seed, "head dropout"))

    def splits(self) -> tuple[Split, Split, Split | None]:
        """Training, validation and test split on the run's device, as the body sees them; no test set unless it is read."""
        test = [self.data.test] if self.config.read_test else []
        seen = [part.seen_by(self.model).to(self.device) for part in (self.data.train, self.data.val, *test)]
        return seen[0], seen[1], seen[2] if test else None

    @contextmanager
    def own_generators(self) -> Iterator[None]:
        """Within it torch's generators are the run's to seed; afterwards they are as the caller left them.

        The head's dropout has a generator of its own: so the body's masks are those of any other head with this seed. Not
        so in a step that is captured as a CUDA graph, where body and head share one.
        """
        cuda = self.device.type == "cuda"
        shared = cuda and self.config.fast
        draws = nullcontext() if shared else own_draws(self.model.head, self.head_dropout)
        with torch.random.fork_rng(range(torch.cuda.device_count()) if cuda else []), draws:
            yield

    @contextmanager
    def own_weights(self) -> Iterator[None]:
        """What it draws and trains, however it ends, is no weight that was given: another run may draw it anew."""
        try:
            yield
        finally:
            for part in {"body", "head"} - self.given.keys():
                self.model.note_weights(part)

    def record(self, curve: list[dict], test: dict | None, seconds: float) -> Record:
        """The record of the run, which ended now on this machine after `seconds` of training."""
        data, body = self.data, self.model.body
        cut = {name: data.card["cut"][name] for name in ("seed", "train_per_class")} if "cut" in data.card else {}
        return Record(
            key=self.key,
            numerics_version=numerics_version(self.model, self.config),
            dataset=data.name,
            dataset_source=data.source,
            dataset_sha256=data.sha256,
            split_sizes={part: len(getattr(data, part)) for part in ("train", "val", "test")} | cut,
            model=dict(self.model.arguments) | ({"weights": self.given} if self.given else {}),
            recipe=describe_recipe(self.config),
            n_steps=self.n_steps,
            tuning_id=None,
            seed=self.seed,
            curve=curve,
            diverged=curve[-1]["train_loss"] is None,
            test=test,
            head_cost=asdict(measured_cost(self.model.head, (self.model.num_features,))),
            body_cost=asdict(measured_cost(body, (body.in_chans, body.image_size, body.image_size))),
            seconds=round(seconds, 3),
            images_per_second=round(curve[-1]["epoch"] * len(data.train) / seconds, 1),
            peak_memory_mb=peak_memory_mb(self.device),
            **describe_machine(self.device),
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
    return record_key(identity(model, data, config, seed, device, threads or torch.get_num_threads()))


def identity(
    model: Classifier, data: DataSet, config: TrainConfig, seed: int, device: torch.device | str, threads: int
) -> dict:
    """What tells a run from another one: its `key` is the hash of this, and of nothing else.

    Left out are the versions of torch and CUDA, the host and the name of the device, which may round otherwise: they are
    circumstances, and a record says which they were. With them in it no run could be checked on another machine, and all
    records would go stale with each release of torch.
    """
    return {
        "data": data.sha256,
        "model": {**model.arguments, "parameters": count_parameters(model), **_of_given(given_weights(model, config))},
        "recipe": describe_recipe(config),
        "seed": seed,
        "threads": threads,  # sums are taken in another order
        "device_type": torch.device(device).type,
        "numerics_version": numerics_version(model, config),
    }


def numerics_version(model: Classifier, config: TrainConfig) -> int:
    """The version of the numbers that a recipe gives with this model."""
    drops = any(isinstance(module, nn.Dropout) and module.p for module in model.head.modules())
    return numerics_of(config.fast, drops)


def numerics_of(fast: bool, drops: bool) -> int:
    """The version of the numbers of a fast run or a plain one, with dropout in the head or without."""
    if fast:
        return FAST_NUMERICS_VERSION
    return DROPOUT_NUMERICS_VERSION if drops else NUMERICS_VERSION


def count_steps(config: TrainConfig, n_examples: int) -> tuple[int, int]:
    """Steps an epoch and steps of the run."""
    steps_per_epoch = math.ceil(n_examples / config.batch_size)
    return steps_per_epoch, config.steps or config.epochs * steps_per_epoch


def initialise(model: Classifier, seed: int, start: str = "seed") -> None:
    """Draw the weights anew, body and head each from its own generator: heads of one seed get the same body.

    With `start="given"` a part that weights were loaded into keeps them.
    """
    for part, module in (("body", model.body), ("head", model.head)):
        if start == "given" and model.weights_from(part):
            continue
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream(seed, part))
            if hasattr(module, "draw_weights"):
                module.draw_weights()
            for layer in () if hasattr(module, "draw_weights") else module.modules():
                if hasattr(layer, "reset_parameters"):
                    layer.reset_parameters()
        model.note_weights(part)


def given_weights(model: Classifier, config: TrainConfig) -> dict[str, str]:
    """The SHA-256 of the weights that each part starts from, but for those that are drawn."""
    sources = {part: model.weights_from(part) for part in ("body", "head")} if config.start == "given" else {}
    return {
        part: weights_sha256(getattr(model, part)) if source == "loaded" else source
        for part, source in sources.items()
        if source
    }


def _of_given(weights: dict[str, str]) -> dict:
    return {"weights": weights} if weights else {}


def stream(seed: int, purpose: str) -> int:
    """A seed for each purpose: changing how one is used leaves the others alone."""
    return int.from_bytes(hashlib.sha256(f"{purpose}:{seed}".encode()).digest()[:7], "big")


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
