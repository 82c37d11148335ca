"""What a record's JSON must look like: checked on every write and every read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import fields

from .record import Record

Kind = tuple[str, Callable[[object], bool]]  # what a value is to be, and whether it is that


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(value) -> bool:
    return all(map(_is_number, value)) if isinstance(value, list) else _is_number(value)


def _or_null(kind: Kind) -> Kind:
    return f"{kind[0]}, or null", lambda value: value is None or kind[1](value)


_TEXT: Kind = "a text", lambda value: isinstance(value, str) and value != ""
_HASH: Kind = "64 hexadecimal digits", lambda value: isinstance(value, str) and bool(_is_hash(value))
_FLAG: Kind = "true or false", lambda value: isinstance(value, bool)
_WHOLE: Kind = "a whole number, not negative", lambda value: type(value) is int and value >= 0
_NUMBER: Kind = "a number", _is_number
_AMOUNT: Kind = "a number, not negative", lambda value: _is_number(value) and value >= 0
_SHARE: Kind = "a share between 0 and 1", lambda value: _is_number(value) and 0 <= value <= 1
_HEAD: Kind = (
    "an object; its drop_rate, if there is one, a number or a list of numbers",
    lambda value: isinstance(value, dict) and _are_numbers(value.get("drop_rate", 0.0)),
)
_is_hash = re.compile("[0-9a-f]{64}").fullmatch

_FIELDS = {f.name for f in fields(Record)}
_PLAIN: dict[str, Kind] = {
    **dict.fromkeys(("key", "dataset_sha256", "source_sha256"), _HASH),
    **dict.fromkeys(("dataset", "dataset_source", "device", "device_name", "host"), _TEXT),
    **dict.fromkeys(("python", "torch", "library", "date"), _TEXT),
    **dict.fromkeys(("numerics_version", "n_steps", "seed", "threads"), _WHOLE),
    **dict.fromkeys(("seconds", "images_per_second", "peak_memory_mb"), _AMOUNT),
    "diverged": _FLAG,
    "tuning_id": _or_null(_HASH),
}
_COST = dict.fromkeys(("weights", "parameters", "macs"), _WHOLE)
# What is inside a record's objects.
_INSIDE: dict[str, dict[str, Kind]] = {
    "head_cost": _COST,
    "body_cost": _COST,
    "split_sizes": dict.fromkeys(("train", "val", "test"), _WHOLE),
    "model": {
        **dict.fromkeys(("backbone", "head"), _TEXT),
        **dict.fromkeys(("num_classes", "in_chans", "image_size"), _WHOLE),
        "head_arguments": _HEAD,
    },
    "recipe": {
        **dict.fromkeys(("optimizer", "schedule"), _TEXT),
        **dict.fromkeys(("learning_rate", "momentum", "weight_decay", "evals_per_epoch"), _AMOUNT),
        "batch_size": _WHOLE,
        "epochs": _or_null(_WHOLE),  # or steps, see below
        "read_test": _FLAG,
    },
}
_MAY_HOLD_MORE = ("model", "recipe", "curve", "split_sizes")  # of a cut made anew its seed
_POINT = {"step": _WHOLE, "epoch": _AMOUNT, "train_loss": _or_null(_NUMBER)}
_POINTS = {
    "cross_entropy": {**_POINT, "val_error": _or_null(_SHARE), "val_nll": _or_null(_AMOUNT)},
    "mse": {**_POINT, "val_mse": _or_null(_AMOUNT)},
}
_TESTS = {
    "cross_entropy": {
        **dict.fromkeys(("last", "val_best", "test_max"), _SHARE),
        **dict.fromkeys(("nll", "brier"), _or_null(_AMOUNT)),
        "correct": _TEXT,
    },
    "mse": dict.fromkeys(("last_mse", "val_best_mse", "test_min_mse"), _or_null(_AMOUNT)),
}


def check_record(record: dict) -> None:
    """Raise ValueError naming the first field that is missing, unknown or of a wrong kind."""
    if not isinstance(record, dict):
        raise ValueError(f"a record is a JSON object, got {type(record).__name__}")
    if record.keys() != _FIELDS:
        missing, unknown = sorted(_FIELDS - record.keys()), sorted(record.keys() - _FIELDS)
        raise ValueError(f"fields missing: {missing or 'none'}, unknown: {unknown or 'none'}")
    for name, (expected, is_good) in _PLAIN.items():
        _require(is_good(record[name]), name, record[name], expected)
    for name, kinds in _INSIDE.items():
        _check_object(name, record[name], kinds)
    loss = record["recipe"].get("loss", "cross_entropy")
    _require(loss in list(_POINTS), "recipe loss", loss, f"one of {sorted(_POINTS)}")
    length = {name: record["recipe"].get(name) for name in ("steps", "epochs")}
    good = [value is None or (_WHOLE[1](value) and value > 0) for value in length.values()]
    good = all(good) and sum(value is not None for value in length.values()) == 1
    _require(good, "recipe", length, "either steps or epochs, above 0")
    curve, test = record["curve"], record["test"]
    _require(isinstance(curve, list) and len(curve) > 0, "curve", curve, "a list of at least one point")
    for point in curve:
        _check_object("curve", point, _POINTS[loss])
    if test is not None:
        _check_object("test", test, _TESTS[loss])


def _check_object(name: str, value, kinds: dict[str, Kind]) -> None:
    good = isinstance(value, dict) and value.keys() >= kinds.keys()
    good = good and (name in _MAY_HOLD_MORE or len(value) == len(kinds))
    _require(good, name, value, f"an object with {sorted(kinds)}")
    for part, (expected, is_good) in kinds.items():
        _require(is_good(value[part]), f"{name} {part}", value[part], expected)


def _require(good: bool, name: str, value, expected: str) -> None:
    if not good:
        raise ValueError(f"{name} is {str(value)[:80]!r}, expected {expected}")
