"""What a run is: its identity, its initial weights and its record."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict

import torch
from torch import nn

from ..checks import check_int
from ..data.splits import DataSet, Split
from ..heads.counting import count_parameters, measured_cost
from ..heads.dropout import own_draws
from ..machine import describe_machine, peak_memory_mb, pick_device
from ..models.classifier import Classifier
from ..models.weights import weights_sha256
from ..records.record import Record, record_key
from .checks import check_run
from .config import TrainConfig, count_steps, describe_recipe

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
        cut = {name: value for name, value in data.card.get("cut", {}).items() if name != "of"}
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
