"""`Record`: what one run was and gave. `records.files` writes and reads them, a JSON line each."""

from __future__ import annotations

import base64
import hashlib
import json
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

# What a run gave. Other fields say what it was (`key` is the hash of it), or when, why and where it was made.
RESULTS = ("curve", "diverged", "test", "head_cost", "body_cost")


@dataclass(frozen=True)
class Record:
    """What one run was and gave. Errors and accuracies are shares in [0, 1]; `test` is None where it was not read.

    `key` identifies the run: data content, model, recipe, seed, threads, device type and numerics version.
    `test` holds accuracy three ways: `last` (after the last step, the headline), `val_best` (at the epoch that
    was best on validation) and `test_max` (the paper's reading, kept to show its bias). Runs with the loss "mse" hold
    mean squared errors instead.
    """

    key: str
    numerics_version: int
    dataset: str
    dataset_source: str
    dataset_sha256: str
    split_sizes: dict
    model: dict
    recipe: dict
    n_steps: int
    tuning_id: str | None
    seed: int
    curve: list
    diverged: bool
    test: dict | None
    head_cost: dict
    body_cost: dict
    seconds: float
    images_per_second: float
    peak_memory_mb: float
    device: str
    device_name: str
    host: str
    threads: int
    python: str
    torch: str
    cuda: str | None
    library: str
    source_sha256: str
    date: str

    @property
    def head(self) -> str:
        return self.model["head"]

    @cached_property
    def setup(self) -> tuple:
        """What was run, whatever the data's content and the machine: that of the planned cell which this is a run of."""
        cut = self.split_sizes.get("seed"), self.split_sizes.get("train_per_class")
        model = self.model
        return run_setup(
            self.dataset, model["backbone"], self.head, model["head_arguments"], self.recipe, self.seed, *cut
        )

    @property
    def loss(self) -> str:
        return self.recipe.get("loss", "cross_entropy")

    @property
    def last(self) -> dict:
        """The last point of the curve: the headline."""
        return self.curve[-1]

    @property
    def outcome(self) -> str:
        """The last validation result in words."""
        if self.diverged:
            return "diverged"
        if self.loss == "mse":
            return f"validation MSE {self.last['val_mse']:.4g}"
        return f"validation error {self.last['val_error']:.2%}"

    @property
    def arm(self) -> str:
        """The head with what sets it apart, e.g. "mlp, dropout 0, 0.5": the name of a curve in a figure."""
        rate = self.model["head_arguments"].get("drop_rate", 0)
        rates = rate if isinstance(rate, list) else [rate]
        if not any(rates):
            return f"{self.head}, no dropout"
        if len(rates) > 1 and not any(rates[:-1]):  # before the classifier only
            return f"{self.head}, dropout {rates[-1]:g}"
        return f"{self.head}, dropout {', '.join(f'{r:g}' for r in dict.fromkeys(rates))} throughout"

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)


def differing_results(a: Record, b: Record) -> list[str]:
    """The fields in which two records of one run gave different results."""
    return [name for name in RESULTS if getattr(a, name) != getattr(b, name)]


def each_once(records: Iterable[Record]) -> list[Record]:
    """The records, a run that is there more than once only once, with a warning; ValueError if it gave two results."""
    runs: dict[str, Record] = {}
    doubled = 0
    for record in records:
        first = runs.setdefault(record.key, record)
        doubled += first is not record
        if differ := differing_results(first, record):
            raise ValueError(
                f"run {record.key[:10]} is there with two results (torch {first.torch} and {record.torch}), which differ in "
                f"{', '.join(differ)}; `spinalnet records check` names the files, keep one of them"
            )
    if doubled:
        warnings.warn(f"{doubled} records are of runs that are there already; each run counts once", stacklevel=3)
    return list(runs.values())


def run_setup(
    dataset: str,
    backbone: str,
    head: str,
    head_arguments: dict,
    recipe: dict,
    seed: int,
    cut_seed: int | None,
    train_per_class: int | None,
) -> tuple:
    """Equal for equal runs, whatever the data's content and the machine; can be a key of a dict."""
    sizes, how = (json.dumps(parts, sort_keys=True) for parts in (head_arguments, recipe))
    return dataset, backbone, head, sizes, how, seed, cut_seed, train_per_class


def record_key(parts: dict) -> str:
    """SHA-256 of what makes a run the same run."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def pack_bits(correct: np.ndarray) -> str:
    """A bool array as base64 of its packed bits; `unpack_bits` turns it back."""
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def unpack_bits(text: str, count: int) -> np.ndarray:
    """The first `count` bits of a `pack_bits` string as a bool array."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=count).astype(bool)
