"""`Record`: what one run was and gave. `record_files` writes and reads them, a JSON line each."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


# A re-run equals its record in all fields but these.
CIRCUMSTANCES = ("seconds", "images_per_second", "peak_memory_mb", "device_name", "host", "date")


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

    @property
    def loss(self) -> str:
        return self.recipe.get("loss", "cross_entropy")

    @property
    def outcome(self) -> str:
        """The last validation result in words."""
        last = self.curve[-1]
        if self.diverged:
            return "diverged"
        return (
            f"validation MSE {last['val_mse']:.4g}"
            if self.loss == "mse"
            else f"validation error {last['val_error']:.2%}"
        )

    @property
    def arm(self) -> str:
        """The head with what sets it apart, e.g. "mlp, dropout 0, 0.5": the name of a curve in a figure."""
        rate = self.model["head_arguments"].get("drop_rate", 0)
        if not isinstance(rate, list):
            rate = [rate]
        if not any(rate):
            return f"{self.head}, no dropout"
        if len(rate) > 1 and not any(rate[:-1]):  # before the classifier only
            return f"{self.head}, dropout {rate[-1]:g}"
        return f"{self.head}, dropout {', '.join(f'{r:g}' for r in dict.fromkeys(rate))} throughout"

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)


def records_frame(records: Iterable[Record], curves: bool = False) -> pd.DataFrame:
    """One row a run: what it was, its last validation error and loss, its test accuracies, its cost.

    With `curves` one row an evaluation: what was run, and each point of its curve.
    """
    import pandas as pd

    if curves:
        return pd.DataFrame(
            [
                {"dataset": r.dataset, "arm": r.arm, "seed": r.seed, **point, "key": r.key}
                for r in records
                for point in r.curve
            ]
        )
    rows = []
    for r in records:
        last = r.curve[-1]
        row = {
            "dataset": r.dataset,
            "backbone": r.model["backbone"],
            "head": r.head,
            "arm": r.arm,
            "seed": r.seed,
            "epochs": r.recipe["epochs"],
        }
        row |= {name: value for name, value in last.items() if name.startswith("val_")} | {"diverged": r.diverged}
        kinds = ("last_mse", "val_best_mse", "test_min_mse") if r.loss == "mse" else ("last", "val_best", "test_max")
        row |= {f"test_{name}": r.test[name] if r.test else None for name in kinds}
        row |= {f"head_{name}": r.head_cost[name] for name in ("weights", "parameters", "macs")}
        rows.append(row | {"seconds": r.seconds, "device": r.device, "threads": r.threads, "key": r.key})
    return pd.DataFrame(rows)


def record_key(parts: dict) -> str:
    """SHA-256 of what makes a run the same run."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def pack_bits(correct: np.ndarray) -> str:
    """A bool array as base64 of its packed bits; `unpack_bits` turns it back."""
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def unpack_bits(text: str, count: int) -> np.ndarray:
    """The first `count` bits of a `pack_bits` string as a bool array."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=count).astype(bool)
