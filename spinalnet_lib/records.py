"""One run = one JSON line: schema-checked, appended in one write, read back as `Record`s or a DataFrame."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import platform
import re
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .paths import data_path

if TYPE_CHECKING:
    import pandas as pd

# A re-run equals its record in all fields but these.
CIRCUMSTANCES = ("seconds", "images_per_second", "peak_memory_mb", "device_name", "host", "date")
CURVE_FIELDS = {"step", "epoch", "train_loss", "val_error", "val_nll"}
TEST_FIELDS = {"last", "val_best", "test_max", "nll", "brier", "correct"}
MODEL_FIELDS = {"backbone", "head", "num_classes", "in_chans", "image_size", "head_arguments"}
TEXTS = ("dataset", "dataset_source", "device", "device_name", "host", "python", "torch", "library", "date")
COST_FIELDS = {"weights", "parameters", "macs"}


@dataclass(frozen=True)
class Record:
    """What one run was and gave. Errors and accuracies are shares in [0, 1]; `test` is None where it was not read.

    `key` identifies the run: data content, model, recipe, seed, threads, device type and numerics version.
    `test` holds accuracy three ways: `last` (after the last step, the headline), `val_best` (at the epoch that
    was best on validation) and `test_max` (the paper's reading, kept to show its bias).
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


def append_record(path: str | os.PathLike, record: Record) -> None:
    """Append one line in a single write and wait until it is on disk.

    A crash leaves whole lines or a torn last one; the next append cuts the torn one off. Raises ValueError for a
    file that ends in something else than a record.
    """
    if not isinstance(record, Record):
        raise TypeError(f"append_record writes a Record, got {type(record).__name__}; train returns one")
    check_record(asdict(record))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = _mend_last_line(path) + record.to_json() + "\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode())
        os.fsync(file)
    finally:
        os.close(file)


def load_records(path: str | os.PathLike) -> list[Record]:
    """Read records from a file, or by name from the project's own: `load_records("first_training")`.

    A torn last line (a run cut off while writing) is skipped with a warning; any other damaged line raises
    ValueError with its number. Raises FileNotFoundError with the known names.
    """
    path = _find(path)
    lines = path.read_bytes().split(b"\n")
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            fields_ = json.loads(line)
            check_record(fields_)
        except ValueError as error:
            if number == len(lines) and line.startswith(b"{"):  # no newline behind it: the write was cut off
                warnings.warn(f"{path}, line {number}: torn last line skipped; run that cell again", stacklevel=2)
                continue
            raise ValueError(f"{path}, line {number} is damaged: {error}; restore the line or delete it") from error
        records.append(Record(**fields_))
    return records


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
        row |= {"val_error": last["val_error"], "val_nll": last["val_nll"], "diverged": r.diverged}
        row |= {f"test_{name}": r.test[name] if r.test else None for name in ("last", "val_best", "test_max")}
        row |= {f"head_{name}": r.head_cost[name] for name in ("weights", "parameters", "macs")}
        rows.append(row | {"seconds": r.seconds, "device": r.device, "threads": r.threads, "key": r.key})
    return pd.DataFrame(rows)


def check_record(record: dict) -> None:
    """Raise ValueError naming the first field that is missing, unknown or of a wrong kind."""
    if not isinstance(record, dict):
        raise ValueError(f"a record is a JSON object, got {type(record).__name__}")
    names = {f.name for f in fields(Record)}
    if record.keys() != names:
        missing, unknown = sorted(names - record.keys()), sorted(record.keys() - names)
        raise ValueError(f"fields missing: {missing or 'none'}, unknown: {unknown or 'none'}")
    for name in ("key", "dataset_sha256", "source_sha256"):
        good = isinstance(record[name], str) and re.fullmatch("[0-9a-f]{64}", record[name])
        _require(good, name, record[name], "64 hexadecimal digits")
    for name in TEXTS:
        _require(isinstance(record[name], str) and record[name], name, record[name], "a text")
    for name, keys in (("model", MODEL_FIELDS), ("recipe", {"epochs", "learning_rate", "batch_size"})):
        good = isinstance(record[name], dict) and record[name].keys() >= keys
        _require(good, name, record[name], f"an object with {sorted(keys)}")
    _require(isinstance(record["diverged"], bool), "diverged", record["diverged"], "true or false")
    for name in ("numerics_version", "n_steps", "seed", "threads"):
        _require(type(record[name]) is int and record[name] >= 0, name, record[name], "a whole number, not negative")
    for name in ("seconds", "images_per_second", "peak_memory_mb"):
        _require(
            isinstance(record[name], (int, float)) and record[name] >= 0, name, record[name], "a number, not negative"
        )
    for name, keys in (
        ("head_cost", COST_FIELDS),
        ("body_cost", COST_FIELDS),
        ("split_sizes", {"train", "val", "test"}),
    ):
        _require(
            isinstance(record[name], dict)
            and record[name].keys() == keys
            and all(type(n) is int and n >= 0 for n in record[name].values()),
            name,
            record[name],
            f"an object with {sorted(keys)}, whole numbers",
        )
    _require(
        isinstance(record["curve"], list) and len(record["curve"]) > 0,
        "curve",
        record["curve"],
        "a list of at least one point",
    )
    for point in record["curve"]:
        _require(
            isinstance(point, dict) and point.keys() >= CURVE_FIELDS,
            "curve",
            point,
            f"points with {sorted(CURVE_FIELDS)}",
        )
        error = point["val_error"]
        _require(error is None or _is_share(error), "val_error", error, "a share between 0 and 1")
    if record["test"] is not None:
        _require(
            isinstance(record["test"], dict) and record["test"].keys() == TEST_FIELDS,
            "test",
            record["test"],
            f"null or {sorted(TEST_FIELDS)}",
        )
    for name in ("last", "val_best", "test_max") if record["test"] else ():
        share = record["test"][name]
        _require(_is_share(share), f"test {name}", share, "a share between 0 and 1")


def record_key(parts: dict) -> str:
    """SHA-256 of what makes a run the same run."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def pack_bits(correct: np.ndarray) -> str:
    """A bool array as base64 of its packed bits; `unpack_bits` turns it back."""
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def unpack_bits(text: str, count: int) -> np.ndarray:
    """The first `count` bits of a `pack_bits` string as a bool array."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=count).astype(bool)


def describe_machine(device) -> dict:
    """The fields of a record that say where and with what it ran."""
    import torch

    from . import __version__

    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.processor() or platform.machine(),
        "host": platform.system(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "library": __version__,
        "source_sha256": _source_hash(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


@cache
def _source_hash() -> str:
    """Hash of the library's Python files as they ran."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _find(path: str | os.PathLike) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"load_records reads a path or a name, got {path!r}; give a .jsonl file or 'first_training'")
    direct = Path(path)
    if direct.is_file():
        return direct
    own = data_path("results", f"{path}.jsonl")
    if own.is_file():
        return own
    known = ", ".join(sorted(p.stem for p in data_path("results").glob("*.jsonl"))) or "none yet"
    raise FileNotFoundError(f"no records at {str(path)!r}; give a .jsonl file, or one of the project's own: {known}")


def _is_share(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _require(good: bool, name: str, value, expected: str) -> None:
    if not good:
        raise ValueError(f"{name} is {str(value)[:80]!r}, expected {expected}")


def _mend_last_line(path: Path) -> str:
    """Cut a torn last line off; give what must stand before the next record: a newline, if a whole one lacks its own."""
    content = path.read_bytes() if path.exists() else b""
    last = content[content.rfind(b"\n") + 1 :]
    if not last.strip():
        return ""
    try:
        check_record(json.loads(last))
    except ValueError as error:
        if not last.startswith(b"{"):
            raise ValueError(f"{path} ends in something that is no record; give another file") from error
        os.truncate(path, len(content) - len(last))
        return ""
    return "\n"
