"""What a record's JSON must look like: checked on every write and every read."""

from __future__ import annotations

import re
from dataclasses import fields

from .records import Record

CURVE_FIELDS = {
    "cross_entropy": {"step", "epoch", "train_loss", "val_error", "val_nll"},
    "mse": {"step", "epoch", "train_loss", "val_mse"},
}
TEST_FIELDS = {
    "cross_entropy": {"last", "val_best", "test_max", "nll", "brier", "correct"},
    "mse": {"last_mse", "val_best_mse", "test_min_mse"},
}
_SHARES = {"cross_entropy": ("last", "val_best", "test_max"), "mse": ()}
_FIELDS = {f.name for f in fields(Record)}
_HASHES = ("key", "dataset_sha256", "source_sha256")
_TEXTS = ("dataset", "dataset_source", "device", "device_name", "host", "python", "torch", "library", "date")
_WHOLE = ("numerics_version", "n_steps", "seed", "threads")
_NUMBERS = ("seconds", "images_per_second", "peak_memory_mb")
_COST_FIELDS = {"weights", "parameters", "macs"}
_COUNTS = {"head_cost": _COST_FIELDS, "body_cost": _COST_FIELDS, "split_sizes": {"train", "val", "test"}}
_OBJECTS = {
    "model": {"backbone", "head", "num_classes", "in_chans", "image_size", "head_arguments"},
    "recipe": {"epochs", "learning_rate", "batch_size"},
}
_is_hash = re.compile("[0-9a-f]{64}").fullmatch


def check_record(record: dict) -> None:
    """Raise ValueError naming the first field that is missing, unknown or of a wrong kind."""
    if not isinstance(record, dict):
        raise ValueError(f"a record is a JSON object, got {type(record).__name__}")
    if record.keys() != _FIELDS:
        missing, unknown = sorted(_FIELDS - record.keys()), sorted(record.keys() - _FIELDS)
        raise ValueError(f"fields missing: {missing or 'none'}, unknown: {unknown or 'none'}")
    for name in _HASHES:
        _require(isinstance(record[name], str) and _is_hash(record[name]), name, record, "64 hexadecimal digits")
    for name in _TEXTS:
        _require(isinstance(record[name], str) and record[name], name, record, "a text")
    for name, keys in _OBJECTS.items():
        good = isinstance(record[name], dict) and record[name].keys() >= keys
        _require(good, name, record, f"an object with {sorted(keys)}")
    _require(isinstance(record["diverged"], bool), "diverged", record, "true or false")
    for name in _WHOLE:
        _require(type(record[name]) is int and record[name] >= 0, name, record, "a whole number, not negative")
    for name in _NUMBERS:
        good = isinstance(record[name], (int, float)) and record[name] >= 0
        _require(good, name, record, "a number, not negative")
    for name, keys in _COUNTS.items():
        counts = record[name]
        good = isinstance(counts, dict) and counts.keys() == keys
        good = good and all(type(n) is int and n >= 0 for n in counts.values())
        _require(good, name, record, f"an object with {sorted(keys)}, whole numbers")
    loss = record["recipe"].get("loss", "cross_entropy")
    _require(loss in CURVE_FIELDS, "recipe", record, f"a loss of {sorted(CURVE_FIELDS)}")
    _check_results(record, loss)


def _check_results(record: dict, loss: str) -> None:
    curve, test = record["curve"], record["test"]
    _require(isinstance(curve, list) and len(curve) > 0, "curve", record, "a list of at least one point")
    for point in curve:
        good = isinstance(point, dict) and point.keys() >= CURVE_FIELDS[loss]
        _require(good, "curve", record, f"points with {sorted(CURVE_FIELDS[loss])}")
        if loss == "cross_entropy":
            error = point["val_error"]
            _require(error is None or _is_share(error), "val_error", point, "a share between 0 and 1")
    if test is None:
        return
    good = isinstance(test, dict) and test.keys() == TEST_FIELDS[loss]
    _require(good, "test", record, f"null or {sorted(TEST_FIELDS[loss])}")
    for name in _SHARES[loss]:
        if not _is_share(test[name]):
            raise ValueError(f"test {name} is {str(test[name])[:80]!r}, expected a share between 0 and 1")


def _is_share(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _require(good: bool, name: str, holder: dict, expected: str) -> None:
    if not good:
        raise ValueError(f"{name} is {str(holder[name])[:80]!r}, expected {expected}")
